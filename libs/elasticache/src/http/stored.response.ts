import etagOf from 'etag';

import { type FieldValue, httpDate, joined } from './cache.control.js';
import type { Captured } from './detached.response.js';
import { type Freshness, namesIn } from './storability.js';

/** What a cache keeps of a response. A list, so that it has no properties that could be taken for the application's. */
export type StoredResponse = readonly [
  status: number,
  /** Names and values, by turns: what the route set. */
  fields: readonly string[],
  body: Buffer,
  facts: StoredFacts,
  /** What interceptors outside of the cache's saw, in a list; none where they cannot see it again. */
  seen: readonly unknown[],
];

export type StoredFacts = readonly [
  /** When the response was made, in milliseconds since the epoch. */
  date: number,
  /** How old it was when it came, in milliseconds. */
  ageMs: number,
  staleWhileRevalidateMs: number,
  staleIfErrorMs: number,
  isPublic: boolean,
  /** The fields of the request that the route says it depends on, with their values then. */
  selecting: readonly (readonly [name: string, value: string | undefined])[],
  /** The Cache-Status of caches before this one. */
  relayedStatus: string | undefined,
];

/** Its value in a stored response. */
export function fieldOf([, fields]: StoredResponse, name: string): string | undefined {
  const at = fields.findIndex((one, i) => i % 2 === 0 && one === name);
  return at < 0 ? undefined : fields[at + 1];
}

/** Fields of one connection, of one answer, or made anew for each. (RFC 9111 §3.1) */
const NOT_STORED = new Set(
  'age cache-status connection content-length date keep-alive proxy-authenticate proxy-authentication-info proxy-authorization proxy-connection set-cookie te trailer transfer-encoding upgrade x-cache'.split(
    ' ',
  ),
);

/** How a response is made into an entry. */
export interface Storing {
  readonly captured: Captured;
  /** What stood on the response when the route began: middleware's, and each request's own. */
  readonly before: ReadonlyMap<string, FieldValue>;
  /** The fields that the route sets by decorators, in lower case. */
  readonly decorated: ReadonlySet<string>;
  readonly freshness: Freshness;
  readonly windows: { readonly staleWhileRevalidateMs: number; readonly staleIfErrorMs: number };
  /** What is announced where the route says nothing. */
  readonly cacheControl: string;
  /** Names of request fields that the route declares it depends on. */
  readonly vary: readonly string[];
  readonly weakEtags: boolean;
  readonly selecting: StoredFacts[5];
  readonly seen: readonly unknown[];
  readonly now: number;
}

export function storedFrom(storing: Storing): StoredResponse {
  const { captured, windows, freshness, selecting, seen, now } = storing;
  const { status, unhooked } = captured;
  const body = status === 204 ? Buffer.alloc(0) : (unhooked?.body ?? captured.body);
  const date = httpDate(joined(captured.fields.get('date'))) ?? now;
  const facts: StoredFacts = [
    date,
    freshness.ageMs,
    windows.staleWhileRevalidateMs,
    windows.staleIfErrorMs,
    freshness.isPublic,
    selecting,
    joined(captured.fields.get('cache-status')),
  ];
  return [status, routeFields(storing, body), body, facts, seen];
}

/** What the route set, and what is said on its behalf. */
function routeFields(storing: Storing, body: Buffer): string[] {
  const { captured, before, decorated, vary, cacheControl, weakEtags } = storing;
  const { fields, unhooked, hasOwnEtag, status } = captured;
  const named = namesIn(fields.get('connection'));
  const flat: string[] = [];
  for (const [name, value] of fields) {
    if (NOT_STORED.has(name) || named.includes(name) || name === 'vary') continue;
    if (name === 'etag' && !hasOwnEtag) continue;
    // What a hook adds it adds to a hit, too. The type of what was serialised it does not know.
    const isHooks = unhooked !== undefined && !unhooked.fields.has(name) && name !== 'content-type';
    if (isHooks) continue;
    const own = unhooked?.fields.get(name) ?? value;
    if (joined(own) === joined(before.get(name)) && !decorated.has(name)) continue;
    flat.push(name, joined(own)!);
  }
  const varying = varyOfRoute(unhooked?.fields ?? fields, before, vary);
  if (varying.length > 0) flat.push('vary', varying.join(', '));
  if (!fields.has('cache-control')) flat.push('cache-control', cacheControl);
  if (!flat.includes('etag') && status !== 204) {
    flat.push('etag', etagOf(body, { weak: weakEtags }));
  }
  return flat;
}

/**
 * What a response says it depends on, whoever said so: middleware may have chosen a language for the
 * handler. Origin is what CORS has, for fields of its own on each response. (RFC 9111 §4.1)
 */
export function dependsOn({
  captured: { fields, unhooked },
  before,
  decorated,
}: Pick<Storing, 'captured' | 'before' | 'decorated'>): string[] {
  const isOfCors = !decorated.has('vary') && namesIn(before.get('vary')).includes('origin');
  const names = namesIn((unhooked?.fields ?? fields).get('vary'));
  return isOfCors ? names.filter((name) => name !== 'origin') : names;
}

/** The names that the route added to Vary; what was there before is each request's own. */
function varyOfRoute(
  fields: ReadonlyMap<string, FieldValue>,
  before: ReadonlyMap<string, FieldValue>,
  declared: readonly string[],
): string[] {
  const others = namesIn(before.get('vary'));
  const added = namesIn(fields.get('vary')).filter((name) => !others.includes(name));
  return [...new Set([...declared, ...added])];
}
