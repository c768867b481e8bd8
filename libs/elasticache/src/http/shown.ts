import { NEVER, Observable, of } from 'rxjs';

import type { NamedCache } from '../cache/named.cache.js';
import type { Entry } from '../entry/cache.entry.js';
import { DetachedResponse, type Receiver, startOf } from './detached.response.js';
import type { Exchange } from './exchange.js';
import type { StoredResponse } from './stored.response.js';

const NOBODY: Receiver = {
  isAnswered: true,
  captured: () => undefined,
  streamed: () => undefined,
};

/**
 * What interceptors around the cache see of a hit that is sent already: what they saw on the miss,
 * or nothing, where that could not be kept as it was. What they make of it goes to nobody: it is in
 * the bytes that were sent.
 */
export function shown(exchange: Exchange, cache: NamedCache, entry: Entry): Observable<unknown> {
  const { response } = exchange;
  // Takes the response's place. It does, too, where they see nothing: they may give up, and answer.
  const detach = () => void new DetachedResponse(exchange, startOf(exchange), NOBODY);
  if (!response.writableEnded) {
    response.once('finish', detach); // a hook of the platform is at work yet
    return NEVER;
  }
  detach();
  if ((entry.value as StoredResponse)[4].length === 0) return NEVER;
  const [value] = (cache.handOut(entry) as StoredResponse)[4];
  return of(value);
}

/** Whether a value comes back from a cache as it was: plain data, and no instances of classes. */
export function comesBack(value: unknown, depth = 0): boolean {
  if (typeof value === 'function' || typeof value === 'symbol' || depth > 64) return false;
  if (typeof value !== 'object' || value === null) return true;
  if (value instanceof Date) return true;
  if (Array.isArray(value)) return value.every((one) => comesBack(one, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return Object.values(value).every((one) => comesBack(one, depth + 1));
}
