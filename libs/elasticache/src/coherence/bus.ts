import { nextTick } from 'node:process';

import type { RedisClient } from '../connection/redis.client.js';
import { isDemoted, type RedisConnection } from '../connection/redis.connection.js';
import type { Invalidation, NearCaches } from '../memory/near.caches.js';
import type { RedisExchange } from '../store/redis.exchange.js';
import { newToken } from '../store/token.js';
import type { Clock } from '../time/clock.js';
import { encoded, invalidationsOf, type Message } from './bus.messages.js';
import { hasGap, type StreamState, stateOf } from './stream.position.js';

export interface BusParts {
  /** The stream's. */
  readonly key: string;
  readonly exchange: RedisExchange;
  /** Makes the connection that reads, which waits for messages and so can do nothing else. */
  readonly openReader: () => RedisConnection;
  readonly near: NearCaches;
  readonly clock: Clock;
  /** Told once a change: what is wrong with the reading, or undefined when it works again. */
  readonly onState: (problem: unknown) => void;
}

/** Messages that one XREAD brings at most. */
const BATCH = 500;

/** Messages that the stream holds, more or less: those a process may miss and catch up with. */
const MOST_MESSAGES = 10_000;
/** About what the stream may take of the server's memory: of long messages it holds fewer. */
const MOST_BYTES = 16 * 1024 * 1024;

/** The stream's life, which every reader prolongs: where nobody reads, nobody has copies. */
const LIFE_MS = 600_000;

/** Between two attempts to read. */
const AGAIN_MS = 100;

/** What the application's user must be allowed, on the stream. */
const NEEDED = 'XADD, XREAD, XINFO, PEXPIRE and UNLINK';

/** The longest that a read waits: half of the silence after which a connection is given up. */
const LONGEST_WAIT_MS = 1_000;

/**
 * Tells all processes of a namespace what was invalidated, by one Redis Stream. Each reads it on a
 * connection of its own and drops its copies. What was missed is read later, from the last message
 * seen; where the stream no longer has it, everything is dropped.
 *
 * `confirmedAt` is the begin of the last read after which nothing was unread, once a look at the
 * stream has shown that nothing is missing before it. A copy is believed as long as that is recent.
 */
export class Bus {
  confirmedAt = Number.NEGATIVE_INFINITY;
  /** The same, also where reading has failed since. */
  lastConfirmedAt = Number.NEGATIVE_INFINITY;
  private readonly origin = newToken();
  private unsent: Invalidation[] = [];
  private sending: Promise<void> | undefined;
  private reader: RedisConnection | undefined;
  /** The last message seen, or the last there was when reading began. */
  private position = '';
  /** The position up to which nothing was missed. */
  private verified: string | undefined;
  /** Messages that were ever added, as the stream counts them: a new one begins anew. */
  private added = 0;
  private waitMs = Number.POSITIVE_INFINITY;
  private isClosed = false;

  constructor(private readonly parts: BusParts) {}

  get near(): NearCaches {
    return this.parts.near;
  }

  /** Reads from now on, often enough for copies that are believed for so long. */
  follow(maxStalenessMs: number): void {
    const waitMs = Math.min(LONGEST_WAIT_MS, Math.max(1, Math.floor(maxStalenessMs / 3)));
    this.waitMs = Math.min(this.waitMs, waitMs);
    if (this.reader !== undefined || this.isClosed) return;
    this.reader = this.parts.openReader();
    void this.readOn(this.reader);
  }

  /** What is published in one turn of the event loop is one message. Resolves when the stream has it. */
  publish(invalidation: Invalidation): Promise<void> {
    this.unsent.push(invalidation);
    this.sending ??= new Promise((resolve, reject) => {
      nextTick(() => {
        const invalidations = this.unsent;
        this.unsent = [];
        this.sending = undefined;
        this.appendOrRemove(invalidations).then(resolve, reject);
      });
    });
    return this.sending;
  }

  /** No copy is believed until the stream was read again. */
  doubt(): void {
    this.confirmedAt = this.lastConfirmedAt = Number.NEGATIVE_INFINITY;
  }

  close(): void {
    this.isClosed = true;
    this.doubt();
    this.reader?.cut();
  }

  /** Where memory is full, and the stream takes no message, it goes: who finds it gone drops all copies. */
  private async appendOrRemove(invalidations: readonly Invalidation[]): Promise<void> {
    try {
      await this.append(invalidations);
    } catch (error) {
      const { exchange, key } = this.parts;
      const reason = ((error as Error).cause ?? error) as Error;
      if (isRefusal(reason)) throw exchange.unavailable(this.refused(reason));
      if (!reason.message.startsWith('OOM')) throw error;
      await exchange.insist(key, (client) => client.unlink([key]));
    }
  }

  private append(invalidations: readonly Invalidation[]): Promise<unknown> {
    const { exchange, key } = this.parts;
    const fields = encoded(this.origin, invalidations);
    const length = fields.reduce((sum, field) => sum + field.length, 0);
    const most = Math.min(MOST_MESSAGES, Math.ceil(MOST_BYTES / length));
    const limit = ['MAXLEN', '~', most];
    return exchange.insist(key, async (client) => {
      const [id] = await Promise.all([
        client.callBuffer('xadd', key, ...limit, '*', ...fields),
        client.callBuffer('pexpire', key, LIFE_MS),
      ]);
      return id;
    });
  }

  private async readOn(reader: RedisConnection): Promise<void> {
    let works = true;
    const told = (problem?: unknown) => {
      const isNew = works !== (problem === undefined);
      works = problem === undefined;
      if (isNew && !this.isClosed) this.parts.onState(problem);
    };
    while (!this.isClosed) {
      try {
        await reader.exchange((client) => this.readFrom(client, told));
      } catch (error) {
        this.confirmedAt = Number.NEGATIVE_INFINITY;
        const reason = ((error as Error).cause ?? error) as Error;
        if (isDemoted(reason)) reader.renew();
        told(isRefusal(reason) ? this.refused(reason) : error);
      }
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS).unref());
    }
  }

  private refused({ message }: Error): Error {
    return new Error(
      `${message.replace(/\.$/, '')}: allow ${NEEDED} on ${this.parts.key}, or set memory: false`,
    );
  }

  /** Until it fails. The first read waits for nothing, so that copies are believed at once. */
  private async readFrom(client: RedisClient, told: () => void): Promise<void> {
    const { clock } = this.parts;
    let checkedAt = Number.NEGATIVE_INFINITY;
    let waits = false;
    await this.check(client);
    while (!this.isClosed) {
      const begun = clock.now();
      const count = await this.readSome(client, waits);
      const now = clock.now();
      waits = count < BATCH;
      const isDue = now - checkedAt >= this.waitMs || now < checkedAt;
      if (count > 0 && count < BATCH && !isDue) continue;
      const isComplete = await this.check(client);
      checkedAt = now;
      if (isComplete && count < BATCH) this.confirmedAt = this.lastConfirmedAt = begun;
      told();
    }
  }

  /** How many messages there were. */
  private async readSome(client: RedisClient, waits: boolean): Promise<number> {
    const { key } = this.parts;
    const patience = waits ? ['BLOCK', this.waitMs] : [];
    const from = [...patience, 'STREAMS', key, this.position];
    const reply = await client.callBuffer('xread', 'COUNT', BATCH, ...from);
    const [[, messages]] = (reply ?? [[key, []]]) as [[unknown, Message[]]];
    for (const message of messages) this.take(message);
    return messages.length;
  }

  private take([id, fields]: Message): void {
    const { near } = this.parts;
    this.position = id.toString('latin1');
    const invalidations = invalidationsOf(fields, this.origin);
    if (invalidations === undefined) near.forget();
    else for (const invalidation of invalidations) near.apply(invalidation);
  }

  /** Whether the stream has all that came since the last check; begins anew where it has not. */
  private async check(client: RedisClient): Promise<boolean> {
    const { key, near } = this.parts;
    const { position, verified } = this;
    const state = await this.look(client);
    const isAnother = state !== undefined && state.added < this.added;
    this.added = state?.added ?? 0;
    const positions = verified !== undefined && { from: verified, to: position };
    if (state && positions && !isAnother && !hasGap(state, positions)) {
      this.verified = position;
      await client.callBuffer('pexpire', key, LIFE_MS);
      return true;
    }
    // Every copy that comes in from now on was read after the position that reading begins at.
    this.doubt();
    this.position = this.verified = state?.last ?? String(await this.append([]));
    near.forget();
    return false;
  }

  private async look(client: RedisClient): Promise<StreamState | undefined> {
    try {
      return stateOf(await client.callBuffer('xinfo', 'STREAM', this.parts.key));
    } catch (error) {
      if (/no such key/i.test((error as Error).message)) return undefined;
      throw error;
    }
  }
}

/** What the server does not allow is no outage: somebody has to allow it. */
function isRefusal({ message }: Error): boolean {
  return message.startsWith('NOPERM');
}
