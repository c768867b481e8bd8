import {
  type Directives,
  directivesOf,
  type FieldValue,
  httpDate,
  joined,
  secondsOf,
  deltaSeconds,
} from './cache.control.js';

/** A response's fields by their names in lower case. */
export type Fields = ReadonlyMap<string, FieldValue>;

/** What a response says of its own caching. */
export interface Freshness {
  /** How long it is fresh from when it was made, in milliseconds; undefined where it does not say. */
  readonly lifetimeMs: number | undefined;
  /** How old it was already when it came, in milliseconds. */
  readonly ageMs: number;
  /** For how long past its life it may serve, in milliseconds; undefined where it does not say, 0 where it forbids that. */
  readonly staleWhileRevalidateMs: number | undefined;
  readonly staleIfErrorMs: number | undefined;
  /** It may be given to who sends credentials, though it was not made for him. (RFC 9111 §3.5) */
  readonly isPublic: boolean;
}

/** Directives that forbid a shared cache to serve what is stale. (RFC 9111 §4.2.4) */
const FORBIDS_STALE = ['must-revalidate', 'proxy-revalidate', 'no-cache', 's-maxage'];

function isStaleForbidden(directives: Directives): boolean {
  return FORBIDS_STALE.some((name) => directives.has(name));
}

/** Whether a Cache-Control forbids that, whatever the client would take. */
export function forbidsStale(field: FieldValue): boolean {
  return isStaleForbidden(directivesOf(field));
}

export function freshnessOf(fields: Fields, now: number): Freshness {
  const directives = directivesOf(fields.get('cache-control'));
  const otherwise = isStaleForbidden(directives) ? 0 : undefined;
  const window = (name: string) => {
    const seconds = secondsOf(directives, name);
    return seconds === undefined ? otherwise : seconds * 1000;
  };
  return {
    lifetimeMs: lifetimeOf(directives, fields, now),
    ageMs: ageOf(fields, now),
    staleWhileRevalidateMs: window('stale-while-revalidate'),
    staleIfErrorMs: window('stale-if-error'),
    isPublic: directives.has('public') || directives.has('s-maxage'),
  };
}

/** RFC 9111 §4.2.3: what caches further in say, or what has passed since its Date, if that is more. */
function ageOf(fields: Fields, now: number): number {
  const said = (deltaSeconds(joined(fields.get('age'))?.split(',')[0]) ?? 0) * 1000;
  const date = httpDate(joined(fields.get('date')));
  // A Date has whole seconds.
  return date === undefined ? said : Math.max(said, Math.floor((now - date) / 1000) * 1000);
}

/** RFC 9111 §4.2.1: the first that is there counts, be it malformed. */
function lifetimeOf(directives: Directives, fields: Fields, now: number): number | undefined {
  const seconds = secondsOf(directives, 's-maxage') ?? secondsOf(directives, 'max-age');
  if (seconds !== undefined) return seconds * 1000;
  const expires = joined(fields.get('expires'));
  if (expires === undefined) return undefined;
  const until = httpDate(expires);
  if (until === undefined) return 0; // such as "0": already expired
  return Math.max(0, until - (httpDate(joined(fields.get('date'))) ?? now));
}

/** The circumstances under which a response was made. */
export interface Circumstances {
  readonly status: number;
  readonly statuses: readonly number[];
  /** Whether entries are a user's own: he may keep what is private. */
  readonly isUsers: boolean;
  /** Whether the request had an `Authorization`, and its route shares what that brings with nobody. */
  readonly isAuthorised: boolean;
}

/** Why a response is not stored; undefined where nothing speaks against it. */
export function obstacle(fields: Fields, circumstances: Circumstances): string | undefined {
  const { status, statuses, isUsers, isAuthorised } = circumstances;
  if (status === 206 || fields.has('content-range')) return 'partial content';
  if (!statuses.includes(status)) return `status ${status}`;
  if (fields.has('set-cookie')) return 'Set-Cookie';
  if (varyOf(fields).includes('*')) return 'Vary: *';
  const directives = directivesOf(fields.get('cache-control'));
  if (directives.has('no-store')) return 'no-store';
  if (directives.has('no-cache')) return 'no-cache';
  if (directives.has('private') && !isUsers) return 'private';
  const isPublic = directives.has('public') || directives.has('s-maxage');
  return isAuthorised && !isPublic ? 'Authorization' : undefined;
}

/** The names in a Vary field, in lower case. */
export function varyOf(fields: Fields): string[] {
  return namesIn(fields.get('vary'));
}

export function namesIn(field: FieldValue): string[] {
  const names = (joined(field) ?? '').split(',').map((name) => name.trim().toLowerCase());
  return names.filter((name) => name !== '');
}
