import type { CacheError } from '../errors/cache.errors.js';
import type { Ask, Guard, Guarded, Lease, StoreWrite } from './cache.store.js';
import type { RedisStoreParts } from './redis.parts.js';
import { RedisStore } from './redis.store.js';

/**
 * A store whose keys are made with a secret that has been replaced: it reads and stores under the new
 * names alone, and evicts under the old ones, too, which processes that have not heard of the new
 * secret, or do not use it first, still read.
 */
export class RotatingStore extends RedisStore {
  /** Guards under the old names, for the writes that have raised them. */
  private readonly guards = new WeakMap<Lease, readonly Guard[]>();

  constructor(
    parts: RedisStoreParts,
    private readonly older: readonly RedisStore[],
  ) {
    super(parts);
  }

  override async begin(ask: Ask, guarded: boolean): Promise<Lease> {
    if (!guarded) return super.begin(ask, guarded);
    const guards = await this.guardOlder({ texts: [ask.text] });
    try {
      const lease = await super.begin(ask, guarded);
      this.guards.set(lease, guards);
      return lease;
    } catch (error) {
      for (const guard of guards) guard.lapse();
      throw error;
    }
  }

  override async finish(
    lease: Lease,
    write: StoreWrite | undefined,
  ): Promise<boolean | CacheError> {
    const [outcome] = await all([super.finish(lease, write), this.leave(lease)]);
    return outcome;
  }

  override async abandon(lease: Lease): Promise<void> {
    const guards = this.guards.get(lease) ?? [];
    await all([super.abandon(lease), ...guards.map((guard) => guard.lift())]);
  }

  override async putMany(writes: readonly StoreWrite[]) {
    const texts = writes.map(({ text }) => text);
    const [outcomes] = await all([super.putMany(writes), this.evictOlder(texts)]);
    return outcomes;
  }

  override async evict(texts: readonly string[]): Promise<number> {
    const [removed, older] = await all([super.evict(texts), this.evictOlder(texts)]);
    return removed + older;
  }

  override async clear(): Promise<number> {
    await all([super.clear(), ...this.older.map((store) => store.clear())]);
    return 0;
  }

  override async guard(guarded: Guarded): Promise<Guard> {
    const older = await this.guardOlder(guarded);
    let own: Guard;
    try {
      own = await super.guard(guarded);
    } catch (error) {
      for (const guard of older) guard.lapse();
      throw error;
    }
    const guards = [own, ...older];
    return {
      lift: async () => {
        const removed = await all(guards.map((guard) => guard.lift()));
        return removed.reduce((sum, one) => sum + one, 0);
      },
      lapse: () => {
        for (const guard of guards) guard.lapse();
      },
    };
  }

  private async leave(lease: Lease): Promise<void> {
    const guards = this.guards.get(lease);
    if (guards === undefined) await this.evictOlder([lease.text]);
    else await all(guards.map((guard) => guard.lift()));
  }

  private async evictOlder(texts: readonly string[]): Promise<number> {
    const removed = await all(this.older.map((store) => store.evict(texts)));
    return removed.reduce((sum, one) => sum + one, 0);
  }

  private async guardOlder(guarded: Guarded): Promise<Guard[]> {
    const raised: Guard[] = [];
    try {
      for (const store of this.older) raised.push(await store.guard(guarded));
      return raised;
    } catch (error) {
      for (const guard of raised) guard.lapse();
      throw error;
    }
  }
}

/** As `Promise.all`, but no failure is told before all have ended. */
async function all<const T extends readonly Promise<unknown>[]>(works: T) {
  await Promise.allSettled(works);
  return Promise.all(works);
}
