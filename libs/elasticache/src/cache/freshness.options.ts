import type { FreshnessPolicy } from '../entry/freshness.js';
import { CacheError } from '../errors/cache.errors.js';
import { aDuration, type Duration, parseDuration } from '../time/duration.js';

/** What one operation may say of expired entries, in place of its cache. */
export interface FreshnessOptions {
  readonly staleWhileRevalidate?: Duration;
  readonly staleIfError?: Duration;
  readonly refreshAhead?: number;
}

/** How an operation takes expired entries, or undefined where it does as its cache. */
export function freshnessFor(
  { staleWhileRevalidate, staleIfError, refreshAhead }: FreshnessOptions,
  policy: FreshnessPolicy,
  where: string,
): FreshnessPolicy | undefined {
  if ((staleWhileRevalidate ?? staleIfError ?? refreshAhead) === undefined) return undefined;
  const millisecondsOf = (option: string, duration: Duration | undefined, fallback: number) => {
    if (duration === undefined) return fallback;
    const parsed = parseDuration(duration);
    if (parsed !== undefined) return parsed;
    throw new CacheError('CACHE_OPTION_VALUE', { where, option, problem: `must be ${aDuration}` });
  };
  return {
    staleWhileRevalidateMs: millisecondsOf(
      'staleWhileRevalidate',
      staleWhileRevalidate,
      policy.staleWhileRevalidateMs,
    ),
    staleIfErrorMs: millisecondsOf('staleIfError', staleIfError, policy.staleIfErrorMs),
    refreshAhead: refreshAhead ?? policy.refreshAhead,
  };
}
