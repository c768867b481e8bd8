import { CacheConfigurationError } from '../errors/cache.errors.js';
import { type Clock, systemClock } from '../time/clock.js';
import type { Random } from '../time/jitter.js';
import { type Driver, makeClient, type MadeClient } from './client.maker.js';
import {
  type ConnectionOptions,
  replicaOptions,
  replicasOfCluster,
  twinOptions,
} from './connection.options.js';
import { plainReason } from './plain.reason.js';
import type { ClientEvent, RedisClient } from './redis.client.js';
import { mindAsking } from './minding.asking.js';
import { keepSignedIn, outdateIfRefused } from './signing.in.js';

/** What happens to the connection: a client makes many, one after the other. */
export interface ConnectionChanges {
  readonly made: () => void;
  readonly lost: () => void;
  /** What a client of ours says is wrong; it says so time and again. */
  readonly failed: (why: string) => void;
  /** Of a cluster: other nodes may have the slots. */
  readonly moved: () => void;
}

interface ConnectionSettings {
  readonly random: Random;
  readonly clock?: Clock;
  /** Default: the application's ioredis. */
  readonly driver?: Driver;
  /** How often live connections sign in anew, where the password changes. */
  readonly signInMs?: number;
}

/** How the client of a connection signs in, where the password changes. */
interface Access extends ConnectionSettings, Pick<MadeClient, 'username' | 'password'> {
  /** Where the replicas of a single node answer. */
  readonly reader?: Extract<ConnectionOptions, { host: unknown }>['reader'];
}

/** A URL, settings, or a client that somebody else closes. */
export type ConnectionTarget = string | ConnectionOptions | RedisClient;

/**
 * Between two connections that are given up for being to a replica: where a name leads to one for good,
 * each write would end one.
 */
const RENEW_MS = 1_000;

/** How long closing waits for the answers still due, before it cuts the connection. */
const DRAIN_MS = 2_000;

/** The socket to the shared tier, ours or one that was handed to us; only what is ours is closed. */
export class RedisConnection {
  private connecting: Promise<void> | undefined;
  private closed = false;
  private renewedAt = Number.NEGATIVE_INFINITY;
  private unwatch = () => {};

  private readonly stopSigningIn: () => void = () => undefined;

  private constructor(
    private readonly client: RedisClient,
    /** Whether the client is ours, and we close it. */
    readonly owned: boolean,
    private readonly access?: Access,
  ) {
    if (client.isCluster) mindAsking(client);
    const { username, password, random, signInMs: everyMs } = access ?? {};
    if (password === undefined) return;
    outdateIfRefused(client, password);
    this.stopSigningIn = keepSignedIn(client, { username, password, random: random!, everyMs });
  }

  /** Makes the client, which connects at {@link start} or with its first command. */
  static async open(
    target: ConnectionTarget,
    settings: ConnectionSettings,
  ): Promise<RedisConnection> {
    if (isClient(target)) {
      assertUsable(target);
      return new RedisConnection(target, false);
    }
    const options = typeof target === 'string' ? { url: target } : target;
    const { driver, random, clock = systemClock } = settings;
    const { client, ...secret } = await makeClient(options, { driver, random, clock });
    client.on('error', () => undefined); // whoever watches is told
    const reader = 'host' in options ? options.reader : undefined;
    return new RedisConnection(client, true, { ...secret, ...settings, ...(reader && { reader }) });
  }

  /** Starts connecting and returns at once: an application starts without its cache, too. */
  start(): void {
    if (!this.owned || this.closed || this.client.status !== 'wait') return;
    this.client.connect().catch(() => undefined); // reported by the events, retried by the client
  }

  /** Whether the keys live in slots, on several nodes. */
  get isCluster(): boolean {
    return this.client.isCluster === true;
  }

  /** Whether a command would be sent now. */
  get isReady(): boolean {
    return this.client.status === 'ready' && !this.closed;
  }

  /** Of a cluster: whether a replica is being connected to; one that reads its data is so until it is through. */
  get awaitsReplica(): boolean {
    const nodes = this.client.nodes?.('slave') ?? [];
    return nodes.some(({ status }) => status === 'connecting' || status === 'connect');
  }

  /** Of a cluster: where the primary of a slot is; `''` where nobody knows yet. */
  placeOf(slot: number): string {
    return this.client.slots?.[slot]?.[0] ?? '';
  }

  /** Whether a primary of a cluster, at that place, has any slots. */
  isOwner(place: string): boolean {
    return this.client.slots?.some((nodes) => nodes?.[0] === place) ?? false;
  }

  /** Tells of every connection that is made, and lost. */
  watch(changes: ConnectionChanges): void {
    const { client } = this;
    const events: [ClientEvent, (error?: Error) => void][] = [
      ['ready', changes.made],
      ['close', changes.lost],
      ['refresh', changes.moved],
    ];
    if (this.owned) events.push(['error', (error) => changes.failed(plainReason(error))]);
    for (const [event, listener] of events) client.on(event, listener);
    this.unwatch = () => {
      for (const [event, listener] of events) client.off(event, listener);
    };
  }

  /** Hands the client to `send` once it can take commands. Rejects at once between two attempts to connect. */
  exchange<T>(send: (client: RedisClient) => Promise<T>): Promise<T> {
    return this.isReady ? send(this.client) : this.afterReady(send);
  }

  /** One more of the same, for what waits on the server. It is ours, whoever made the first. */
  duplicate(): RedisConnection {
    return this.twin(
      this.client.isCluster ? this.clusterTwin() : this.client.duplicate(twinOptions()),
    );
  }

  /** One to the replicas, which may not have seen what the primary has acknowledged; undefined where nobody knows of any. */
  replicas(): RedisConnection | undefined {
    const { client } = this;
    if (client.isCluster) return this.twin(this.clusterTwin(replicasOfCluster));
    const reader = this.access?.reader;
    return reader && this.twin(client.duplicate(replicaOptions(reader)));
  }

  /**
   * Gives up a connection to a server that takes no writes any more ({@link isDemoted}): its name leads to
   * another by now, or soon, which only a new connection finds out. A cluster tells who has its slots.
   */
  renew(): void {
    const { clock = systemClock } = this.access ?? {};
    const now = clock.now();
    if (!this.owned || !this.isReady || this.isCluster) return;
    if (Math.abs(now - this.renewedAt) < RENEW_MS) return;
    this.renewedAt = now;
    this.client.disconnect(true);
  }

  /** Closes it at once, whatever waits. */
  cut(): void {
    this.closed = true;
    this.stopSigningIn();
    this.client.disconnect();
  }

  /** Closes the client if it is ours. QUIT is answered after every command sent before it, so no write is lost. */
  async close(): Promise<void> {
    this.unwatch();
    if (this.closed || !this.owned) return;
    this.closed = true;
    this.stopSigningIn();
    this.access?.password?.close();
    if (this.client.status === 'ready') await within(DRAIN_MS, this.client.quit());
    this.client.disconnect();
  }

  private clusterTwin(own: object = {}): RedisClient {
    const { client } = this;
    const redisOptions = { ...client.options?.redisOptions, ...twinOptions() };
    return client.duplicate([], { ...own, redisOptions });
  }

  private twin(client: RedisClient): RedisConnection {
    client.on('error', () => undefined); // whoever uses it is told by its commands
    return new RedisConnection(client, true, this.access);
  }

  private async afterReady<T>(send: (client: RedisClient) => Promise<T>): Promise<T> {
    if (this.closed) throw new Error('the connection was closed');
    await (this.connecting ??= this.ready());
    return send(this.client);
  }

  private async ready(): Promise<void> {
    try {
      await attemptUnderWay(this.client);
    } finally {
      this.connecting = undefined;
    }
  }
}

/** What a primary says once it has become a replica. */
export function isDemoted(error: unknown): boolean {
  return (error as Error).message.startsWith('READONLY');
}

function isClient(target: ConnectionTarget): target is RedisClient {
  return typeof target === 'object' && 'getBuffer' in target;
}

/**
 * ioredis puts a keyPrefix before every key but not before SCAN's pattern: evicting by a pattern would
 * find nothing. And a replica may not have seen an eviction yet.
 */
function assertUsable({ options = {} }: RedisClient): void {
  const { keyPrefix, redisOptions, scaleReads = 'master' } = options;
  const faults: string[] = [];
  if (keyPrefix || redisOptions?.keyPrefix) {
    faults.push('must not have a keyPrefix: leave it out, and set the option namespace instead');
  }
  if (scaleReads !== 'master') {
    faults.push("must not read from replicas: leave scaleReads at 'master'");
  }
  if (faults.length === 0) return;
  throw new CacheConfigurationError(faults.map((message) => ({ path: 'connection', message })));
}

/** Resolves when the attempt to connect succeeds, rejects when it fails or none is being made. */
function attemptUnderWay(client: RedisClient): Promise<void> {
  return new Promise((resolve, reject) => {
    if (client.status === 'wait') client.connect().catch(() => undefined);
    if (!['connecting', 'connect'].includes(client.status)) {
      return reject(new Error('not connected, will try again'));
    }
    const settle = (failed: boolean) => () => {
      client.off('ready', succeed);
      client.off('close', fail);
      client.off('end', fail);
      if (failed) reject(new Error('the connection failed'));
      else resolve();
    };
    const succeed = settle(false);
    const fail = settle(true);
    client.on('ready', succeed);
    client.on('close', fail);
    client.on('end', fail);
  });
}

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([work, bound]).catch(() => undefined);
  clearTimeout(timer);
}
