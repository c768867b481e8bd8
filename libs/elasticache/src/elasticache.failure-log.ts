import type { CacheErrorContext } from './cache/cache.js';
import type { CacheError } from './errors/cache.errors.js';
import type { Clock } from './time/clock.js';

/** Failures of one kind within this time are counted, and told with the next one that is logged. */
const QUIET_MS = 10_000;

/** Characters of a key that a line shows. */
const KEY_SHOWN = 100;

interface Repeated {
  readonly since: number;
  readonly count: number;
}

/** The default error handler: one line for a kind of failure, then a count, however many calls fail. */
export function failureLog(
  warn: (message: string) => void,
  clock: Clock,
): (error: CacheError, context: CacheErrorContext) => void {
  const seen = new Map<string, Repeated>();
  return (error, { operation, cache, method, key }) => {
    const kind = `${error.code} ${operation} ${cache}`;
    const now = clock.now();
    const last = seen.get(kind);
    if (last !== undefined && Math.abs(now - last.since) < QUIET_MS) {
      seen.set(kind, { since: last.since, count: last.count + 1 });
      return;
    }
    const before = last && last.count > 0 ? ` (${last.count} more like it before)` : '';
    seen.set(kind, { since: now, count: 0 });
    const site = `${key === undefined ? '' : ` of key ${key.slice(0, KEY_SHOWN)}`}${method ? ` in ${method}` : ''}`;
    warn(`${operation}${site} failed: ${error.message}${before}`);
  };
}
