import type { CacheError } from '../errors/cache.errors.js';
import type { CacheEntry } from '../entry/cache.entry.js';
import type { Glob } from '../key/glob.js';
import type { Key } from '../key/key.encoding.js';
import type { Duration } from '../time/duration.js';

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
  /** Failures of the cache, as the error handler was told of them. */
  readonly errors: number;
  /** hits / (hits + misses); 0 before the first lookup. */
  readonly hitRate: number;
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
  /** Lifetime instead of the cache's own: milliseconds, text such as `'5m'`, or a function of the value. */
  readonly ttl?: Duration | ((value: V) => Duration);
}

/**
 * Options of one programmatic read-through.
 *
 * @example
 * await articles.getOrLoad(7, load, { unless: (article) => article.isDraft });
 */
export interface LoadOptions<V = unknown> extends PutOptions<V> {
  /** True means: return the value, do not store it. Not asked on hits. */
  readonly unless?: (value: V) => boolean;
  /** `false`: concurrent calls for the key each run their loader. Default: as the cache is configured. */
  readonly singleFlight?: false | 'process';
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
   * The value, loaded and stored on a miss. Concurrent calls for one key in this process share one
   * load, and its failure. A value that cannot be stored is returned all the same, and reported.
   * The signal aborts when the application shuts down.
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
   * Stores the value. It carries no ordering promise against other writers.
   * Null and undefined under `cacheNull: false` remove the entry.
   *
   * @throws CacheSerializationError for a value that cannot be stored
   */
  put(key: K, value: V, options?: PutOptions<V>): Promise<void>;
  /**
   * Stores unless there is an entry; answers with the value already there, else undefined.
   *
   * @throws CacheSerializationError for a value that cannot be stored
   */
  putIfAbsent(key: K, value: V, options?: PutOptions<V>): Promise<V | undefined>;
  /**
   * Stores all, in one round trip; what cannot be stored does not keep the others out.
   *
   * @throws CacheSerializationError for the first value that cannot be stored
   */
  putMany(entries: Iterable<readonly [K, V]>, options?: PutOptions<V>): Promise<void>;
  /**
   * Removes the entries. True once acknowledged by every tier; false: it could not be, and was
   * reported. Loads of these keys under way in this process are detached: what they load is not stored.
   */
  evict(...keys: K[]): Promise<boolean>;
  /**
   * Removes the entries whose encoded key matches a `glob` tag's pattern (a string is a literal key).
   * Answers how many they were; 0, too, where it could not be acknowledged, which was then reported.
   */
  evictMatching(pattern: Glob | string): Promise<number>;
  /** Removes every entry of this cache. True once acknowledged by every tier. */
  clear(): Promise<boolean>;
  /** The counters of this cache in this process. */
  stats(): CacheStats;
}
