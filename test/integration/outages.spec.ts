import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type Cache,
  CacheContext,
  Cacheable,
  CacheableMany,
  CacheEvict,
  type ElastiCacheModuleOptions,
} from 'nestjs-elasticache';
import { Counter, gate, onTier, recordFailures, times } from '../support/cache.application.js';
import { recordEvents } from '../support/recorded.events.js';
import { startProxy } from '../support/tcp.proxy.js';
import { timed, until } from '../support/waiting.js';

class Articles extends Counter {
  @Cacheable('articles')
  find(id: number): Promise<number> {
    return this.run(id);
  }
  @CacheableMany('articles', { keys: (ids: number[]) => ids })
  findMany(ids: number[]): Promise<number[]> {
    return Promise.all(ids.map((id) => this.run(id)));
  }
  @CacheEvict('articles')
  async remove(_id: number): Promise<void> {}
}

/** The times are those of the defaults: what waits for Redis is what is looked at. */
describe('While Redis does not answer', () => {
  const tier = onTier('both');
  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });

  async function start(options: ElastiCacheModuleOptions = {}) {
    const proxy = await startProxy(tier.redis);
    ends.push(() => proxy.stop());
    const url = new URL(tier.connection().connection!);
    url.port = String(proxy.port);
    const failures = recordFailures();
    const running = await tier.start(Articles, {
      connection: url.href,
      errorHandler: failures.handle,
      defaults: { timeouts: {} },
      ...options,
    });
    const articles = running.cache('articles');
    await until('it is connected', () => articles.evict('nothing'));
    failures.seen.length = 0;
    return { ...running, proxy, articles, failures };
  }

  /** Without copies in memory. */
  const cold = { defaults: { memory: false, timeouts: {} } } as const;

  const untilBack = (cache: Cache) => until('it is back', () => cache.evict('nothing'));
  const opened = (log: readonly string[]) => log.some((line) => line.includes('not available'));

  it('three calls wait for it at most, and a write until timeouts.store is over', async () => {
    const { proxy, service, articles, failures } = await start(cold);
    proxy.hang();
    expect(await timed(() => service.find(0))).toBeGreaterThanOrEqual(45);
    await Promise.all(times(100, (id) => service.find(id)));
    failures.seen.length = 0;
    const asMuch = 100 * 50;
    expect(await timed(() => inTurn(100, (id) => service.find(id)))).toBeLessThan(asMuch / 2);
    const codes = new Set(failures.seen.map(({ error }) => error.code));
    expect([...codes].filter((code) => code !== 'CACHE_TIMEOUT')).toEqual(['CACHE_UNAVAILABLE']);
    await articles.evict(1);
    expect(await timed(() => inTurn(20, (id) => articles.evict(id)))).toBeLessThan((20 * 250) / 2);
    proxy.resume();
    await untilBack(articles);
  });

  it('what waits already waits no longer once that is known', async () => {
    const { proxy, service } = await start(cold);
    proxy.hang();
    const waiting = times(2, (id) => service.find(id));
    await waiting[0];
    await service.find(2);
    const late = service.find(3);
    await until('the breaker is open', async () => (await timed(() => service.find(4))) < 25);
    expect(await timed(() => late)).toBeLessThan(25);
    await Promise.all(waiting);
    proxy.resume();
  });

  it('its state is published, and logged once a change', async () => {
    const namespace = 'outages';
    const { proxy, service, log } = await start({ ...cold, namespace });
    const events = recordEvents(namespace);
    ends.push(() => events.stop());
    proxy.hang();
    await until('it is known', async () => {
      await service.find(1);
      return opened(log);
    });
    for (const id of times(50, (i) => i)) await service.find(id);
    proxy.resume();
    const states: unknown[] = [];
    await until('it is used again', async () => {
      states.push(...events.take('breaker').map(({ state }) => state));
      return states.at(-1) === 'closed';
    });
    expect(states[0]).toBe('open');
    expect(states).toContain('half-open');
    expect(log.filter((line) => line.includes('available'))).toHaveLength(1);
  });

  it('an answer that comes too late is a copy in memory all the same', async () => {
    const namespace = 'late';
    const { proxy, articles } = await start({ namespace });
    const other = await start({ namespace });
    await other.articles.put(7, 'there');
    proxy.hang();
    expect(await articles.get(7)).toBeUndefined();
    proxy.resume();
    const entry = await until('the copy is there', async () => {
      const found = await articles.getEntry(7);
      return found?.tier === 'memory' ? found : undefined;
    });
    expect(entry.value).toBe('there');
  });

  it('an answer that is overtaken by an eviction is none', async () => {
    const { proxy, articles } = await start();
    await articles.put(7, 'old');
    proxy.hang();
    expect(await articles.get(7)).toBeUndefined(); // sent, and on its way
    expect(await articles.evict(7)).toBe(false);
    proxy.resume();
    await untilBack(articles);
    for (let i = 0; i < 50; i++) expect(await articles.get(7)).toBeUndefined();
  });

  const evictions: Record<
    string,
    (cache: Cache, tags: () => Promise<unknown>) => Promise<unknown>
  > = {
    evict: (cache) => cache.evict(7),
    clear: (cache) => cache.clear(),
    evictTags: (_, evictTags) => evictTags(),
  };

  it.each(Object.keys(evictions))(
    'an eviction that failed is not read past, and made up for: %s',
    async (how) => {
      for (const memory of [undefined, false] as const) {
        const { proxy, articles, manager, service, keyOf } = await start({
          defaults: { timeouts: {}, ...(memory === false && { memory }), tags: ['news'] },
        });
        await articles.put(7, -1);
        await articles.get(7);
        proxy.hang();
        const failed = await evictions[how]!(articles, () => manager.evictTags('news'));
        expect(failed).toBe(false);
        proxy.resume();
        const read = async () => {
          expect(await articles.get(7)).not.toBe(-1);
          expect(await service.find(7)).not.toBe(-1);
          expect((await articles.getMany([7])).get(7)).not.toBe(-1);
        };
        await until('it is made up for', async () => {
          await read();
          return (await service.find(7)) === (await service.find(7));
        });
        if (how === 'evict')
          expect(await tier.redis.command('EXISTS', keyOf('articles', '7'))).toBe(1);
      }
    },
  );

  it('an eviction of a tag that failed hides what only the entry says it bears, and its copies', async () => {
    const { articles, manager, service } = await start();
    await articles.put(7, -1, { tags: ['news'] });
    await tier.refuse('evict');
    expect(await manager.evictTags('news')).toBe(false);
    expect((await articles.explain(7)).miss).toBe('eviction pending');
    for (let i = 0; i < 3; i++) {
      expect(await articles.get(7)).toBeUndefined();
      expect((await articles.getMany([7])).size).toBe(0);
      expect(await service.find(7)).not.toBe(-1);
      expect(await service.findMany([7])).not.toContain(-1);
    }
    await tier.permit();
    await until(
      'it is made up for',
      async () => (await service.find(7)) === (await service.find(7)),
    );
    expect(await articles.get(7)).not.toBe(-1);
  });

  it.each(['a key', 'a tag'])(
    'an eviction of %s that failed is not overtaken by what was being read when it was made up for',
    async (what) => {
      const namespace = `overtaken ${what}`;
      // To be unpacked takes longer than to be evicted.
      const defaults = { memory: false, timeouts: { store: '10s' }, compression: {} } as const;
      const { articles, manager } = await start({ namespace, defaults });
      await articles.put(7, 'old'.repeat(2_000_000), { tags: ['news'] });
      await tier.refuse('evict');
      const failed = what === 'a key' ? articles.evict(7) : manager.evictTags('news');
      expect(await failed).toBe(false);
      const events = recordEvents(namespace);
      ends.push(() => events.stop());
      let isOver = false;
      const read = async () => {
        const found: unknown[] = [];
        while (!isOver) {
          found.push(await articles.get(7), (await articles.getMany([7])).get(7));
          await new Promise(setImmediate); // what is withheld waits for nothing
        }
        return found.filter((value) => value !== undefined).length;
      };
      const reads = times(4, read);
      await tier.permit();
      await until('it is made up for', () => (isOver = events.take('replay').length > 0));
      expect(await Promise.all(reads)).toEqual([0, 0, 0, 0]);
    },
  );

  it('an eviction that failed is of its own tenant alone', async () => {
    const { proxy, articles } = await start({
      tenancy: { required: false },
      defaults: { memory: false },
    });
    const as = <T>(tenant: string, work: () => Promise<T>) => CacheContext.run({ tenant }, work);
    for (const tenant of ['one', 'two']) await as(tenant, () => articles.put(7, 'old'));
    proxy.hang();
    expect(await as('one', () => articles.evict(7))).toBe(false);
    proxy.resume();
    await until('the other is read again', () => as('two', () => articles.get(7)));
    expect(await as('two', () => articles.get(7))).toBe('old');
    for (let i = 0; i < 20; i++) expect(await as('one', () => articles.get(7))).toBeUndefined();
    await until('it is made up for', () =>
      as('one', async () => {
        await articles.getOrLoad(7, async () => 'new');
        return (await articles.get(7)) === 'new';
      }),
    );
  });

  it('shut down, it says what could not be made up for, and waits for no more than that', async () => {
    const { proxy, articles, log, manager } = await start(cold);
    proxy.hang();
    for (const id of [1, 2]) await articles.evict(id);
    await manager.evictTags('news');
    expect(await timed(() => tier.reset())).toBeLessThan(5_000);
    expect(log.filter((line) => line.includes('not made up for'))).toEqual([
      expect.stringMatching(/2 of 'articles', 1 of '\*'/),
    ]);
  });

  it('shut down, it says what was still being tried, and failed', async () => {
    const { proxy, articles, log } = await start(cold);
    proxy.hang();
    const evicting = articles.evict(7);
    await tier.reset();
    expect(await evicting).toBe(false);
    expect(log.filter((line) => line.includes('not made up for'))).toEqual([
      expect.stringContaining("1 of 'articles'"),
    ]);
  });

  it('shut down, it makes up for what it can', async () => {
    const { proxy, articles, keyOf, log } = await start(cold);
    await articles.put(7, 'old');
    proxy.hang();
    expect(await articles.evict(7)).toBe(false);
    proxy.resume();
    await tier.reset();
    expect(await tier.redis.command('EXISTS', keyOf('articles', '7'))).toBe(0);
    expect(log.filter((line) => line.includes('not made up for'))).toEqual([]);
  });

  it('calls one after another of what an eviction failed of are each their own', async () => {
    const { proxy, service } = await start(cold);
    await service.find(7);
    proxy.hang();
    await service.remove(7);
    const before = service.calls;
    expect(await inTurn(4, () => service.find(7))).toEqual(times(4, (i) => before + 1 + i));
    proxy.resume();
  });

  it('a load that it came upon leaves no lease that others wait for', async () => {
    const { proxy, articles } = await start(cold);
    const [door, begun] = [gate(), gate()];
    const loading = articles.getOrLoad(7, async () => {
      begun.open();
      await door.opened;
      return 'early';
    });
    await begun.opened;
    proxy.hang();
    door.open();
    expect(await loading).toBe('early');
    proxy.resume();
    await untilBack(articles);
    const took = await timed(() => articles.getOrLoad(7, async () => 'late'));
    expect(took).toBeLessThan(2_000); // a lease lives for five seconds
  });
});

async function inTurn<T>(count: number, call: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let i = 0; i < count; i++) results.push(await call(i));
  return results;
}
