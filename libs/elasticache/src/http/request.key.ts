import { createHash } from 'node:crypto';
import { unescape } from 'node:querystring';

import { encodePart } from '../key/key.encoding.js';

/** Which parameters of the query are part of the key. */
export interface QueryOptions {
  /** All but these. */
  readonly ignore?: readonly string[];
  /** These alone. */
  readonly only?: readonly string[];
}

/**
 * How many variants one URL may have. Anybody can send anything as, say, Accept-Language, so a
 * variant has one of so many places; two that fall on one take turns, and never each other's answer.
 */
const VARIANTS = 64;

/**
 * Parsers read so many parameters and no more, empty ones included; Node's stops at 1,000. Which they
 * are depends on the order, and on all others.
 */
const MOST_SORTED = 100;

/**
 * The parameters sorted by name, those of one name in their order; as they were sent, so that `a`,
 * `a=` and no `a` are three things. What belongs to `a[…]` or `[a]` belongs to `a`: parsers make one
 * value of them, in their order. A query of many parameters is what it is, byte for byte.
 */
export function sortedQuery(query: string, { ignore, only }: QueryOptions = {}): string {
  if (query === '') return '';
  const all = query.split('&');
  if (all.length > MOST_SORTED) return query;
  const parameters = all.flatMap((text) => {
    if (text === '') return [];
    const name = nameIn(text);
    const base = /^\[?([^[\]]*)/.exec(name)![1]!;
    const isIn = (names: readonly string[]) => names.includes(name) || names.includes(base);
    const isWanted = !(ignore && isIn(ignore)) && (only === undefined || isIn(only));
    return isWanted ? [{ text, base }] : [];
  });
  if (parameters.length > 1)
    parameters.sort((a, b) => (a.base < b.base ? -1 : a.base > b.base ? 1 : 0));
  return parameters.map(({ text }) => text).join('&');
}

/** As the platforms' parsers read it, invalid escapes included: two names that are one to them are one here. */
function nameIn(parameter: string): string {
  const end = parameter.indexOf('=');
  const raw = end < 0 ? parameter : parameter.slice(0, end);
  return raw.includes('%') || raw.includes('+') ? unescape(raw.replaceAll('+', ' ')) : raw;
}

/** The place of a variant; empty where there is but one. */
export function variantSlot(values: readonly (string | undefined)[]): string {
  if (values.length === 0) return '';
  const digest = createHash('sha1').update(JSON.stringify(values)).digest();
  return `v${digest.readUInt32BE(0) % VARIANTS}`;
}

/** Parts of a key, so that none reaches the next. */
export function keyText(parts: readonly unknown[], where: string): string {
  return parts.map((part) => encodePart(part, where)).join(':');
}

/**
 * The tag that every entry of a URI bears, whatever its query, variant and scope, and that who writes
 * to it evicts. A hash, since a tag has a longest length and a URL has not.
 */
export function uriTag(hostname: string, path: string): string {
  const digest = createHash('sha1')
    .update(`${hostname.toLowerCase()}\n${path}`)
    .digest('base64url');
  return `~uri:${digest}`;
}
