import { appended, cacheStatus, type Handling, type Verdict } from './cache.status.js';
import { type Conditions, isNotModified, rangeOf, type Validators } from './conditional.js';
import type { FieldValue } from './cache.control.js';
import type { Exchange } from './exchange.js';
import { namesIn } from './storability.js';
import type { StoredResponse } from './stored.response.js';

/** Bodies up to here go out in one piece with their head; beyond it the copy would cost more. */
const MOST_INLINE = 64 * 1024;

/** Fields that a 304 has. (RFC 9110 §15.4.5) */
const IN_304 = ['cache-control', 'content-location', 'date', 'etag', 'expires', 'vary'];

/** A stored response, ready to be sent again and again. */
interface Prepared {
  readonly fields: ReadonlyMap<string, string>;
  readonly validators: Validators;
  /** One character for each byte. */
  readonly text: string | undefined;
  /** The head of a plain hit, as it is in this second of the entry's life. */
  head: readonly string[];
  headAt: number;
  headTtl: number;
}

/** By the list that the cache keeps: memory hands out the same one for every hit. */
const prepared = new WeakMap<StoredResponse, Prepared>();

/** An entry's response and times. */
export interface Answer {
  readonly stored: StoredResponse;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** What is said of how it came about. */
export interface Account {
  readonly verdict: Verdict;
  readonly handling: Handling;
}

/** Whole seconds that an entry has left, and how old it is. */
export function timesOf({ stored, createdAt, expiresAt }: Answer, now: number) {
  const age = Math.max(0, Math.floor((now - createdAt + stored[3][1]) / 1000));
  return { age, ttl: Math.ceil((expiresAt - now) / 1000) + 0 };
}

/** Sends a fresh entry: the hit that nearly all are costs no more than it must. */
export function sendHit(exchange: Exchange, answer: Answer, now: number): void {
  const { stored } = answer;
  const { age, ttl } = timesOf(answer, now);
  const ready = preparedOf(stored);
  if (ready.headAt !== age || ready.headTtl !== ttl) {
    const account = { verdict: 'HIT', handling: { kind: 'hit', ttl } } as const;
    ready.head = headOf(ready.fields, stored, { account, age, length: stored[2].length });
    ready.headAt = age;
    ready.headTtl = ttl;
  }
  const { headers } = exchange.request;
  const isPlain =
    headers['if-none-match'] === undefined &&
    headers['if-modified-since'] === undefined &&
    headers.range === undefined;
  const { head, text = stored[2] } = ready;
  if (isPlain) write(exchange, { status: stored[0], head, body: text });
  else sendConditional(exchange, stored, { head, send: write });
}

export interface SendingStored {
  readonly account: Account;
  readonly now: number;
  /** The platform has had its turn already: what it set stands on Node's response. */
  readonly isDetached?: boolean;
}

/** Sends an entry under any other circumstances. */
export function sendStored(
  exchange: Exchange,
  answer: Answer,
  { account, now, isDetached = false }: SendingStored,
): void {
  const { stored } = answer;
  const { age } = timesOf(answer, now);
  const { fields } = preparedOf(stored);
  const head = headOf(fields, stored, { account, age, length: stored[2].length });
  const send = isDetached ? writeDirectly : write;
  sendConditional(exchange, stored, { head, send });
}

type Send = (exchange: Exchange, message: Message) => void;

interface Message {
  readonly status: number;
  readonly head: readonly string[];
  readonly body: string | Buffer | undefined;
}

function sendConditional(
  exchange: Exchange,
  stored: StoredResponse,
  { head, send }: { head: readonly string[]; send: Send },
): void {
  const [status, , body] = stored;
  const { validators, text } = preparedOf(stored);
  const conditions = conditionsOf(exchange);
  const whole = { status, head, body: text ?? body };
  if (status !== 200) return send(exchange, whole);
  if (isNotModified(conditions, validators)) {
    return send(exchange, { status: 304, head: headOf304(head), body: undefined });
  }
  const isRanged = exchange.method === 'GET' && conditions.range !== undefined;
  // A range of the stored bytes is none of the encoded ones.
  const range =
    isRanged && !exchange.mayBeEncoded ? rangeOf(conditions, validators, body.length) : undefined;
  if (range === undefined) return send(exchange, whole);
  const [first, last] = range;
  const part = body.subarray(first, last + 1);
  const ranged = [...head, 'content-range', `bytes ${first}-${last}/${body.length}`];
  ranged[ranged.indexOf('content-length') + 1] = `${part.length}`;
  send(exchange, { status: 206, head: ranged, body: part });
}

function conditionsOf(exchange: Exchange): Conditions {
  return {
    ifNoneMatch: exchange.header('if-none-match'),
    ifModifiedSince: exchange.header('if-modified-since'),
    range: exchange.header('range'),
    ifRange: exchange.header('if-range'),
  };
}

function preparedOf(stored: StoredResponse): Prepared {
  let ready = prepared.get(stored);
  if (ready !== undefined) return ready;
  const [, flat, body, [date]] = stored;
  const fields = new Map<string, string>();
  for (let i = 0; i < flat.length; i += 2) fields.set(flat[i]!, flat[i + 1]!);
  fields.set('date', new Date(date).toUTCString());
  const validators = {
    etag: fields.get('etag'),
    lastModified: fields.get('last-modified'),
    date: fields.get('date')!,
  };
  const text = body.length <= MOST_INLINE ? body.toString('latin1') : undefined;
  ready = { fields, validators, text, head: [], headAt: -1, headTtl: -1 };
  prepared.set(stored, ready);
  return ready;
}

function headOf(
  fields: ReadonlyMap<string, string>,
  [status, , , facts]: StoredResponse,
  { account, age, length }: { account: Account; age: number; length: number },
): string[] {
  const head: string[] = [];
  for (const [name, value] of fields) head.push(name, value);
  const own = cacheStatus(account.handling);
  head.push('age', `${age}`, 'cache-status', appended(facts[6], own), 'x-cache', account.verdict);
  if (status !== 204) head.push('content-length', `${length}`);
  return head;
}

function headOf304(head: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < head.length; i += 2) {
    const name = head[i]!;
    const isOurs = name === 'age' || name === 'cache-status' || name === 'x-cache';
    if (isOurs || IN_304.includes(name)) kept.push(name, head[i + 1]!);
  }
  return kept;
}

/** The head and the bytes, at once. What stands on the response already is the request's own, and stays. */
function write(exchange: Exchange, message: Message): void {
  const { reply } = exchange;
  if (reply === undefined) writeDirectly(exchange, message);
  else if (exchange.hasSendHooks) sendByHooks(exchange, message);
  else {
    const { status, head, body } = message;
    writeOnNode(exchange, { status, head: withOthers(head, reply.getHeaders()), body });
  }
}

function writeDirectly(exchange: Exchange, message: Message): void {
  const { response } = exchange;
  const vary = response.getHeader('vary');
  const { status, body } = message;
  const head = vary === undefined ? message.head : withOthers(message.head, { vary });
  writeOnNode(exchange, { status, head, body });
}

function writeOnNode({ response, request }: Exchange, { status, head, body }: Message): void {
  response.writeHead(status, head as string[]);
  if (body === undefined || body.length === 0 || request.method === 'HEAD') response.end();
  else if (typeof body === 'string') response.end(body, 'latin1');
  else response.end(body);
}

/** The head, and what others set that it does not set itself. Vary is theirs and ours together. */
function withOthers(
  head: readonly string[],
  others: Record<string, FieldValue>,
): readonly string[] {
  const fields = Object.entries(others);
  if (fields.length === 0) return head;
  const all = [...head];
  for (const [name, value] of fields) {
    const at = placeIn(head, name);
    if (at === -1) all.push(name, value as string);
    else if (name === 'vary') {
      all[at + 1] = [...new Set([...namesIn(value), ...namesIn(head[at + 1])])].join(', ');
    }
  }
  return all;
}

function placeIn(head: readonly string[], name: string): number {
  for (let i = 0; i < head.length; i += 2) if (head[i] === name) return i;
  return -1;
}

/** Through Fastify, whose hooks may have something to add: a cookie, a compression. */
function sendByHooks({ reply, request }: Exchange, { status, head, body }: Message): void {
  const merged = withOthers(head, reply!.getHeaders());
  for (let i = 0; i < merged.length; i += 2) {
    const isLength = merged[i] === 'content-length' && request.method !== 'HEAD';
    if (!isLength) reply!.header(merged[i]!, merged[i + 1]!);
  }
  reply!.code(status);
  const isEmpty = body === undefined || status === 204;
  reply!.send(isEmpty ? undefined : typeof body === 'string' ? Buffer.from(body, 'latin1') : body);
}
