import { type CacheError, CacheSerializationError } from '../errors/cache.errors.js';
import type { Ask, Lease, StoreWrite, Unkeyed, Versions } from './cache.store.js';
import { BARRIER_MS, LEASE_MS, type Renewal } from './lease.keeper.js';
import { FINISH, LIFT, RAISE, RELEASE, RENEW, type Script, TAKE } from './lua.scripts.js';
import type { ReadBatch } from './read.batch.js';
import { keysOf, type RedisStoreParts, sealed } from './redis.parts.js';
import type { RedisStamps } from './redis.stamps.js';
import { type RedisVersions, tokenOf } from './redis.versions.js';
import { insistOn, runAll, type ScriptItem, type ScriptRunner } from './script.runner.js';
import { newToken } from './token.js';

export interface RedisWritesParts extends RedisStoreParts {
  readonly reads: ReadBatch;
  readonly scripts: ScriptRunner;
  readonly stamps: RedisStamps;
  readonly versions: RedisVersions;
}

/** LIFT's answer where it stored the writer's value. */
const STORED_AT_LIFT = -1;

/**
 * Writes whose value a method makes. The lease is taken before the method, and whoever finds it
 * taken away afterwards removes the entry: of two writes that overlap neither leaves a value. A
 * strict write raises a barrier instead, which others join, and stores only if it was alone.
 */
export class RedisWrites {
  constructor(private readonly parts: RedisWritesParts) {}

  async begin({ text, tags, lateTags = false }: Ask, guarded: boolean): Promise<Lease> {
    const token = newToken();
    const kind = guarded ? 'guard' : 'write';
    const lease = { text, token, tags, kind } as const;
    const [taking, reading] = await Promise.allSettled([
      guarded ? this.raise([text], token) : this.take(text, token),
      this.parts.stamps.current({ tags, lateTags }),
    ]);
    if (taking.status === 'rejected') throw taking.reason;
    if (reading.status === 'fulfilled') return { ...lease, ...held(taking.value, reading.value) };
    this.giveUp({ ...lease, ...held(taking.value, undefined) });
    throw reading.reason;
  }

  async beginUnkeyed(tags: readonly string[], lateTags: boolean): Promise<Unkeyed> {
    const [versions, [epoch]] = await Promise.all([
      this.parts.stamps.current({ tags, lateTags }),
      this.parts.versions.ensure([this.parts.layout.writes]),
    ]);
    return { tags, versions, epoch };
  }

  /** The lease first, then the epoch: a write that moved it before took no lease away. */
  async keyed({ tags, versions, epoch }: Unkeyed, text: string): Promise<Lease> {
    const token = newToken();
    const lease = { text, token, tags, kind: 'write' } as const;
    const renewal = await this.take(text, token);
    try {
      const [now] = await this.parts.reads.versions([this.parts.layout.writes]);
      const isAlone = epoch !== undefined && tokenOf(now!) === epoch;
      return { ...lease, ...held(renewal, isAlone ? versions : undefined) };
    } catch (error) {
      this.giveUp({ ...lease, ...held(renewal, undefined) });
      throw error;
    }
  }

  /** Of a write that does not begin: its lease must not be renewed for ever. It ends by itself if this fails. */
  private giveUp(lease: Lease): void {
    void lease.renewal?.end();
    void this.abandon(lease).catch(() => undefined);
  }

  /** What it cannot store it removes. Repeated where it was not acknowledged; the second time it removes, too. */
  async finish(lease: Lease, write: StoreWrite | undefined): Promise<boolean | CacheError> {
    await lease.renewal?.end();
    const sealing = this.sealed(lease, write);
    const bytes = await sealing.catch(() => undefined); // told once what it should have replaced is gone
    const isGuard = lease.kind === 'guard';
    const item = this.ending(lease, bytes);
    const [reply] = await this.write(isGuard ? LIFT : FINISH, [item]);
    await sealing;
    if (Buffer.isBuffer(reply)) return this.parts.exchange.unavailable(new Error(String(reply)));
    return reply === (isGuard ? STORED_AT_LIFT : 1);
  }

  private async sealed(lease: Lease, write: StoreWrite | undefined) {
    const versions = write && (await this.parts.stamps.of(lease, write));
    if (write === undefined || versions === undefined) return undefined;
    this.parts.stamps.extend(versions, write.lifeMs);
    return sealed(this.parts, write, versions);
  }

  async abandon(lease: Lease): Promise<void> {
    if (lease.kind === 'guard') return void (await this.finish(lease, undefined));
    await lease.renewal?.end();
    const [, leaseKey] = keysOf(this.parts.layout, lease.text);
    const item = { keys: [leaseKey], arguments: [lease.token, ''] };
    await this.parts.scripts.insist(RELEASE, [item]);
  }

  /** Removes the write epoch, then writes: whoever's key is known only from the result sees that it was. */
  async write(script: Script, items: readonly ScriptItem[]): Promise<unknown[]> {
    const { exchange, layout } = this.parts;
    const epoch = layout.writes;
    if (exchange.isCluster) {
      await exchange.insist(epoch, (client) => client.unlink([epoch]));
      return insistOn(exchange, script, items);
    }
    return exchange.insist(epoch, async (client) => {
      const moved = client.unlink([epoch]);
      const [replies] = await Promise.all([runAll(client, script, items), moved]);
      return replies;
    });
  }

  /** Joins the barrier of each of the keys, and stays in it until {@link lift}. */
  async raise(texts: readonly string[], token: string): Promise<Renewal> {
    const join = (renewing: '0' | '1') =>
      this.parts.scripts.insist(
        RAISE,
        texts.map((text) => ({
          keys: keysOf(this.parts.layout, text),
          arguments: [token, BARRIER_MS, renewing],
        })),
      );
    await join('0');
    return this.parts.keeper.keep(() => join('1'));
  }

  /** How many entries were there. */
  async lift(texts: readonly string[], token: string): Promise<number> {
    const items = texts.map((text) => this.ending({ text, token }));
    return sum(await this.write(LIFT, items));
  }

  /** Undefined at a barrier. */
  private async take(text: string, token: string): Promise<Renewal | undefined> {
    const { layout, scripts, keeper } = this.parts;
    const [, lease] = keysOf(layout, text);
    const item = { keys: [lease], arguments: [token, LEASE_MS] };
    if ((await scripts.run(TAKE, item)) !== 1) return undefined;
    return keeper.keep(() => scripts.run(RENEW, item));
  }

  private ending(
    { text, token }: Pick<Lease, 'text' | 'token'>,
    [bytes, lifeMs]: readonly [Buffer | '', number] = ['', 1],
  ): ScriptItem {
    return { keys: keysOf(this.parts.layout, text), arguments: [token, bytes, lifeMs] };
  }
}

export function sum(replies: readonly unknown[]): number {
  return replies.reduce<number>((total, reply) => total + Math.max(0, reply as number), 0);
}

/** Without a lease of its own a write stores nothing. */
function held(renewal: Renewal | undefined, versions: Versions | undefined) {
  return renewal === undefined ? { versions: undefined } : { renewal, versions };
}

/** What each came to; a value that cannot be stored does not keep the others out. */
export async function settledAll(
  writes: readonly Promise<boolean>[],
): Promise<(boolean | CacheSerializationError)[]> {
  const outcomes = await Promise.allSettled(writes);
  return outcomes.map((outcome) => {
    if (outcome.status === 'fulfilled') return outcome.value;
    if (outcome.reason instanceof CacheSerializationError) return outcome.reason;
    throw outcome.reason;
  });
}
