import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';

import type { FieldValue } from './cache.control.js';
import { namesIn } from './storability.js';

/** What Express's and Fastify's requests have in common. */
export interface PlatformRequest {
  readonly raw?: IncomingMessage;
  readonly method: string;
  readonly originalUrl: string;
  /** Undefined where a client of HTTP/1.0 names none. */
  readonly hostname: string | undefined;
  /** With its port. */
  readonly host?: string;
  readonly protocol: string;
}

/** Fastify's reply, as far as it is needed here. */
export interface Reply {
  raw: ServerResponse;
  send(payload?: unknown): unknown;
  serialize(payload: unknown): unknown;
  code(status: number): unknown;
  header(name: string, value: unknown): unknown;
  removeHeader(name: string): unknown;
  getHeaders(): Record<string, FieldValue>;
}

/** Express's response: Node's own, with methods added. */
export type ExpressResponse = ServerResponse & { send?: (body?: unknown) => unknown };

/** What was made of a connection's last `Host`: it asks for one host again and again. */
const origins = new WeakMap<object, { readonly host: string; readonly key: string }>();

/** One request and its response, on either platform. */
export class Exchange {
  readonly request: IncomingMessage;
  /** The client's. */
  readonly response: ExpressResponse;
  /** Undefined on Express. */
  readonly reply: Reply | undefined;

  constructor(
    readonly platform: PlatformRequest,
    /** As the platform hands it to Nest. */
    readonly target: object,
  ) {
    this.request = platform.raw ?? (platform as unknown as IncomingMessage);
    this.reply = 'raw' in target ? (target as Reply) : undefined;
    this.response = this.reply?.raw ?? (target as ServerResponse);
  }

  /** As the client sent it: a router may have cut off what it is mounted on. */
  get url(): string {
    return this.platform.originalUrl;
  }

  get method(): string {
    return this.request.method!;
  }

  get hostname(): string {
    return this.platform.hostname ?? '';
  }

  /** With its scheme and port. */
  get origin(): string {
    const { protocol, host } = this.platform;
    return `${protocol}://${host ?? this.hostname}`;
  }

  /**
   * As it is part of the key. A port counts, too, since who makes links may use it; only that this
   * process listens on is one for all processes.
   */
  get keyOrigin(): string {
    const { headers, socket } = this.request;
    const { host } = headers;
    // Without these fields the platform has nothing else to go by.
    const isForwarded = 'x-forwarded-host' in headers || 'x-forwarded-proto' in headers;
    if (isForwarded || host === undefined) return keyOf(this.origin, socket.localPort);
    const known = origins.get(socket);
    if (known?.host === host) return known.key;
    const key = keyOf(this.origin, socket.localPort);
    origins.set(socket, { host, key });
    return key;
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  /** A GET that brings content is none that a cache may answer. (RFC 9110 §9.3.1) */
  get hasContent(): boolean {
    const { headers, stream } = this.request as IncomingMessage & Partial<Http2ServerRequest>;
    const length = headers['content-length'];
    if (stream?.endAfterHeaders === false) return true; // HTTP/2 needs to name no length
    return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
  }

  /** The fields that stand on the response so far. */
  fields(): Map<string, FieldValue> {
    return fieldsOf(this.reply ?? this.response);
  }

  setField(name: string, value: string | number | readonly string[]): void {
    if (this.reply !== undefined) this.reply.header(name, value);
    else this.response.setHeader(name, value);
  }

  /** Adds names to what the answer is said to depend on. */
  addVary(names: readonly string[]): void {
    const known = this.fields().get('vary');
    this.setField('vary', [...new Set([...namesIn(known), ...names])].join(', '));
  }

  /**
   * Whether hooks of the platform have to see what is sent: Fastify's `onSend`. Of a version that
   * does not tell they are assumed.
   */
  get hasSendHooks(): boolean {
    return this.reply !== undefined && contextOf(this.platform)?.onSend !== null;
  }

  /** Whether others may make something else of what is sent, by hooks or in place of Node's methods: compress it. */
  get mayBeEncoded(): boolean {
    return this.reply === undefined ? Object.hasOwn(this.response, 'end') : this.hasSendHooks;
  }
}

function keyOf(origin: string, localPort: number | undefined): string {
  return origin.endsWith(`:${localPort}`) ? `${origin.slice(0, -`${localPort}`.length)}*` : origin;
}

export function fieldsOf(response: { getHeaders(): Record<string, FieldValue> }) {
  return new Map(Object.entries(response.getHeaders()));
}

interface RouteContext {
  readonly onSend?: unknown;
}

let contextSymbol: symbol | undefined;

/** The route, as Fastify files it on each request: the only place that tells which hooks it has. */
function contextOf(request: object): RouteContext | undefined {
  contextSymbol ??= Object.getOwnPropertySymbols(request).find(
    ({ description }) => description === 'fastify.context',
  );
  return contextSymbol && (Reflect.get(request, contextSymbol) as RouteContext | undefined);
}
