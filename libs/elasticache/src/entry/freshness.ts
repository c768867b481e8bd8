import type { Entry } from './cache.entry.js';

/**
 * Fresh: a hit. Due: a hit that is loaded anew behind the caller's back. Stale: past its life, and
 * kept for those who take it. Dead: as if it were not there.
 */
export type Freshness = 'fresh' | 'due' | 'stale' | 'dead';

/** How long past its life an entry may still serve, and from when on it is renewed ahead. (RFC 5861) */
export interface FreshnessPolicy {
  /** Expired entries are served for so long, and loaded anew behind it; in milliseconds. */
  readonly staleWhileRevalidateMs: number;
  /** Expired entries are served for so long where the loader fails; in milliseconds. */
  readonly staleIfErrorMs: number;
  /** 0 to 1: past this share of its life an entry is loaded anew in the background. */
  readonly refreshAhead: number | undefined;
}

export function isSameFreshness(
  a: FreshnessPolicy | undefined,
  b: FreshnessPolicy | undefined,
): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.staleWhileRevalidateMs === b.staleWhileRevalidateMs &&
    a.staleIfErrorMs === b.staleIfErrorMs &&
    a.refreshAhead === b.refreshAhead
  );
}

/** How long a tier keeps an entry beyond its life. */
export function staleWindowMs(policy: FreshnessPolicy): number {
  return Math.max(policy.staleWhileRevalidateMs, policy.staleIfErrorMs);
}

export function freshnessOf(entry: Entry, policy: FreshnessPolicy, now: number): Freshness {
  const { createdAt, expiresAt } = entry;
  if (now >= expiresAt + staleWindowMs(policy)) return 'dead';
  if (now >= expiresAt) return 'stale';
  const { refreshAhead } = policy;
  if (refreshAhead === undefined) return 'fresh';
  return now >= createdAt + (expiresAt - createdAt) * refreshAhead ? 'due' : 'fresh';
}

/** Whether an expired entry may be served while it is loaded anew. */
export function mayServeStale(entry: Entry, policy: FreshnessPolicy, now: number): boolean {
  return now < entry.expiresAt + policy.staleWhileRevalidateMs;
}

/** Whether an expired entry may be served because the loader failed. */
export function mayServeOnError(entry: Entry, policy: FreshnessPolicy, now: number): boolean {
  return now < entry.expiresAt + policy.staleIfErrorMs;
}
