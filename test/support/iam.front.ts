/**
 * What ElastiCache puts before its servers where users sign in with IAM: TLS alone, tokens that are
 * verified, and the end of every connection some time after it has last signed in.
 */
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Certificate } from './certificates.js';
import { type IamCache, tokenFault } from './iam.verifier.js';

export interface IamFront {
  /** One for each server behind it, in their order. */
  readonly ports: readonly number[];
  /** Each attempt to sign in, and what was wrong with it. */
  readonly attempts: readonly Attempt[];
  /** Connections that were ended because they had not signed in for too long. */
  readonly ended: number;
  /** Connections that are open now. */
  readonly open: number;
  /** Its clock moves on, and no other's. */
  advance(ms: number): void;
  /** Ends each connection so long after it has last signed in; nothing, those that are open included. */
  endAfter(ms: number | undefined): void;
  /** What was sent as a password in any attempt. */
  readonly tokens: readonly string[];
  stop(): Promise<void>;
}

interface Attempt {
  readonly connection: number;
  readonly fault: string | undefined;
}

export interface IamFrontOptions {
  readonly cache: IamCache;
  readonly certificate: Certificate;
  /** Where the servers are, which let everybody in. */
  readonly servers: readonly { readonly port: number }[];
}

export async function startIamFront(options: IamFrontOptions): Promise<IamFront> {
  const front = new Front(options);
  await front.listen();
  return front;
}

class Front implements IamFront {
  ports: number[] = [];
  readonly attempts: Attempt[] = [];
  readonly tokens: string[] = [];
  ended = 0;
  endAfterMs: number | undefined;
  readonly passages = new Set<Passage>();
  private listeners: Server[] = [];
  private skewMs = 0;
  private connections = 0;

  constructor(private readonly options: IamFrontOptions) {}

  get open(): number {
    return this.passages.size;
  }

  async listen(): Promise<void> {
    const { certificate, servers } = this.options;
    for (const { port } of servers) {
      const listener = createServer(
        { cert: certificate.cert, key: certificate.key },
        (client) => void new Passage(this, client, port, ++this.connections),
      ).listen(0, '127.0.0.1');
      await once(listener, 'listening');
      this.listeners.push(listener);
      this.ports.push((listener.address() as AddressInfo).port);
    }
  }

  /** Whether this user may come in with this token. */
  admits(connection: number, user: string, token: string): boolean {
    const fault = tokenFault(this.options.cache, user, token, Date.now() + this.skewMs);
    this.attempts.push({ connection, fault });
    this.tokens.push(token);
    return fault === undefined;
  }

  advance(ms: number): void {
    this.skewMs += ms;
  }

  endAfter(ms: number | undefined): void {
    this.endAfterMs = ms;
    for (const passage of this.passages) passage.endLater();
  }

  async stop(): Promise<void> {
    for (const listener of this.listeners) listener.close();
    for (const passage of this.passages) passage.end();
  }
}

const NOAUTH = command('EVAL', "return redis.error_reply('NOAUTH Authentication required.')", '0');

/** One connection of a client. Every command is answered by the server, so that answers come in order. */
class Passage {
  private readonly server: Socket;
  private received = Buffer.alloc(0);
  private isSignedIn = false;
  private signedInAt = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly front: Front,
    private readonly client: TLSSocket,
    port: number,
    private readonly id: number,
  ) {
    this.server = connect(port, '127.0.0.1');
    front.passages.add(this);
    client.on('data', (chunk: Buffer) => this.take(chunk));
    client.on('error', () => this.end());
    client.on('close', () => this.end());
    this.server.pipe(client);
    this.server.on('error', () => this.end());
    this.server.on('close', () => this.end());
  }

  /** Counted from when it last signed in. */
  endLater(): void {
    clearTimeout(this.timer);
    const { endAfterMs } = this.front;
    if (endAfterMs === undefined || !this.isSignedIn) return;
    const left = this.signedInAt + endAfterMs - performance.now();
    this.timer = setTimeout(() => {
      this.front.ended++;
      this.end();
    }, left);
  }

  end(): void {
    clearTimeout(this.timer);
    this.front.passages.delete(this);
    this.client.destroy();
    this.server.destroy();
  }

  private take(chunk: Buffer): void {
    this.received = Buffer.concat([this.received, chunk]);
    for (;;) {
      const parsed = parse(this.received);
      if (parsed === undefined) return;
      const raw = this.received.subarray(0, parsed.length);
      this.received = this.received.subarray(parsed.length);
      this.server.write(this.passed(parsed.args, raw));
    }
  }

  /** What the server is told instead. Its own user `default` takes any password, and there is no user `nobody`. */
  private passed(args: Buffer[], raw: Buffer): Buffer {
    const [name = '', ...rest] = args.map(String);
    const at = rest.findIndex((word) => /^auth$/i.test(word));
    if (/^auth$/i.test(name)) {
      const [user = '', token = ''] = rest.length === 1 ? ['default', ...rest] : rest;
      return command('AUTH', this.signsIn(user, token) ? 'default' : 'nobody', 'x');
    }
    if (/^hello$/i.test(name) && at !== -1) {
      const others = rest.toSpliced(at, 3);
      const [user = '', token = ''] = rest.slice(at + 1);
      return this.signsIn(user, token) ? command(name, ...others) : command('AUTH', 'nobody', 'x');
    }
    return this.isSignedIn ? raw : NOAUTH;
  }

  /** A connection that is signed in stays so where it fails to do it anew. */
  private signsIn(user: string, token: string): boolean {
    if (!this.front.admits(this.id, user, token)) return false;
    this.isSignedIn = true;
    this.signedInAt = performance.now();
    this.endLater();
    return true;
  }
}

function command(...args: string[]): Buffer {
  const words = args.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return Buffer.from(`*${args.length}\r\n${words.join('')}`);
}

/** The first command, as clients send them: an array of bulk strings. Undefined where it is not complete. */
function parse(bytes: Buffer): { args: Buffer[]; length: number } | undefined {
  let at = 0;
  const number = (mark: string) => {
    const end = bytes.indexOf('\r\n', at);
    if (end === -1) return undefined;
    if (bytes.toString('latin1', at, at + 1) !== mark) throw new Error('no command of a client');
    const value = Number(bytes.toString('latin1', at + 1, end));
    at = end + 2;
    return value;
  };
  const count = number('*');
  if (count === undefined) return undefined;
  const args: Buffer[] = [];
  for (let i = 0; i < count; i++) {
    const length = number('$');
    if (length === undefined || bytes.length < at + length + 2) return undefined;
    args.push(bytes.subarray(at, at + length));
    at += length + 2;
  }
  return { args, length: at };
}
