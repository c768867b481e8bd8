import { describe, expect, it } from '@jest/globals';
import type { Cache } from 'nestjs-elasticache';
import { gate, onTier, recordFailures, tiers, times } from '../support/cache.application.js';
import { until } from '../support/waiting.js';

class Nothing {}

/** Loads of batches and of single keys that wait at a door, counted. */
class Loads {
  readonly batches: number[][] = [];
  started = gate();
  door = gate();
  running = 0;
  most = 0;

  readonly many = async (ids: number[]): Promise<Map<number, string>> => {
    this.batches.push(ids);
    this.most = Math.max(this.most, ++this.running);
    this.started.open();
    await this.door.opened;
    this.running--;
    return new Map(ids.map((id) => [id, `article ${id}`]));
  };
  readonly one = async (id: number): Promise<string> => (await this.many([id])).get(id)!;
}

/** Has a write of key 1 under way, and answers with what ends it. */
async function writing(articles: Cache<number, string>): Promise<() => Promise<void>> {
  const [door, begun] = [gate(), gate()];
  const put = articles.put(1, async () => {
    begun.open();
    await door.opened;
    return 'written';
  });
  await begun.opened;
  return () => {
    door.open();
    return put;
  };
}

const named = (...ids: number[]) => new Map(ids.map((id) => [id, `article ${id}`]));

describe.each(tiers)('Loads of batches whose values cannot be stored, %s', (name) => {
  const tier = onTier(name);

  async function start(options = {}) {
    const running = await tier.start(Nothing, {
      defaults: { timeouts: { store: '5s' } },
      ...options,
    });
    const articles = running.cache('articles') as Cache<number, string>;
    await articles.get(0);
    /** Until the calls before have found what they find. */
    const quiet = async () => {
      for (let i = 0; i < 10; i++) {
        await running.cache('elsewhere').get('nothing');
        await new Promise(setImmediate);
      }
    };
    return { ...running, articles, loads: new Loads(), quiet };
  }

  type Started = Awaited<ReturnType<typeof start>>;

  /** While one load runs, any number of calls wait for one more, whoever comes first. */
  async function areTwo({ articles, loads, quiet }: Started, first: 'batch' | 'single') {
    const begin = {
      batch: () => articles.getOrLoadMany([1], loads.many).then((found) => found.get(1)),
      single: () => articles.getOrLoad(1, () => loads.one(1)),
    };
    const before = begin[first]();
    await loads.started.opened;
    const later = times(20, (i) => (i % 2 ? begin.batch() : begin.single()));
    await quiet();
    expect(loads.batches).toEqual([[1]]);
    loads.door.open();
    expect(await Promise.all([before, ...later])).toEqual(times(21, () => 'article 1'));
    expect(loads.batches).toEqual([[1], [1]]);
    expect(loads.most).toBe(1);
  }

  it.each(['batch', 'single'] as const)(
    'since a write is under way: one runs, one is queued; first a %s',
    async (first) => {
      const started = await start();
      const end = await writing(started.articles);
      await areTwo(started, first);
      await end();
      expect(await started.articles.get(1)).toBe('written');
    },
  );

  it('bring what else is missing along', async () => {
    const { articles, loads } = await start();
    const end = await writing(articles);
    loads.door.open();
    expect(await articles.getOrLoadMany([1, 2], loads.many)).toEqual(named(1, 2));
    expect(loads.batches).toEqual([[1, 2]]);
    expect(await articles.getMany([1, 2])).toEqual(named(2));
    await end();
  });

  it('that have no value for a key leave it to whoever has asked for it alone', async () => {
    const { articles, loads, quiet } = await start();
    const end = await writing(articles);
    const before = articles.getOrLoadMany([1], loads.many);
    await loads.started.opened;
    const empty = articles.getOrLoadMany([1], async () => new Map());
    await quiet();
    const single = articles.getOrLoad(1, async () => 'own');
    await quiet();
    loads.door.open();
    expect(await Promise.all([before, empty, single])).toEqual([named(1), new Map(), 'own']);
    await end();
  });

  it('are shared with nobody who wants to be alone', async () => {
    const { articles, loads } = await start();
    const alone = articles.getOrLoadMany([1], loads.many, { singleFlight: false });
    await loads.started.opened;
    expect(await articles.getOrLoad(1, async () => 'own')).toBe('own');
    loads.door.open();
    expect(await alone).toEqual(named(1));
  });

  if (name === 'memory') return;

  it.each(['batch', 'single'] as const)(
    'since Redis refuses: one runs, one is queued; first a %s',
    async (first) => {
      const started = await start({ errorHandler: () => undefined });
      await tier.refuse('get');
      await areTwo(started, first);
    },
  );
});

describe.each(tiers)('A load within a load, %s', (name) => {
  const tier = onTier(name);

  it('that has room joins what a batch is loading', async () => {
    const { cache } = await tier.start(Nothing, {
      caches: { articles: { loads: { concurrent: 5 } } },
    });
    const articles = cache('articles') as Cache<number, string>;
    const loads = new Loads();
    const batch = articles.getOrLoadMany([1, 2], loads.many);
    await loads.started.opened;
    let own = 0;
    const inner = gate();
    const nested = articles.getOrLoad(10, () => {
      inner.open();
      return articles.getOrLoad(1, async () => `own ${++own}`);
    });
    await inner.opened;
    for (let i = 0; i < 10; i++) {
      await cache('elsewhere').get('nothing');
      await new Promise(setImmediate);
    }
    loads.door.open();
    expect(await nested).toBe('article 1');
    expect(await batch).toEqual(named(1, 2));
    expect(own).toBe(0);
  });
});

describe('A batch that waits for another process', () => {
  const tier = onTier('redis');

  it('gives up what it has won where the error handler throws', async () => {
    const options = { namespace: 'leftover', defaults: { timeouts: { store: '5s' } } };
    const holder = await tier.start(Nothing, options);
    const handled = new Error('handled');
    const waiter = await tier.start(Nothing, {
      ...options,
      errorHandler: () => {
        throw handled;
      },
    });
    const ids = times(40, (i) => i);
    const loads = new Loads();
    const held = (holder.cache('articles') as Cache<number, string>).getOrLoadMany(
      ids,
      async () => {
        await loads.many(ids);
        throw new Error('own');
      },
    );
    held.catch(() => undefined);
    await loads.started.opened;
    const waiting = (waiter.cache('articles') as Cache<number, string>).getOrLoadMany(
      ids,
      loads.many,
    );
    waiting.catch(() => undefined);
    await until('it waits', async () => (await scriptCalls()) > 12);
    // At once: the holder's leases are gone, and of what may be claimed key 7 is not; with it fails what travels with it, 16 keys.
    const leases = await tier.redis.keys('*lease');
    expect(leases.length).toBe(40);
    await tier.redis.command('MULTI');
    await tier.redis.command('DEL', ...leases);
    await tier.acl('resetkeys', '%R~*', '~*articles:[^7]*', '~*~*');
    await tier.redis.command('EXEC');
    await expect(waiting).rejects.toBe(handled);
    await tier.permit();
    loads.door.open();
    await expect(held).rejects.toThrow('own');
    await until('no lease is left', async () => {
      return (await tier.redis.keys('*lease')).length === 0;
    });
  });

  async function scriptCalls(): Promise<number> {
    const stats = String(await tier.redis.command('INFO', 'commandstats'));
    return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  }

  it('is told once of what befalls many of its keys', async () => {
    const failures = recordFailures();
    const { cache } = await tier.start(Nothing, { errorHandler: failures.handle });
    const articles = cache('articles') as Cache<number, string>;
    await articles.getOrLoad(-1, async () => 'scripts are known');
    await tier.acl('-evalsha', '-eval');
    const ids = times(300, (i) => i);
    await articles.getOrLoadMany(ids, async (missing) => named(...missing));
    expect(failures.seen.map(({ context }) => context.operation)).toEqual(['put']);
  });
});
