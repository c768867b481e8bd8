import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

import { aDuration, type Duration, parseDuration } from '../time/duration.js';

/** What becomes of the bytes on their way. */
type Fault =
  | { readonly kind: 'none' | 'hang' | 'drop' | 'corrupt' | 'partition' }
  | { readonly kind: 'delay'; readonly ms: number };

/**
 * A real Redis that a test can break: a TCP proxy in front of it, on a free port of this machine. What
 * the module does then is what it does in production, time-outs, breaker and error handler included.
 * Whoever connects to the server itself notices nothing.
 *
 * One fault holds at a time, until the next one or {@link heal}.
 *
 * @example
 * const redis = await FaultyRedis.start('redis://localhost:6379');
 * imports: [ElastiCacheModule.forRoot({ connection: redis.url })]
 * redis.hang();
 */
export class FaultyRedis {
  private readonly links = new Set<Link>();
  private fault: Fault = { kind: 'none' };

  private constructor(
    private readonly proxy: Server,
    private readonly target: URL,
  ) {
    proxy.on('connection', (client) => this.accept(client));
  }

  /**
   * Stands before one node, which need not be up yet.
   *
   * @param url of the server: `redis://`, since a certificate would not be made out to the proxy
   * @throws RangeError for any other URL
   */
  static async start(url: string): Promise<FaultyRedis> {
    const target = URL.canParse(url) ? new URL(url) : undefined;
    if (target?.protocol !== 'redis:') {
      throw new RangeError('FaultyRedis needs a URL that begins with redis://');
    }
    const proxy = createServer();
    const redis = new FaultyRedis(proxy, target);
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    return redis;
  }

  /** For the module's `connection`: the server's URL, user, password and database included, by way of the proxy. */
  get url(): string {
    const url = new URL(this.target);
    url.hostname = '127.0.0.1';
    url.port = String((this.proxy.address() as AddressInfo).port);
    return url.href;
  }

  /** Redis hangs: connections stay open and new ones are accepted, nothing passes. After {@link heal} it does. */
  hang(): void {
    this.strike({ kind: 'hang' });
  }

  /**
   * Each answer is late, by milliseconds or by text such as `'200ms'`.
   *
   * @throws RangeError for what is not a positive duration
   */
  delay(by: Duration): void {
    const ms = parseDuration(by);
    if (ms === undefined) throw new RangeError(`'${by}' is not ${aDuration}`);
    this.strike({ kind: 'delay', ms });
  }

  /**
   * The network loses everything, and nobody is told: each connection is half-open, and stays so after
   * {@link heal}. The module gives it up after two seconds of silence, and makes a new one.
   */
  drop(): void {
    this.strike({ kind: 'drop' });
  }

  /** The bytes of each answer are changed, so that none can be read. */
  corrupt(): void {
    this.strike({ kind: 'corrupt' });
  }

  /** Redis cannot be reached: connections are reset, and so are new ones. */
  partition(): void {
    this.strike({ kind: 'partition' });
  }

  /** No fault any more. */
  heal(): void {
    this.strike({ kind: 'none' });
  }

  /** Ends the proxy, with all connections; close the application first. */
  async stop(): Promise<void> {
    if (!this.proxy.listening) return;
    this.proxy.close();
    for (const link of this.links) link.reset();
    await once(this.proxy, 'close');
  }

  private strike(fault: Fault): void {
    this.fault = fault;
    for (const link of this.links) link.suffer(fault);
  }

  private accept(client: Socket): void {
    const { hostname, port } = this.target;
    const host = hostname.replace(/^\[|\]$/g, ''); // of an IPv6 address
    const link = new Link(client, connect(Number(port || 6379), host));
    this.links.add(link);
    client.on('close', () => this.links.delete(link));
    link.suffer(this.fault);
  }
}

/** One connection of a client, and the one made for it to the server. */
class Link {
  private fault: Fault = { kind: 'none' };
  private isDead = false;
  private readonly late: { readonly chunk: Buffer; readonly timer: NodeJS.Timeout }[] = [];

  constructor(
    private readonly client: Socket,
    private readonly server: Socket,
  ) {
    client.on('data', (chunk) => this.isDead || server.write(chunk));
    server.on('data', (chunk) => this.answer(chunk));
    client.on('error', () => server.destroy()).on('close', () => server.destroy());
    server.on('error', () => client.destroy()).on('close', () => client.destroy());
    client.on('close', () => this.late.forEach(({ timer }) => clearTimeout(timer)));
  }

  suffer(fault: Fault): void {
    this.fault = fault;
    this.flush();
    if (fault.kind === 'partition') return this.reset();
    if (fault.kind === 'drop') this.isDead = true;
    for (const socket of [this.client, this.server]) {
      if (fault.kind === 'hang') socket.pause();
      else socket.resume();
    }
  }

  reset(): void {
    for (const socket of [this.client, this.server]) {
      // Node never closes a socket that is reset while it ends.
      if (socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  private answer(chunk: Buffer): void {
    if (this.isDead) return;
    const { client, fault, late } = this;
    if (fault.kind === 'corrupt') return void client.write(chunk.map((byte) => ~byte));
    if (fault.kind !== 'delay') return void client.write(chunk);
    const timer = setTimeout(() => client.write(late.shift()!.chunk), fault.ms);
    late.push({ chunk, timer });
  }

  /** What comes under another fault must not overtake what is late. */
  private flush(): void {
    for (const { chunk, timer } of this.late.splice(0)) {
      clearTimeout(timer);
      this.client.write(chunk);
    }
  }
}
