/**
 * Entries that have left this process's memory, by why; where the cache is in Redis, copies. (The
 * causes are those of Caffeine's `RemovalCause`, but for the last.)
 *
 * @example
 * const { size, expired } = manager.stats()['articles']!.removals;
 */
export interface Removals {
  /** Invalidated: by key, tag, pattern or with all others, by this process or another. */
  readonly explicit: number;
  /** A newer value took its place. */
  readonly replaced: number;
  /** Its life was over when it was met. */
  readonly expired: number;
  /** Dropped to make room. */
  readonly size: number;
  /** Copies that had to go because invalidations may have been missed. */
  readonly unconfirmed: number;
}

export type RemovalCause = keyof Removals;

/** What a table tells of entries that one that is set pushes out. */
export type Pushed<V> = (gone: V, cause: 'replaced' | 'size') => void;

export function noRemovals(): Record<RemovalCause, number> {
  return { explicit: 0, replaced: 0, expired: 0, size: 0, unconfirmed: 0 };
}
