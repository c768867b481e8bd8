import type { ServerResponse } from 'node:http';

import { TenantRequiredError } from '../errors/cache.errors.js';
import type { CacheManager } from '../cache/cache.manager.js';
import { type FieldValue, joined } from './cache.control.js';
import type { Exchange } from './exchange.js';
import { uriTag } from './request.key.js';

/**
 * Evicts what is stored for a URI once a request that may have changed it has succeeded: when its
 * answer is about to end, since whoever stands around the interceptor may have been at work until
 * then, and before its client can ask for what has changed. (RFC 9111 §4.4)
 */
export function evictAtTheEnd(
  exchange: Exchange,
  evict: (uris: readonly string[]) => Promise<void>,
): void {
  const { response } = exchange;
  const { end } = response;
  const before = HELD.map(
    (name) => [name, Object.getOwnPropertyDescriptor(response, name)] as const,
  );
  const restore = () => {
    for (const [name, descriptor] of before) {
      if (descriptor === undefined) Reflect.deleteProperty(response, name);
      else Object.defineProperty(response, name, descriptor);
    }
  };
  const hold = (name: (typeof HELD)[number], value: unknown) =>
    Object.defineProperty(response, name, { value, writable: true, configurable: true });
  hold('end', (...args: unknown[]) => {
    const finish = () => {
      restore();
      Reflect.apply(end, response, args);
    };
    const { statusCode } = response;
    if (statusCode < 200 || statusCode >= 400) finish();
    else {
      // It has been answered: an error that comes now must not be a second answer.
      hold('headersSent', true);
      hold('writableEnded', true);
      hold('end', () => response);
      void evict(urisOf(exchange)).then(finish, finish);
    }
    return response;
  });
}

/** What is another on a response that waits for its eviction. */
const HELD = ['end', 'headersSent', 'writableEnded'] as const;

/** Acknowledged, or reported: the write itself has been done. */
export async function evictUris(uris: readonly string[], manager: CacheManager): Promise<void> {
  try {
    await manager.evictTags(...uris);
  } catch (error) {
    // Nobody knows whose it was: it may be anybody's.
    if (!(error instanceof TenantRequiredError)) throw error;
    await manager.forAllTenants().evictTags(...uris);
  }
}

/** The request's own, and what the answer says has come of it, on the same origin. */
export function urisOf(exchange: Exchange): string[] {
  const { origin, hostname, url, response, reply } = exchange;
  const target = URL.canParse(url, origin) ? new URL(url, origin) : undefined;
  const tags = [uriTag(hostname, pathOf(url))];
  for (const name of ['location', 'content-location']) {
    const value = joined(fieldOf(name, reply ?? response));
    if (value === undefined || target === undefined || !URL.canParse(value, target.href)) continue;
    const named = new URL(value, target.href);
    if (named.origin === target.origin) tags.push(uriTag(hostname, named.pathname));
  }
  return tags;
}

function fieldOf(
  name: string,
  response: Pick<ServerResponse, 'getHeaders'> | NonNullable<Exchange['reply']>,
): FieldValue {
  return response.getHeaders()[name];
}

/** Byte for byte, without the query. */
export function pathOf(url: string): string {
  const end = url.indexOf('?');
  return end < 0 ? url : url.slice(0, end);
}
