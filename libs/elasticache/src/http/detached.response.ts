import { ServerResponse } from 'node:http';

import type { FieldValue } from './cache.control.js';
import { type Exchange, fieldsOf } from './exchange.js';

/** A whole response, before anybody has seen it. */
export interface Captured {
  readonly status: number;
  readonly body: Buffer;
  readonly fields: ReadonlyMap<string, FieldValue>;
  /** What the route itself sent, where hooks of the platform made something else of it. */
  readonly unhooked:
    { readonly body: Buffer; readonly fields: ReadonlyMap<string, FieldValue> } | undefined;
  /** Whether the ETag is the route's, and not made up by Express. */
  readonly hasOwnEtag: boolean;
}

/** How a response was when the route's turn came. */
export interface Start {
  readonly status: number;
  readonly fields: ReadonlyMap<string, FieldValue>;
}

export function startOf(exchange: Exchange): Start {
  return { status: exchange.response.statusCode, fields: exchange.fields() };
}

/** What becomes of a response that is written to nobody. */
export interface Receiver {
  /** The client has an answer already: nothing more goes there. */
  readonly isAnswered: boolean;
  /** It is whole. */
  captured(response: Captured): void;
  /** It is being streamed: it goes to the client as it comes, if that has no answer yet. */
  streamed(): void;
}

const HEADER_METHODS = [
  'setHeader',
  'setHeaders',
  'appendHeader',
  'getHeader',
  'getHeaders',
  'getHeaderNames',
  'hasHeader',
  'removeHeader',
  'flushHeaders',
  'writeHead',
  'write',
  'end',
] as const;
const STATE = ['statusCode', 'statusMessage', 'headersSent', 'writableEnded', 'finished'] as const;

/**
 * Takes the place of a client's response, so that whoever answers - handler, interceptors, filters,
 * Nest, Express, Fastify - does what it always does, and what comes of it can be looked at first.
 *
 * Express passes Node's response itself around, so its methods lead here; Fastify has it in one place.
 */
export class DetachedResponse extends ServerResponse {
  private readonly chunks: Buffer[] = [];
  private readonly restored: [string, PropertyDescriptor | undefined][] = [];
  private isHeadWritten = false;
  private isStreaming = false;
  private hasOwnEtag = true;
  private sent: Captured['unhooked'];

  constructor(
    private readonly exchange: Exchange,
    private readonly start: Start,
    private readonly receiver: Receiver,
  ) {
    super(exchange.request);
    const { reply } = exchange;
    this.statusCode = start.status;
    copyFields(start.fields, this);
    Object.defineProperty(this, 'headersSent', { get: () => this.isHeadWritten });
    if (reply === undefined) this.takeOverExpress();
    else this.takeOverFastify();
  }

  /** Gives the response back to the client, with what stands on it so far. */
  release(): void {
    const { response, reply } = this.exchange;
    if (this.receiver.isAnswered) return;
    this.restore();
    response.statusCode = this.statusCode;
    copyFields(fieldsOf(this), response);
    if (reply !== undefined) reply.raw = response;
  }

  /** Puts everything back as it was. */
  restore(): void {
    const owner = this.exchange.reply ?? this.exchange.response;
    for (const [name, descriptor] of this.restored.splice(0)) {
      if (descriptor === undefined) Reflect.deleteProperty(owner, name);
      else Object.defineProperty(owner, name, descriptor);
    }
    Reflect.deleteProperty(this.exchange.platform, 'fresh');
  }

  override writeHead(status: number, ...rest: unknown[]): this {
    this.statusCode = status;
    this.isHeadWritten = true;
    for (const [name, value] of headPairs(rest)) this.setHeader(name, value);
    return this;
  }

  override flushHeaders(): void {
    this.stream();
    if (!this.receiver.isAnswered) this.exchange.response.flushHeaders();
  }

  override write(chunk: unknown, ...rest: unknown[]): boolean {
    // What a hook makes a stream of has come as a whole: the whole is known.
    if (this.sent !== undefined) return this.chunks.push(bytesOf(chunk, rest[0])) > 0;
    this.stream();
    if (this.receiver.isAnswered) return true;
    return passOn(this.exchange.response, 'write', [chunk, ...rest]) as boolean;
  }

  override end(chunk?: unknown, ...rest: unknown[]): this {
    const callback = [chunk, ...rest].find((one) => typeof one === 'function');
    if (this.finished) return this;
    if (this.isStreaming && !this.receiver.isAnswered) {
      return passOn(this.exchange.response, 'end', [chunk, ...rest]) as this;
    }
    this.isHeadWritten = true;
    this.finished = true;
    if (chunk !== undefined && chunk !== null && chunk !== callback) {
      this.chunks.push(bytesOf(chunk, rest[0]));
    }
    const [only] = this.chunks;
    const fields = fieldsOf(this);
    const body = this.chunks.length === 1 ? only! : Buffer.concat(this.chunks);
    const { statusCode: status, sent: unhooked, hasOwnEtag } = this;
    if (callback !== undefined) this.exchange.response.once('finish', callback as () => void);
    if (this.exchange.reply === undefined && !this.receiver.isAnswered) this.restore();
    if (!this.isStreaming) this.receiver.captured({ status, fields, body, unhooked, hasOwnEtag });
    this.emit('finish'); // who pipes into it waits for that
    return this;
  }

  private stream(): void {
    if (this.isStreaming) return;
    this.isStreaming = true;
    const { response } = this.exchange;
    this.receiver.streamed();
    if (this.receiver.isAnswered) return;
    this.release();
    for (const event of ['drain', 'close', 'finish', 'error']) {
      response.on(event, (...args: unknown[]) => this.emit(event, ...args));
    }
  }

  private takeOverExpress(): void {
    const { response, platform } = this.exchange;
    for (const name of HEADER_METHODS) {
      const method = Reflect.get(this, name) as (...args: unknown[]) => unknown;
      this.replace(response, name, { value: method.bind(this), writable: true });
    }
    for (const name of STATE) {
      this.replace(response, name, {
        get: () => Reflect.get(this, name) as unknown,
        set: (value) => Reflect.set(this, name, value),
      });
    }
    const { send } = response;
    if (send === undefined) return;
    // Express makes up an ETag, and a 304 of what the client has already: that is for us to do.
    Object.defineProperty(platform, 'fresh', { value: false, configurable: true });
    const noticing = (body?: unknown) => {
      if (typeof body !== 'object' || body === null || Buffer.isBuffer(body)) {
        this.hasOwnEtag = this.hasHeader('etag');
      }
      return send.call(response, body);
    };
    this.replace(response, 'send', { value: noticing, writable: true });
  }

  private takeOverFastify(): void {
    const reply = this.exchange.reply!;
    reply.raw = this;
    for (const name of Object.keys(reply.getHeaders())) {
      if (!this.start.fields.has(name)) reply.removeHeader(name); // of the answer that was sent
    }
    if (!this.exchange.hasSendHooks) return;
    const { send } = reply;
    this.replace(reply, 'send', {
      value: (payload?: unknown) => {
        const body = wholeOf(payload, reply);
        if (body !== undefined) this.sent = { body, fields: fieldsOf(reply) };
        return send.call(reply, payload);
      },
      writable: true,
    });
  }

  private replace(owner: object, name: string, descriptor: PropertyDescriptor): void {
    this.restored.push([name, Object.getOwnPropertyDescriptor(owner, name)]);
    Object.defineProperty(owner, name, { ...descriptor, configurable: true });
  }
}

/**
 * What middleware adds at the last moment, when the head is written (as `on-headers` has it do): asked
 * for before anything is stored, since a cookie may be among it.
 */
export function withLateFields(exchange: Exchange, captured: Captured): Captured {
  const { response, reply, request } = exchange;
  const { writeHead } = response;
  if (reply !== undefined || writeHead === ServerResponse.prototype.writeHead) return captured;
  response.statusCode = captured.status;
  copyFields(captured.fields, response);
  // It is told once, and writes to the response it knows; what is written here goes nowhere.
  const probe = new ServerResponse(request);
  writeHead.call(probe, captured.status);
  const fields = fieldsOf(response);
  for (const [name, value] of fieldsOf(probe)) fields.set(name, value);
  const { body } = captured;
  return { ...captured, fields, unhooked: { body, fields: captured.fields } };
}

/** Makes the fields of a response those given, and no others. */
export function copyFields(
  fields: ReadonlyMap<string, FieldValue>,
  response: ServerResponse,
): void {
  for (const name of response.getHeaderNames()) if (!fields.has(name)) response.removeHeader(name);
  for (const [name, value] of fields) response.setHeader(name, value!);
}

/** The bytes of what is handed to Fastify; undefined for a stream, or nothing. */
function wholeOf(payload: unknown, reply: Reply): Buffer | undefined {
  if (typeof payload === 'string') return Buffer.from(payload);
  if (payload instanceof Uint8Array) return Buffer.from(payload);
  if (typeof payload !== 'object' || payload === null || payload instanceof Error) return undefined;
  const { pipe, getReader } = payload as { pipe?: unknown; getReader?: unknown };
  if (
    typeof pipe === 'function' ||
    typeof getReader === 'function' ||
    payload instanceof Response
  ) {
    return undefined;
  }
  const text = reply.serialize(payload);
  return Buffer.isBuffer(text) ? text : Buffer.from(String(text));
}

type Reply = NonNullable<Exchange['reply']>;

function bytesOf(chunk: unknown, encoding: unknown): Buffer {
  if (typeof chunk === 'string') {
    return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
  }
  return Buffer.from(chunk as Uint8Array);
}

/** The fields in the arguments of `writeHead`: after a reason or not, an object or a list. */
function headPairs(rest: readonly unknown[]): [string, string | string[]][] {
  const fields = rest.find((one) => typeof one === 'object' && one !== null);
  if (!Array.isArray(fields)) return Object.entries((fields ?? {}) as Record<string, string>);
  if (Array.isArray(fields[0])) return fields as [string, string][];
  return fields.flatMap((name: string, i) =>
    i % 2 === 0 ? [[name, fields[i + 1] as string] as [string, string]] : [],
  );
}

function passOn(response: ServerResponse, method: 'write' | 'end', args: unknown[]): unknown {
  return Reflect.apply(response[method], response, args);
}
