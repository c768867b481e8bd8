import type { CacheErrorHandler } from './cache/cache.js';
import type { SingleFlight, TtlCall } from './cache/cache.policy.js';
import type { SensitiveOptions } from './cache/sensitive.values.js';
import type { CompressionOptions, Serializer, SerializerName } from './codec/serializer.js';
import type { ConnectionOptions } from './connection/connection.options.js';
import type { RedisClient } from './connection/redis.client.js';
import type { IdentitySource } from './identity/identity.source.js';
import type { TenancyOptions } from './identity/scope.resolver.js';
import type { KeyGenerator } from './invocation/cache.operation.js';
import type { NamedKey } from './key/key.secret.js';
import type { ScopeKind } from './key/scope.js';
import type { MemoryTierOptions } from './memory/memory.tier.js';
import type { Duration } from './time/duration.js';

/**
 * Options of one cache. A number given for a duration is milliseconds.
 *
 * @example
 * caches: { articles: { ttl: '5m', jitter: 0.2 }, countries: { ttl: '7d', shared: false } }
 */
export interface CacheOptions {
  /** Lifetime of an entry, or a function of its key and value; default `'5m'`. */
  readonly ttl?: Duration | ((call: TtlCall) => Duration);
  /** Time to idle: each read renews the entry's life for this long, never past `ttl`. */
  readonly tti?: Duration;
  /** 0 to 1: shortens each lifetime by a random share up to this; default 0.1. */
  readonly jitter?: number;
  /** Null and undefined results: cached (default), never, or for this long. */
  readonly cacheNull?: boolean | Duration;
  /** Schema version: a new one never reads entries of the old one; default 1. */
  readonly version?: string | number;
  /** This process's memory, in front of Redis or the only tier; default on. False: the cache lives in Redis alone. */
  readonly memory?: false | MemoryTierOptions;
  /** Whether the cache lives in Redis; default true where there is a connection. */
  readonly shared?: boolean;
  /** How values become bytes in the shared tier; default `'msgpack'`. */
  readonly serializer?: SerializerName | Serializer;
  /** Compression of stored values; default false. */
  readonly compression?: false | CompressionOptions;
  /** Bytes of a serialized value beyond which it is not stored in the shared tier; default 8 MiB. */
  readonly maxValueBytes?: number;
  /** Whether the single reads of one turn of the event loop travel to Redis as one command; default true. */
  readonly batching?: boolean;
  /**
   * Whose entries are kept apart: everybody shares them (`'global'`, the default without `tenancy`),
   * each tenant has its own (`'tenant'`, the default with it), or each user (`'user'`).
   */
  readonly scope?: ScopeKind;
  /** Tags that every entry of this cache bears: evicting one of them empties it. */
  readonly tags?: readonly string[];
  /**
   * Concurrent calls for one key run one load: of all processes (`'distributed'`, the default in
   * Redis), of each process (`'process'`, the default in memory), or each call its own.
   */
  readonly singleFlight?: SingleFlight;
  /** For so long past its life an entry is served, and loaded anew behind it. (RFC 5861) */
  readonly staleWhileRevalidate?: Duration;
  /** For so long past its life an entry is served where the loader fails. (RFC 5861) */
  readonly staleIfError?: Duration;
  /** 0 to 1: past this share of its life, a read loads the entry anew in the background. */
  readonly refreshAhead?: number;
  /**
   * `'strict'`: what a method makes untrue is guarded in Redis before it runs, and it does not run
   * where that fails; so a process that dies between its commit and its eviction leaves nothing stale.
   * `'eventual'`: entries are read from replicas, where there are any: an evicted one may be served until
   * they have heard of it, at most until its life is over. There are no copies in memory.
   */
  readonly consistency?: 'default' | 'strict' | 'eventual';
  /** An invalidation that was not acknowledged in time is reported (`'journal'`, the default) or thrown, too. */
  readonly onEvictFailure?: 'journal' | 'throw';
  readonly timeouts?: CacheTimeouts;
  /** Loaders of this cache that run at a time in this process; default unbounded. */
  readonly loads?: LoadLimits;
}

/**
 * Keeps a cold or broken cache from flooding the database. Beyond the limits a call gets an expired
 * copy where `staleWhileRevalidate` or `staleIfError` allow one, else it waits up to `timeouts.wait`.
 *
 * @example
 * caches: { articles: { loads: { concurrent: 20, queue: 200 } } }
 */
export interface LoadLimits {
  readonly concurrent: number;
  /** Calls that may wait for room; beyond them a `CacheTimeoutError`. Default unbounded. */
  readonly queue?: number;
}

/**
 * Bounds of waiting. What was sent may still take effect after them.
 *
 * @example
 * defaults: { timeouts: { store: '100ms' } }
 */
export interface CacheTimeouts {
  /** One exchange with Redis, waiting for a connection included; default `'250ms'`. */
  readonly store?: Duration;
  /** How long a call waits for another's load, or for room to load; default `'10s'`. */
  readonly wait?: Duration;
  /** A loader's own bound; default none. Its callers get a `CacheTimeoutError`, or a stale copy under `staleIfError`. A method that puts has none. */
  readonly load?: Duration;
}

/**
 * Keys that cannot be read, guessed or listed: tenants, users, keys and tags are called by what
 * HMAC-SHA-256 makes of them, in Redis and in all that is told.
 *
 * @example
 * keys: { secret: [{ id: 'k2', key: process.env.CACHE_KEY_2 }, { id: 'k1', key: process.env.CACHE_KEY_1 }] }
 */
export interface KeyOptions {
  /** The first makes the names; entries are evicted under the names of all of them. */
  readonly secret: readonly NamedKey[];
}

/**
 * Values that cannot be read, moved to another key or forged: AES-256-GCM, bound to the full key, the
 * scope, and the times, versions and tags of the entry. What does not open is a miss, and is removed.
 *
 * @example
 * encryption: { keys: [{ id: 'e2', key: process.env.SEAL_2 }, { id: 'e1', key: process.env.SEAL_1 }] }
 */
export interface EncryptionOptions {
  /** The first seals, all of them open. */
  readonly keys: readonly NamedKey[];
}

/**
 * Options of the module.
 *
 * @example
 * ElastiCacheModule.forRoot({ connection: process.env.REDIS_URL, defaults: { ttl: '1m' } })
 */
export interface ElastiCacheModuleOptions {
  /**
   * The shared tier: a `redis://` or `rediss://` URL, settings, or a ready ioredis client (which
   * its owner closes). Omitted: this process's memory is the only tier.
   */
  readonly connection?: string | ConnectionOptions | RedisClient | undefined;
  /** First segment of every key; default `'cache'`. */
  readonly namespace?: string;
  /** What every cache starts from. */
  readonly defaults?: CacheOptions;
  /** The caches by name; each can be injected with `@InjectCache(name)`. */
  readonly caches?: Readonly<Record<string, CacheOptions>>;
  /** May a cache be created on its first use? Default true; false: `UnknownCacheError`. */
  readonly dynamicCaches?: boolean;
  /** One application for many tenants: caches keep their entries apart. */
  readonly tenancy?: TenancyOptions;
  /** Who is asking, read from each HTTP request after its guards: `entraIdentity()` or `fromRequest()`. */
  readonly identity?: IdentitySource;
  /** What keys in Redis are called. */
  readonly keys?: KeyOptions;
  /** Seals values in Redis. */
  readonly encryption?: EncryptionOptions;
  /** What must not be cached; default off. */
  readonly sensitive?: SensitiveOptions;
  /** Makes the keys of operations that name none. */
  readonly keyGenerator?: KeyGenerator;
  /** Default: log, count, carry on without the cache. */
  readonly errorHandler?: CacheErrorHandler;
  /** False: every decorated method runs as if not annotated, and nothing is connected. Default true. */
  readonly enabled?: boolean;
  /** Default true: a decorator has no module of its own to import into. */
  readonly isGlobal?: boolean;
}

/**
 * Makes the module's options, for `forRootAsync({ useClass })` and `useExisting`.
 *
 * @example
 * class CacheOptionsService implements ElastiCacheOptionsFactory {
 *   createElastiCacheOptions() { return { namespace: 'shop' }; }
 * }
 */
export interface ElastiCacheOptionsFactory {
  createElastiCacheOptions(): Promise<ElastiCacheModuleOptions> | ElastiCacheModuleOptions;
}

/**
 * A cache for `forFeature`: a name makes it injectable, options configure it, too.
 *
 * @example
 * ElastiCacheModule.forFeature(['users', { name: 'articles', ttl: '1m' }])
 */
export type FeatureCache = string | ({ readonly name: string } & CacheOptions);
