import { directivesOf, secondsOf } from './cache.control.js';
import type { Exchange } from './exchange.js';

/** What a request asks of caches on its way. (RFC 9111 §5.2.1) */
export interface ClientDemands {
  /** Nothing stored will do without asking. */
  readonly noCache: boolean;
  readonly noStore: boolean;
  readonly onlyIfCached: boolean;
  /** How old at most, in seconds. */
  readonly maxAge: number | undefined;
  /** How long it must be fresh yet, in seconds. */
  readonly minFresh: number | undefined;
  /** How long it may be stale, in seconds. */
  readonly maxStale: number | undefined;
}

/** Undefined where the request asks for nothing. */
export function demandsOf(exchange: Exchange): ClientDemands | undefined {
  const field = exchange.header('cache-control');
  if (field === undefined) {
    const isPragma = /(^|,)\s*no-cache\s*(,|$)/i.test(exchange.header('pragma') ?? '');
    return isPragma ? { ...NOTHING, noCache: true } : undefined;
  }
  const directives = directivesOf(field);
  const isAnyStale = directives.get('max-stale')?.every((value) => value === undefined);
  return {
    noCache: directives.has('no-cache'),
    noStore: directives.has('no-store'),
    onlyIfCached: directives.has('only-if-cached'),
    maxAge: secondsOf(directives, 'max-age'),
    minFresh: secondsOf(directives, 'min-fresh'),
    maxStale: isAnyStale ? Number.POSITIVE_INFINITY : secondsOf(directives, 'max-stale'),
  };
}

const NOTHING: ClientDemands = {
  noCache: false,
  noStore: false,
  onlyIfCached: false,
  maxAge: undefined,
  minFresh: undefined,
  maxStale: undefined,
};

/** Whether an entry of that age, with so much time left, is what the client wants; in seconds. */
export function suits(
  { noCache, maxAge, minFresh, maxStale }: ClientDemands,
  { age, ttl }: { age: number; ttl: number },
): boolean {
  if (noCache || (maxAge !== undefined && age > maxAge)) return false;
  if (minFresh !== undefined && ttl < minFresh) return false;
  return ttl > 0 || -ttl <= (maxStale ?? 0);
}
