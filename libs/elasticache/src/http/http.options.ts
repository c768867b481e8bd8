import type { ExecutionContext } from '@nestjs/common';

import {
  either,
  isBoolean,
  isCount,
  isFunction,
  isObject,
  isOneOf,
  isText,
  must,
  type OptionRule,
} from '../invocation/option.rules.js';
import type { Key } from '../key/key.encoding.js';
import { type Duration, parseDuration } from '../time/duration.js';
import type { QueryOptions } from './request.key.js';

/** Whose a response is. */
export type ResponseScope =
  'public' | 'user' | 'tenant' | ((context: ExecutionContext) => string | undefined);

/**
 * How the responses of a route are cached; on a controller, of all its routes that do not say
 * otherwise.
 *
 * @example
 * @CacheResponse({ ttl: '60s', vary: ['accept-language'], tags: ['articles'] })
 */
export interface CacheResponseOptions {
  /** Lifetime where the handler gives none; `'handler'`: nothing is stored unless it does. Default: the cache's. */
  // eslint-disable-next-line typescript/no-redundant-type-constituents -- the word is there to be seen
  readonly ttl?: Duration | 'handler';
  /** For so long past its life a response is sent, and made anew behind it. (RFC 5861) */
  readonly staleWhileRevalidate?: Duration;
  /** For so long past its life a response is sent where the handler fails. (RFC 5861) */
  readonly staleIfError?: Duration;
  /** The cache that keeps it, whose options apply; default `'http'`. */
  readonly cacheName?: string;
  /** Instead of host, path and query. Such entries are evicted by tags. */
  readonly key?: string | ((context: ExecutionContext) => Key);
  /** Fields of the request that the response depends on. */
  readonly vary?: readonly string[];
  /** Parameters of the query that are part of the key; default all. */
  readonly query?: QueryOptions;
  /** Whose the response is; default: everybody's whose request has neither `Cookie` nor `Authorization`, nor a verified user. */
  readonly scope?: ResponseScope;
  /** Evicting one of them evicts the response. */
  readonly tags?:
    readonly string[] | ((context: ExecutionContext, body: unknown) => readonly string[]);
  /** Statuses that are stored; default 200, 203 and 204. Never 206. */
  readonly statuses?: readonly number[];
  /** Larger bodies pass uncached, in bytes as they are sent; default 1 MiB. */
  readonly maxBodyBytes?: number;
  /** Whether a request's Cache-Control is obeyed; default `'ignore'`: nobody can force a public endpoint to load. */
  readonly clientCacheControl?: 'ignore' | 'honour';
  /** Behind something that compresses; default false. */
  readonly weakEtags?: boolean;
  /** Whether Cache-Status says why something was not stored; default false. */
  readonly explain?: boolean;
}

export const responseDefaults = {
  cacheName: 'http',
  statuses: [200, 203, 204],
  maxBodyBytes: 1_048_576,
  clientCacheControl: 'ignore',
  weakEtags: false,
  explain: false,
} as const satisfies CacheResponseOptions;

const isDuration = (value: unknown) => parseDuration(value) !== undefined;
const isTexts = (value: unknown) => Array.isArray(value) && value.every(isText);
const isToken = (value: unknown) => typeof value === 'string' && /^[\w!#$%&'+.^`|~-]+$/.test(value);
const DURATION = "a positive duration, such as '60s'";

const queryRules: readonly OptionRule[] = [
  {
    name: 'ignore',
    type: 'string[]',
    fallback: 'none',
    meaning: 'Parameters that are no part of the key.',
    wrong: must(isTexts, 'an array of names'),
  },
  {
    name: 'only',
    type: 'string[]',
    fallback: 'all',
    meaning: 'The parameters that are part of the key, and no others.',
    wrong: must(isTexts, 'an array of names'),
  },
];

/** One rule an option; the reference's table is written from them. */
export const responseRules: readonly OptionRule[] = [
  {
    name: 'ttl',
    type: "Duration | 'handler'",
    fallback: "the cache's",
    meaning:
      "Lifetime where the handler gives none; `'handler'`: nothing is stored unless it does.",
    wrong: must(either(isDuration, isOneOf('handler')), `${DURATION}, or 'handler'`),
  },
  {
    name: 'staleWhileRevalidate',
    type: 'Duration',
    fallback: "the cache's",
    meaning: 'For so long past its life a response is sent, and made anew behind it.',
    wrong: must(isDuration, DURATION),
  },
  {
    name: 'staleIfError',
    type: 'Duration',
    fallback: "the cache's",
    meaning: 'For so long past its life a response is sent where the handler fails.',
    wrong: must(isDuration, DURATION),
  },
  {
    name: 'cacheName',
    type: 'string',
    fallback: "'http'",
    meaning: 'The cache that keeps it, whose options apply.',
    wrong: must(isText, 'a text that is not empty'),
  },
  {
    name: 'key',
    type: 'string | (ctx) => Key',
    fallback: 'host, path and query',
    meaning: 'Instead of host, path and query. Such entries are evicted by tags.',
    wrong: must(either(isText, isFunction), 'a text that is not empty, or a function'),
  },
  {
    name: 'vary',
    type: 'string[]',
    fallback: 'none',
    meaning: 'Fields of the request that the response depends on.',
    wrong: must(
      (value) => Array.isArray(value) && value.every(isToken),
      'an array of names of request fields',
    ),
  },
  {
    name: 'query',
    type: 'QueryOptions',
    fallback: 'all parameters',
    meaning: 'Parameters of the query that are part of the key.',
    wrong: must(isObject, 'an object with ignore or only'),
    nested: queryRules,
  },
  {
    name: 'scope',
    type: "'public' | 'user' | 'tenant' | (ctx) => string",
    fallback: 'who sends no credentials',
    meaning: 'Whose the response is.',
    wrong: must(
      either(isOneOf('public', 'user', 'tenant'), isFunction),
      "'public', 'user', 'tenant' or a function",
    ),
  },
  {
    name: 'tags',
    type: 'string[] | (ctx, body) => string[]',
    fallback: 'none',
    meaning: 'Evicting one of them evicts the response.',
    wrong: must(either(isTexts, isFunction), 'an array of tags, or a function'),
  },
  {
    name: 'statuses',
    type: 'number[]',
    fallback: '[200, 203, 204]',
    meaning: 'Statuses that are stored, returned or thrown. 206 never is.',
    wrong: must(isStatuses, 'an array of statuses from 200 to 599 without 206 and 304'),
  },
  {
    name: 'maxBodyBytes',
    type: 'number',
    fallback: '1048576',
    meaning: 'Larger bodies pass uncached; in bytes.',
    wrong: must(isCount, 'a whole number above zero'),
  },
  {
    name: 'clientCacheControl',
    type: "'ignore' | 'honour'",
    fallback: "'ignore'",
    meaning: "Whether a request's Cache-Control is obeyed.",
    wrong: must(isOneOf('ignore', 'honour'), "'ignore' or 'honour'"),
  },
  {
    name: 'weakEtags',
    type: 'boolean',
    fallback: 'false',
    meaning: 'Whether ETags are weak, as they must be behind something that compresses.',
    wrong: must(isBoolean, 'true or false'),
  },
  {
    name: 'explain',
    type: 'boolean',
    fallback: 'false',
    meaning: 'Whether Cache-Status says why something was not stored.',
    wrong: must(isBoolean, 'true or false'),
  },
];

function isStatuses(value: unknown): boolean {
  const isOne = (status: unknown) =>
    Number.isInteger(status) && (status as number) >= 200 && (status as number) < 600;
  return Array.isArray(value) && value.every(isOne) && !value.includes(206) && !value.includes(304);
}
