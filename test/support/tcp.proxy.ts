/** A TCP proxy before a server on loopback, for the faults a server cannot be asked for. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** As a `redis://` URL. */
  readonly url: string;
  /** From now on connections are accepted and nothing passes, either way. */
  hang(): void;
  /** Passes on what was held back, and everything after it. */
  resume(): void;
  /** Resets every connection; new ones are accepted. */
  cut(): void;
  /** From now on `spoil` decides what becomes of each chunk; without one, all pass as they are. */
  spoil(spoil?: Spoil): void;
  stop(): Promise<void>;
}

export type Spoil = (chunk: Buffer, passage: Passage) => Fate;

/** Where a chunk is on its way. */
export interface Passage {
  readonly to: 'client' | 'server';
  /** The same object for all chunks of a connection. */
  readonly connection: { /** By performance.now(). */ readonly since: number };
}

export interface Fate {
  /** What arrives; nothing, where it is missing. */
  readonly arrives?: Buffer;
  readonly afterMs?: number;
  /** For the whole connection: a reset, or nothing that ever passes again, either way. */
  readonly then?: 'reset' | 'silence';
}

/** Listens on a free port of 127.0.0.1 and passes everything on to `port`. */
export async function startProxy(target: { port: number }): Promise<TcpProxy> {
  const links = new Set<Link>();
  let hanging = false;
  let spoil: Spoil | undefined;

  const server = createServer((client) => {
    const link = new Link(client, connect(target.port, '127.0.0.1'), () => spoil);
    links.add(link);
    client.on('close', () => links.delete(link));
    link.setHanging(hanging);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const setHanging = (value: boolean) => {
    hanging = value;
    links.forEach((link) => link.setHanging(value));
  };
  const cut = () => links.forEach((link) => link.reset());
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    hang: () => setHanging(true),
    resume: () => setHanging(false),
    cut,
    spoil: (next) => (spoil = next),
    async stop() {
      server.close();
      cut();
      await once(server, 'close');
    },
  };
}

/** One connection of a client, and the one made for it to the server. */
class Link {
  private readonly connection = { since: performance.now() };
  private isSilent = false;

  constructor(
    private readonly client: Socket,
    private readonly upstream: Socket,
    private readonly spoil: () => Spoil | undefined,
  ) {
    this.pass(client, upstream, 'server');
    this.pass(upstream, client, 'client');
  }

  setHanging(hanging: boolean): void {
    for (const socket of [this.client, this.upstream]) {
      if (hanging) socket.pause();
      else socket.resume();
    }
  }

  reset(): void {
    for (const socket of [this.client, this.upstream]) {
      // Node never closes a socket that is reset while it ends.
      if (socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  private pass(from: Socket, to: Socket, whom: Passage['to']): void {
    const lane = new Lane(to);
    from.on('data', (chunk: Buffer) => this.decide(chunk, whom, lane));
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
  }

  private decide(chunk: Buffer, to: Passage['to'], lane: Lane): void {
    if (this.isSilent) return;
    const spoil = this.spoil() ?? whole;
    const { arrives, afterMs = 0, then } = spoil(chunk, { to, connection: this.connection });
    if (arrives) lane.push(arrives, afterMs);
    if (then === 'silence') this.isSilent = true;
    if (then === 'reset') this.reset();
  }
}

/** One way of a connection: what is late keeps all behind it waiting, as in TCP. */
class Lane {
  private readonly waiting: Buffer[] = [];
  private lastDue = 0;

  constructor(private readonly to: Socket) {}

  push(chunk: Buffer, afterMs: number): void {
    if (afterMs === 0 && this.waiting.length === 0) return void this.to.write(chunk);
    this.waiting.push(chunk);
    const now = performance.now();
    this.lastDue = Math.max(this.lastDue, now + afterMs);
    setTimeout(() => this.to.write(this.waiting.shift()!), this.lastDue - now);
  }
}

const whole: Spoil = (chunk) => ({ arrives: chunk });
