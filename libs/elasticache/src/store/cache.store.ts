import type { Entry } from '../entry/cache.entry.js';
import type { CacheSerializationError } from '../errors/cache.errors.js';
import type { Glob } from '../key/glob.js';

/** What stood under a key: an entry, nothing, or bytes that could not be read. */
export type Found = Entry | CacheSerializationError | undefined;

/** One entry to be stored under an encoded key. */
export interface StoreWrite {
  readonly text: string;
  readonly entry: Entry;
  /** Lifetime from now, in milliseconds. */
  readonly ttlMs: number;
  /** Asked in the very turn in which the write would be sent: false drops it, because an invalidation came first. */
  readonly wanted: () => boolean;
}

/**
 * What a cache needs of its shared tier. Keys are encoded texts of this one cache; the store adds
 * namespace and cache name. Every method rejects with a `CacheError` alone: `CacheUnavailableError`,
 * `CacheTimeoutError`, or `CacheSerializationError` for a value that cannot be stored. Bytes that
 * cannot be read are removed, and answered with the error that reading them made.
 */
export interface CacheStore {
  get(text: string): Promise<Found>;
  /** In the order asked, in one round trip. */
  getMany(texts: readonly string[]): Promise<Found[]>;
  /** Whether the entry was sent and acknowledged; false where it was no longer wanted. */
  set(write: StoreWrite): Promise<boolean>;
  /** Like `set`, in one round trip; an answer per write, the error for a value that cannot be stored among them. */
  setMany(writes: readonly StoreWrite[]): Promise<(boolean | CacheSerializationError)[]>;
  /** Stores unless there is an entry already, and then answers with that one. */
  setIfAbsent(write: StoreWrite): Promise<Found>;
  /** How many of them were there. */
  delete(texts: readonly string[]): Promise<number>;
  /** Removes the entries whose encoded key matches, or all of the cache; in bounded steps. */
  deleteMatching(glob?: Glob): Promise<number>;
}

/** Stands in where a cache has no shared tier. */
export const noStore: CacheStore = {
  get: async () => undefined,
  getMany: async (texts) => texts.map(() => undefined),
  set: async (write) => write.wanted(),
  setMany: async (writes) => writes.map((write) => write.wanted()),
  setIfAbsent: async () => undefined,
  delete: async () => 0,
  deleteMatching: async () => 0,
};
