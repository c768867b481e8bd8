import type { Duration } from '../time/duration.js';

/** What a lifetime function of a cache is told. */
export interface TtlCall {
  /** The encoded key. */
  readonly key: string;
  readonly value: unknown;
}

/** The options of one cache after validation, with every default in its place. Durations are milliseconds. */
export interface CachePolicy {
  readonly ttl: number | ((call: TtlCall) => Duration);
  /** Time to idle, where there is one. */
  readonly idleMs: number | undefined;
  readonly jitter: number;
  /** Null and undefined results: like any other, never stored, or stored for this long. */
  readonly nulls: 'stored' | 'refused' | number;
  readonly singleFlight: boolean;
}
