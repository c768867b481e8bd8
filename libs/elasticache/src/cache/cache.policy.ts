import type { Tier } from '../entry/cache.entry.js';
import type { FreshnessPolicy } from '../entry/freshness.js';
import type { Duration } from '../time/duration.js';

/** What a lifetime function of a cache is told. */
export interface TtlCall {
  /** The encoded key. */
  readonly key: string;
  readonly value: unknown;
  /** Whose entry it will be, in a cache of tenants or their users. */
  readonly tenant?: string;
}

/** Who shares a load: nobody, the calls of one process, or those of all. */
export type SingleFlight = false | 'process' | 'distributed';

/** The options of one cache after validation, with every default in its place. Durations are milliseconds. */
export interface CachePolicy {
  /** Those it lives in. */
  readonly tiers: readonly Tier[];
  readonly ttl: number | ((call: TtlCall) => Duration);
  /** Time to idle, where there is one. */
  readonly idleMs: number | undefined;
  readonly jitter: number;
  /** Null and undefined results: like any other, never stored, or stored for this long. */
  readonly nulls: 'stored' | 'refused' | number;
  readonly singleFlight: SingleFlight;
  readonly freshness: FreshnessPolicy;
  /** Borne by every entry. */
  readonly tags: readonly string[];
  /** Two-phase invalidation. */
  readonly strict: boolean;
  /** What comes of an invalidation that was not acknowledged: told, or thrown, too. */
  readonly onEvictFailure: 'report' | 'throw';
  /** How long a call waits for another's load. */
  readonly waitMs: number;
  /** Loaders of this cache that run at a time in this process, and how many wait. */
  readonly loads: { readonly concurrent: number; readonly queue: number } | undefined;
}
