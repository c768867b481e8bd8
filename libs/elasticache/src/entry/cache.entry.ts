/** Which tier an entry was found in. */
export type Tier = 'memory' | 'shared';

/** Tags, each with the version that an entry bears of it. */
export type BorneTags = readonly (readonly [tag: string, version: string])[];

/** What a tier keeps of one key. */
export interface Entry {
  readonly value: unknown;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Milliseconds since the epoch; from then on the entry is stale, and dead where nobody takes stale ones. */
  readonly expiresAt: number;
  /** The value is the list of an Observable's emissions, to be replayed one by one. */
  readonly emissions?: boolean;
  /** Evicting one of them evicts the entry. */
  readonly tags?: readonly string[];
  /** Each tag with the version that the entry bears of it, in Redis; known once it was read or stored there. Made when asked for: most hits are part of nothing. */
  borne?: (() => BorneTags) | undefined;
}

/**
 * One entry, as {@link Cache.getEntry} shows it.
 *
 * @example
 * const entry = await articles.getEntry(7);
 * entry?.expiresAt - Date.now(); // milliseconds left
 */
export interface CacheEntry<V = unknown> {
  readonly value: V;
  /** When it was stored, in milliseconds since the epoch. */
  readonly createdAt: number;
  /** When it expires, in milliseconds since the epoch. */
  readonly expiresAt: number;
  /** The tags it bears, the cache's own among them. */
  readonly tags: readonly string[];
  readonly tier: Tier;
  /** Expired, and kept for `staleWhileRevalidate` or `staleIfError`. */
  readonly stale: boolean;
}
