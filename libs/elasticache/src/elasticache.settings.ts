import type { CachePolicy } from './cache/cache.policy.js';
import type { EntryCodecOptions } from './codec/entry.codec.js';
import { cacheRules } from './elasticache.cache-rules.js';
import { moduleRules } from './elasticache.option-rules.js';
import type { CacheOptions, ElastiCacheModuleOptions } from './elasticache.options.js';
import type { Fault } from './errors/catalogue.js';
import type { ScopeKind } from './key/scope.js';
import { faultsIn, isObject, isPlainObject, isText } from './invocation/option.rules.js';
import type { Eviction, Isolation } from './memory/memory.tier.js';
import { type Duration, parseDuration } from './time/duration.js';

/** One cache's options with every default in its place. */
export interface CacheSettings {
  readonly policy: CachePolicy;
  readonly tier: MemoryOnly | Shared;
  /** Whose entries are kept apart, where the options say. */
  readonly scope: ScopeKind | undefined;
}

export interface MemorySettings {
  readonly maxEntries: number;
  readonly maxBytes: number | undefined;
  readonly eviction: Eviction;
  readonly isolation: Isolation;
  readonly ttlMs: number;
  readonly maxStalenessMs: number;
}

interface MemoryOnly {
  readonly kind: 'memory';
  readonly memory: MemorySettings;
}

interface Shared {
  readonly kind: 'shared';
  readonly version: string | number;
  readonly codec: EntryCodecOptions;
  readonly storeTimeoutMs: number;
  /** Whether entries are read from replicas, which may be behind. */
  readonly readsReplicas: boolean;
  /** Whether the single reads of one turn of the event loop travel together. */
  readonly batching: boolean;
  /** Of the copies in front of it, where there are any. */
  readonly memory: MemorySettings | undefined;
}

/** The defaults of one cache; the reference's table says the same, and a test holds the two together. */
export const cacheDefaults = {
  ttl: '5m',
  jitter: 0.1,
  cacheNull: true,
  version: 1,
  serializer: 'msgpack',
  compression: false,
  batching: true,
  consistency: 'default',
  onEvictFailure: 'journal',
  memory: { maxEntries: 10_000, eviction: 'lru', isolation: 'clone', maxStaleness: '1s' },
  timeouts: { store: '250ms', wait: '10s' },
} as const satisfies CacheOptions;

export const DEFAULT_NAMESPACE = 'cache';

/** Everything wrong with the module's options, at once. */
export function moduleFaults(options: ElastiCacheModuleOptions): Fault[] {
  const faults = faultsIn(options, moduleRules);
  const { caches, defaults, connection } = options ?? {};
  const isShared = connection !== undefined;
  const base = isObject(defaults) ? defaults : {};
  const scopes = scopesOf(options ?? {});
  const place = { isShared, scopes, path: 'defaults' };
  faults.push(
    ...connectionFaults(connection),
    ...tierFaults(base, place),
    ...scopeFaults(base, place),
    ...idleFaults(base, place),
  );
  for (const [name, own] of isObject(caches) ? Object.entries(caches) : []) {
    if (name === '') faults.push({ path: 'caches', message: NO_NAME });
    faults.push(...cacheFaults(own, { ...place, defaults: base, path: `caches.${name}` }));
  }
  return faults;
}

/** What is wrong with the shape of what `forFeature` was given; the options wait until the application starts. */
export function featureFaults(caches: unknown): Fault[] {
  if (!Array.isArray(caches)) {
    return [{ path: 'forFeature', message: "takes an array: forFeature(['articles'])" }];
  }
  return caches.flatMap((cache: unknown, i) => {
    const name = isObject(cache) ? cache['name'] : cache;
    return isText(name) ? [] : [{ path: `forFeature[${i}]`, message: NO_NAME }];
  });
}

interface CachePlace {
  /** What the cache starts from. */
  readonly defaults?: CacheOptions;
  readonly isShared: boolean;
  /** The kinds of scope that there are. */
  readonly scopes: readonly ScopeKind[];
  readonly path: string;
}

/** Everything wrong with the options of one cache, alone and beside the defaults. */
export function cacheFaults(own: unknown, place: CachePlace): Fault[] {
  return [
    ...faultsIn(own, cacheRules, place.path),
    ...(isObject(own)
      ? [...tierFaults(own, place), ...scopeFaults(own, place), ...idleFaults(own, place)]
      : []),
  ];
}

/** The kinds of scope for which something says whose the running code is. */
export function scopesOf({ tenancy, identity }: ElastiCacheModuleOptions): readonly ScopeKind[] {
  if (tenancy !== undefined) return ['global', 'tenant', 'user'];
  return identity === undefined ? ['global'] : ['global', 'user'];
}

/** What could not be kept apart is found at start-up, not with the first value that reaches a stranger. */
function scopeFaults({ scope }: CacheOptions, { scopes, path }: CachePlace): Fault[] {
  if (scope === undefined || scopes.includes(scope)) return [];
  if (scope !== 'tenant' && scope !== 'user') return []; // told already
  const remedy = scope === 'tenant' ? 'tenancy' : 'tenancy or identity';
  const message = `'${scope}' needs to know whose the running code is: set the option ${remedy} of forRoot`;
  return [{ path: `${path}.scope`, message }];
}

/** A cache has a tier to live in. Where the defaults alone are to blame they are blamed once, there. */
function tierFaults(own: CacheOptions, { defaults = {}, isShared, path }: CachePlace): Fault[] {
  if (own.shared === undefined && own.memory === undefined) return [];
  const shared = own.shared ?? defaults.shared ?? isShared;
  const memory = own.memory ?? defaults.memory;
  const at = `${path}.${own.memory === undefined ? 'shared' : 'memory'}`;
  if (shared && !isShared) return own.shared ? [noConnection(`${path}.shared`)] : [];
  return !shared && memory === false ? [{ path: at, message: NO_TIER }] : [];
}

/** A read that renews a life is a write. Where the defaults alone are to blame they are blamed once, there. */
function idleFaults(own: CacheOptions, { defaults = {}, path }: CachePlace): Fault[] {
  const { tti, consistency } = { ...given(defaults), ...given(own) };
  const isOwn = own.tti !== undefined || own.consistency !== undefined;
  if (!isOwn || tti === undefined || consistency !== 'eventual') return [];
  const message = "'eventual' goes without tti: each read would renew a life, on the primary";
  return [{ path: `${path}.consistency`, message }];
}

/** One way to say where it is, and nothing beside it that has no meaning there. */
function connectionFaults(connection: unknown): Fault[] {
  if (!isPlainObject(connection)) return []; // a client, or told by its rule
  const given = Object.keys(connection).filter((name) => connection[name] !== undefined);
  const place = ['url', 'cluster', 'host'].find((name) => given.includes(name));
  if (place === undefined) {
    const message = 'needs a url, a host or a cluster; is an environment variable not set?';
    return [{ path: 'connection', message }];
  }
  const rest = given.filter((name) => MISPLACED[place]!(name)).join(', ');
  if (rest === '') return [];
  const message =
    place === 'url'
      ? `stands alone: put ${rest} into it, or give host instead`
      : `stands without ${rest}: its nodes have places of their own, replicas too, and database 0 alone`;
  return [{ path: `connection.${place}`, message }];
}

/** What says nothing beside the place that was given. */
const MISPLACED: Readonly<Record<string, (name: string) => boolean>> = {
  url: (name) => name !== 'url',
  cluster: (name) => ['host', 'port', 'db', 'reader'].includes(name),
  host: () => false,
};

/** The settings of valid options: own over the module's defaults over the library's. */
export function cacheSettings(
  own: CacheOptions,
  defaults: CacheOptions,
  isShared: boolean,
): CacheSettings {
  const options = { ...cacheDefaults, ...given(defaults), ...given(own) };
  const { cacheNull, tti, ttl, scope } = options;
  const isInRedis = options.shared ?? isShared;
  const readsReplicas = options.consistency === 'eventual';
  // Of a time to idle Redis has to see each read. A copy of what a replica still has would outlive its eviction.
  const isInFront =
    (own.memory ?? defaults.memory) !== false && tti === undefined && !readsReplicas;
  const policy: CachePolicy = {
    tiers: isInRedis ? [...(isInFront ? ['memory' as const] : []), 'shared'] : ['memory'],
    ttl: typeof ttl === 'function' ? ttl : parseDuration(ttl)!,
    idleMs: tti === undefined ? undefined : parseDuration(tti)!,
    jitter: options.jitter,
    nulls:
      typeof cacheNull === 'boolean'
        ? cacheNull
          ? 'stored'
          : 'refused'
        : parseDuration(cacheNull)!,
    singleFlight: options.singleFlight ?? (isInRedis ? 'distributed' : 'process'),
    freshness: {
      staleWhileRevalidateMs: parseDuration(options.staleWhileRevalidate) ?? 0,
      staleIfErrorMs: parseDuration(options.staleIfError) ?? 0,
      refreshAhead: options.refreshAhead,
    },
    tags: Object.freeze([...new Set(options.tags ?? [])]),
    strict: options.consistency === 'strict',
    onEvictFailure: options.onEvictFailure === 'throw' ? 'throw' : 'journal',
    waitMs: parseDuration(timeoutOf('wait', own, defaults))!,
    loadMs: parseDuration(own.timeouts?.load ?? defaults.timeouts?.load),
    loads: options.loads && { queue: Number.POSITIVE_INFINITY, ...given(options.loads) },
  };
  if (!isInRedis)
    return { policy, scope, tier: { kind: 'memory', memory: memorySettings(own, defaults) } };
  const { version, serializer, compression, maxValueBytes, batching } = options;
  return {
    policy,
    scope,
    tier: {
      kind: 'shared',
      version,
      codec: { serializer, compression, maxValueBytes },
      batching,
      storeTimeoutMs: parseDuration(timeoutOf('store', own, defaults))!,
      readsReplicas,
      memory: isInFront ? memorySettings(own, defaults) : undefined,
    },
  };
}

function memorySettings(own: CacheOptions, defaults: CacheOptions): MemorySettings {
  const { ttl, maxStaleness, ...bounds } = {
    maxBytes: undefined,
    ttl: undefined,
    ...cacheDefaults.memory,
    ...given(defaults.memory || {}),
    ...given(own.memory || {}),
  };
  return {
    ...bounds,
    ttlMs: parseDuration(ttl) ?? Number.POSITIVE_INFINITY,
    maxStalenessMs: parseDuration(maxStaleness)!,
  };
}

/** The bound of one kind of waiting, in one cache. */
export function timeoutOf(
  kind: 'store' | 'wait',
  own: CacheOptions,
  defaults: CacheOptions,
): Duration {
  return own.timeouts?.[kind] ?? defaults.timeouts?.[kind] ?? cacheDefaults.timeouts[kind];
}

/** An option given as undefined is one not given. */
function given<T extends object>(options: T): T {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as T;
}

const NO_NAME = 'needs a name: a text that is not empty';
const NO_TIER =
  'leaves the cache no tier to live in: leave memory on, or share it over a connection';

function noConnection(path: string): Fault {
  return { path, message: 'true needs a connection: set the option connection of forRoot' };
}
