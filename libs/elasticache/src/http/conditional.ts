import isFresh from 'fresh';

import { httpDate } from './cache.control.js';

/** What a request asks beside the resource. */
export interface Conditions {
  readonly ifNoneMatch: string | undefined;
  readonly ifModifiedSince: string | undefined;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
}

/** What a stored response has to say to that. */
export interface Validators {
  readonly etag: string | undefined;
  /** As a date of HTTP. */
  readonly lastModified: string | undefined;
  readonly date: string;
}

/** Whether the client has it already: If-None-Match counts before If-Modified-Since. (RFC 9110 §13.2.2) */
export function isNotModified(conditions: Conditions, { etag, lastModified, date }: Validators) {
  const { ifNoneMatch, ifModifiedSince } = conditions;
  if (ifNoneMatch === undefined && ifModifiedSince === undefined) return false;
  if (ifNoneMatch === undefined && httpDate(ifModifiedSince) === undefined) return false;
  return isFresh(
    { 'if-none-match': ifNoneMatch?.trim(), 'if-modified-since': ifModifiedSince },
    { etag, 'last-modified': lastModified ?? date },
  );
}

/** The one range of bytes that is asked for: first and last. Undefined: the whole is sent. (RFC 9110 §14) */
export function rangeOf(
  { range, ifRange }: Conditions,
  { etag, lastModified }: Validators,
  length: number,
): readonly [first: number, last: number] | undefined {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/i.exec(range?.trim() ?? '') ?? [];
  if (from === '' && to === '') return undefined;
  if (ifRange !== undefined && !isSame(ifRange.trim(), etag, lastModified)) return undefined;
  if (from === '') {
    const first = Math.max(0, length - Number(to));
    return Number(to) > 0 && length > 0 ? [first, length - 1] : undefined;
  }
  const last = to === '' ? length - 1 : Math.min(Number(to), length - 1);
  return Number(from) <= last ? [Number(from), last] : undefined;
}

/** Strong comparison: a weak validator says nothing of bytes. (RFC 9110 §13.1.5) */
function isSame(ifRange: string, etag: string | undefined, lastModified: string | undefined) {
  if (ifRange.startsWith('W/')) return false;
  return ifRange.startsWith('"') ? ifRange === etag : ifRange === lastModified;
}
