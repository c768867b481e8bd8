import type { CachePolicy } from './cache/cache.policy.js';
import type { EntryCodecOptions } from './codec/entry.codec.js';
import { cacheRules, faultsIn, moduleRules } from './elasticache.option-rules.js';
import type { CacheOptions, ElastiCacheModuleOptions } from './elasticache.options.js';
import type { Fault } from './errors/catalogue.js';
import type { Isolation } from './memory/memory.tier.js';
import { parseDuration } from './time/duration.js';

/** One cache's options with every default in its place; it lives in one of the two tiers. */
export interface CacheSettings {
  readonly policy: CachePolicy;
  readonly tier:
    | {
        readonly kind: 'memory';
        readonly maxEntries: number;
        readonly maxBytes: number | undefined;
        readonly isolation: Isolation;
      }
    | {
        readonly kind: 'shared';
        readonly version: string | number;
        readonly codec: EntryCodecOptions;
        readonly storeTimeoutMs: number;
      };
}

/** The defaults of one cache; the reference's table says the same, and a test holds the two together. */
export const cacheDefaults = {
  ttl: '5m',
  jitter: 0.1,
  cacheNull: true,
  version: 1,
  serializer: 'msgpack',
  compression: false,
  singleFlight: 'process',
  memory: { maxEntries: 10_000, isolation: 'clone' },
  timeouts: { store: '250ms' },
} as const satisfies CacheOptions;

export const DEFAULT_NAMESPACE = 'cache';

/** Everything wrong with the module's options, at once. */
export function moduleFaults(options: ElastiCacheModuleOptions): Fault[] {
  const faults = faultsIn(options, moduleRules);
  const { caches, defaults = {}, connection } = options ?? {};
  if (typeof defaults !== 'object' || defaults === null) return faults;
  const isShared = connection !== undefined;
  const named = typeof caches === 'object' && caches !== null ? Object.entries(caches) : [];
  for (const [name, own] of named) {
    faults.push(...cacheFaults(own, { defaults, isShared, path: `caches.${name}` }));
  }
  if (isShared && connection !== null && hasNoHost(connection)) {
    faults.push({ path: 'connection', message: 'needs a url or a host' });
  }
  const { memory, shared } = defaults;
  if (isShared && shared !== false && memory) faults.push(oneTier('defaults.memory'));
  if (!isShared && memory === false) faults.push(noTier('defaults.memory'));
  if (!isShared && shared) faults.push(noConnection('defaults.shared'));
  return faults;
}

/** Everything wrong with the options of one cache, alone and beside the defaults. */
export function cacheFaults(
  own: CacheOptions,
  { defaults, isShared, path }: { defaults: CacheOptions; isShared: boolean; path: string },
): Fault[] {
  const faults = faultsIn(own, cacheRules, path);
  if (typeof own !== 'object' || own === null) return faults;
  const shared = own.shared ?? defaults.shared ?? isShared;
  if (own.shared && !isShared) faults.push(noConnection(`${path}.shared`));
  else if (shared && own.memory) faults.push(oneTier(`${path}.memory`));
  if (!shared && (own.memory ?? (own.shared === false && defaults.memory)) === false) {
    if (own.memory === false) faults.push(noTier(`${path}.memory`));
  }
  return faults;
}

/** The settings of valid options: own over the module's defaults over the library's. */
export function cacheSettings(
  own: CacheOptions,
  defaults: CacheOptions,
  isShared: boolean,
): CacheSettings {
  const options = { ...cacheDefaults, ...given(defaults), ...given(own) };
  const { cacheNull, tti, ttl } = options;
  const policy: CachePolicy = {
    ttl: typeof ttl === 'function' ? ttl : parseDuration(ttl)!,
    idleMs: tti === undefined ? undefined : parseDuration(tti)!,
    jitter: options.jitter,
    nulls:
      typeof cacheNull === 'boolean'
        ? cacheNull
          ? 'stored'
          : 'refused'
        : parseDuration(cacheNull)!,
    singleFlight: options.singleFlight !== false,
  };
  if (options.shared ?? isShared) {
    const { version, serializer, compression } = options;
    const store = own.timeouts?.store ?? defaults.timeouts?.store ?? cacheDefaults.timeouts.store;
    const codec = { serializer, compression };
    return {
      policy,
      tier: { kind: 'shared', version, codec, storeTimeoutMs: parseDuration(store)! },
    };
  }
  const memory = {
    maxBytes: undefined,
    ...cacheDefaults.memory,
    ...given(defaults.memory || {}),
    ...given(own.memory || {}),
  };
  return { policy, tier: { kind: 'memory', ...memory } };
}

/** An option given as undefined is one not given. */
function given<T extends object>(options: T): T {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as T;
}

function hasNoHost(connection: unknown): boolean {
  if (typeof connection !== 'object') return false;
  return !['url', 'host', 'getBuffer'].some((name) => name in (connection as object));
}

function oneTier(path: string): Fault {
  return {
    path,
    message: 'a cache lives in Redis or in memory: leave memory out, or say shared: false',
  };
}

function noTier(path: string): Fault {
  return {
    path,
    message: 'false leaves the cache no tier to live in: give a connection, or leave it out',
  };
}

function noConnection(path: string): Fault {
  return { path, message: 'true needs a connection: set the option connection of forRoot' };
}
