import type { CacheError } from '../errors/cache.errors.js';
import type { CacheEntry, Tier } from '../entry/cache.entry.js';
import type { MissReason } from '../events/cache.events.js';
import type { Glob } from '../key/glob.js';
import type { Key } from '../key/key.encoding.js';
import type { Removals } from '../memory/removals.js';
import type { Duration } from '../time/duration.js';
import type { SingleFlight } from './cache.policy.js';

/**
 * Counters of one cache in this process since it started: a snapshot. A lookup in one cache counts
 * once: as a hit, a miss or an error.
 *
 * @example
 * const { hits, misses, hitRate } = manager.stats()['articles']!;
 */
export interface CacheStats {
  readonly hits: number;
  readonly misses: number;
  /** Entries stored. */
  readonly puts: number;
  /** Entries removed by invalidations. */
  readonly evictions: number;
  /** Runs of a method or loader after a miss; a batch counts as one. */
  readonly loads: number;
  /** Those of them that threw. */
  readonly loadFailures: number;
  /** Calls that got the result of a load begun by another call. */
  readonly coalesced: number;
  /** Expired copies handed out, by `staleWhileRevalidate` and `staleIfError`. */
  readonly staleServed: number;
  /** Failures of the cache, as the error handler was told of them. */
  readonly errors: number;
  /** hits / (hits + misses); 0 before the first lookup. */
  readonly hitRate: number;
  /** From this process's memory; with tenants, of all of them together, in `forAllTenants().stats()` alone. */
  readonly removals: Removals;
}

/** What failed and where, for a {@link CacheErrorHandler}. */
export interface CacheErrorContext {
  readonly operation: 'get' | 'put' | 'evict' | 'clear';
  readonly cache: string;
  /** The decorated method, as `ArticlesService.findOne`; absent for programmatic calls. */
  readonly method?: string;
  /** The encoded key, where the failure concerns one. */
  readonly key?: string;
}

/**
 * Told of every failure of the cache. It may log and count; what it throws fails the operation,
 * which is how an application opts out of carrying on without its cache.
 *
 * @example
 * errorHandler: (error, { operation, cache }) => metrics.increment(`cache.${cache}.${operation}.failed`)
 */
export type CacheErrorHandler =
  | ((error: CacheError, context: CacheErrorContext) => void)
  | { handle(error: CacheError, context: CacheErrorContext): void };

/**
 * Options of one programmatic write.
 *
 * @example
 * await articles.put(7, article, { ttl: '30s' });
 */
export interface PutOptions<V = unknown> {
  /** `false`: the value stays in this process's memory, and Redis only sees to its order with other writes. */
  readonly shared?: false;
  /** Lifetime instead of the cache's own: milliseconds, text such as `'5m'`, or a function of the value. */
  readonly ttl?: Duration | ((value: V) => Duration);
  /** Tags beside the cache's own, or a function of the value: evicting one of them evicts the entry. */
  readonly tags?: readonly string[] | ((value: V) => readonly string[]);
}

/**
 * Options of one programmatic read-through.
 *
 * @example
 * await articles.getOrLoad(7, load, { unless: (article) => article.isDraft });
 */
export interface LoadOptions<V = unknown> extends PutOptions<V> {
  /** `false`: Redis is asked, whatever this process has a copy of, and no copy is made. */
  readonly memory?: false;
  /** True means: return the value, do not store it. Not asked on hits. */
  readonly unless?: (value: V) => boolean;
  /** Who shares a load: the calls of all processes, those of this one, or nobody. Default: as the cache is configured. */
  readonly singleFlight?: SingleFlight;
  /** As in the cache's options, for this read. */
  readonly staleWhileRevalidate?: Duration;
  /** As in the cache's options, for this read. */
  readonly staleIfError?: Duration;
  /** As in the cache's options, for this read. */
  readonly refreshAhead?: number;
}

/**
 * What a cache knows of one key, and why a lookup would miss.
 *
 * @example
 * const { found, miss, versions } = await articles.explain(7); // 'miss', 'tag news', { … }
 */
export interface CacheExplanation {
  /** The full key, as the tier has it. */
  readonly key: string;
  /** What it is made of. */
  readonly parts: {
    readonly namespace: string;
    readonly version: string;
    readonly scope: string;
    readonly cache: string;
    readonly key: string;
  };
  /** What a lookup would find now; `stale` is a miss for all who do not take expired entries. */
  readonly found: 'fresh' | 'stale' | 'miss';
  /** Why it would miss. */
  readonly miss?: MissReason;
  readonly tier: Tier;
  /** Of the entry, in milliseconds. */
  readonly ageMs?: number;
  /** Until it expires, in milliseconds; below 0 where it has. */
  readonly remainingMs?: number;
  readonly tags: readonly string[];
  /** The versions that an entry must bear: of the cache, and of each tag. Undefined: invalidated, and not read since; `pending`: a strict eviction is under way. */
  readonly versions: Readonly<Record<string, string | undefined>>;
  /** Who may store under the key. */
  readonly lease: 'none' | 'load' | 'write' | 'strict write' | 'unstored load';
}

/**
 * One named cache, by hand. Keys and values are typed by whoever injects it. (Spring: `Cache`.)
 *
 * When the store fails, reads miss and writes and evictions report to the error handler and
 * resolve; see `CacheErrorHandler` to have them fail instead.
 *
 * @throws CacheError (`CACHE_KEY`) from every method that takes a key, for one that cannot be encoded
 * @example
 * constructor(@InjectCache('users') private readonly users: Cache<number, User>) {}
 * const user = await this.users.getOrLoad(7, () => this.db.user(7));
 */
// eslint-disable-next-line typescript/no-explicit-any -- the contract's default: an untyped cache holds anything
export interface Cache<K extends Key = Key, V = any> {
  /** As it is configured. */
  readonly name: string;
  /** The value, or undefined on a miss (and for a stored undefined: `getEntry` tells them apart). */
  get(key: K): Promise<V | undefined>;
  /** The value with its times and tier, or undefined on a miss. */
  getEntry(key: K): Promise<CacheEntry<V> | undefined>;
  /**
   * The value, loaded and stored on a miss. Concurrent calls for one key share one load, and its
   * failure. A value that cannot be stored is returned all the same, and reported. The signal aborts
   * when the application shuts down, and when `timeouts.load` is over.
   *
   * @throws CacheTimeoutError where `loads` left no room in time, or the load took too long
   */
  getOrLoad<T extends V>(
    key: K,
    load: (signal: AbortSignal) => Promise<T>,
    options?: LoadOptions<T>,
  ): Promise<T>;
  /** The hits, by the keys asked and in their order; misses are absent. One round trip. */
  getMany(keys: Iterable<K>): Promise<Map<K, V>>;
  /** Like `getOrLoad` for many keys: one round trip, one call of the loader with the missing keys. */
  getOrLoadMany(
    keys: Iterable<K>,
    load: (missing: K[], signal: AbortSignal) => Promise<Map<K, V>>,
    options?: LoadOptions<V>,
  ): Promise<Map<K, V>>;
  /**
   * Stores the value, or what the function brings. A function is fenced: an eviction, or another
   * write of the key, that comes while it runs keeps its value out, and of two overlapping writes
   * neither leaves one. A bare value is older than the call and carries no ordering promise.
   * Null and undefined under `cacheNull: false` remove the entry.
   *
   * @throws CacheSerializationError for a value that cannot be stored
   * @throws CacheUnavailableError in strict mode, where the write could not be prepared: the function did not run
   * @example
   * await articles.put(7, async () => { await db.save(article); return article; });
   */
  put(key: K, value: V | (() => Promise<V> | V), options?: PutOptions<V>): Promise<void>;
  /**
   * Stores unless there is an entry; answers with the value already there, else undefined.
   *
   * @throws CacheSerializationError for a value that cannot be stored
   */
  putIfAbsent(key: K, value: V, options?: Omit<PutOptions<V>, 'shared'>): Promise<V | undefined>;
  /**
   * Stores all, in one round trip; what cannot be stored does not keep the others out.
   *
   * @throws CacheSerializationError for the first value that cannot be stored
   */
  putMany(entries: Iterable<readonly [K, V]>, options?: PutOptions<V>): Promise<void>;
  /**
   * Removes the entries. True once acknowledged by every tier; false: it could not be, and was
   * reported. Loads of these keys under way in any process store nothing.
   *
   * @throws CacheUnavailableError instead of answering false, under `onEvictFailure: 'throw'`
   */
  evict(...keys: K[]): Promise<boolean>;
  /**
   * Removes the entries whose encoded key matches a `glob` tag's pattern (a string is a literal key).
   * Answers how many they were; 0, too, where it could not be acknowledged, which was then reported.
   */
  evictMatching(pattern: Glob | string): Promise<number>;
  /** Invalidates every entry of this cache, in one step however many they are. True once acknowledged by every tier. */
  clear(): Promise<boolean>;
  /** What is known of a key, and why a lookup would miss. Counts nothing. */
  explain(key: K): Promise<CacheExplanation>;
  /** The counters of this cache in this process, for the current tenant or user. */
  stats(): CacheStats;
  /**
   * This cache for another tenant than the current one. Its loaders and option functions run on that
   * tenant's behalf, for the current user.
   *
   * @throws CacheError (`CACHE_NO_TENANTS`) where it belongs to everybody
   * @example
   * await invoices.forTenant('acme').clear();
   */
  forTenant(tenant: string): Cache<K, V>;
  /** What concerns all tenants and users of this cache at once. */
  forAllTenants(): AllTenants;
}

/**
 * What concerns all tenants, and all their users, at once: now, also within a unit of work. An
 * invalidation looks through the names of all keys in Redis: its cost grows with them, though it
 * holds nothing up.
 */
export interface AllTenants<S = CacheStats> {
  /** Invalidates all entries. True once acknowledged by every tier. */
  clear(): Promise<boolean>;
  /** Evicts every entry that bears one of these tags, in every cache. True once acknowledged by every tier. */
  evictTags(...tags: string[]): Promise<boolean>;
  /** The counters of this process, all together. */
  stats(): S;
}
