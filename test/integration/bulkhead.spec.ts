import { describe, expect, it } from '@jest/globals';
import { CacheTimeoutError, Cacheable, CacheableMany } from 'nestjs-elasticache';
import type { CacheOptions } from 'nestjs-elasticache';
import { Observable, defer, lastValueFrom } from 'rxjs';
import { gate, onTier, recordFailures, tiers, times } from '../support/cache.application.js';
import { timed, until } from '../support/waiting.js';

/** A database that bears only so many questions at a time. */
class Articles {
  running = 0;
  most = 0;
  asked: number[] = [];
  door = gate();
  error: Error | undefined;

  async load(id: number): Promise<string> {
    this.asked.push(id);
    this.most = Math.max(this.most, ++this.running);
    const { door, error } = this;
    await door.opened;
    this.running--;
    if (error) throw error;
    return `article ${id}`;
  }
  @Cacheable('articles')
  find(id: number): Promise<string> {
    return this.load(id);
  }
  @Cacheable('articles', { singleFlight: false })
  findAlone(id: number): Promise<string> {
    return this.load(id);
  }
  @Cacheable('articles')
  watch(id: number): Observable<string> {
    return defer(() => this.load(id));
  }
  @CacheableMany('articles')
  async findMany(ids: number[]): Promise<string[]> {
    await this.load(ids[0]!);
    return ids.map((id) => `article ${id}`);
  }
}

const full = { code: 'CACHE_LOADS_FULL' };
const range = (from: number, count: number) => times(count, (i) => from + i);
const articlesOf = (ids: number[]) => ids.map((id) => `article ${id}`);

describe.each(tiers)('The loads of a cache with room for so many, %s', (name) => {
  const tier = onTier(name);

  async function start(articles: CacheOptions, others: CacheOptions = {}) {
    const failures = recordFailures();
    const running = await tier.start(Articles, {
      errorHandler: failures.handle,
      defaults: { jitter: 0, timeouts: { store: '5s' } },
      caches: { articles, others },
    });
    return { ...running, failures, articles: running.cache('articles') };
  }

  it('are never more, and all are done', async () => {
    const { service, articles } = await start({ loads: { concurrent: 3 } });
    const calls = range(0, 40).map((id) => service.find(id));
    await until('the room is taken', () => service.running === 3);
    service.door.open();
    expect(await Promise.all(calls)).toEqual(articlesOf(range(0, 40)));
    expect(service.most).toBe(3);
    expect(articles.stats()).toMatchObject({ loads: 40, puts: 40, loadFailures: 0 });
  });

  it('are of every kind, and a batch is one', async () => {
    const { service, articles } = await start({ loads: { concurrent: 2 } });
    const load = (id: number) => () => service.load(id);
    const calls: Promise<unknown>[] = range(0, 4).flatMap((i) => [
      service.find(i),
      service.findAlone(10 + i),
      lastValueFrom(service.watch(20 + i)),
      service.findMany(range(100 + i * 10, 10)),
      articles.getOrLoad(30 + i, load(30 + i)),
      articles.getOrLoadMany([40 + i], async () => new Map([[40 + i, await service.load(40 + i)]])),
    ]);
    await until('the room is taken', () => service.running === 2);
    service.door.open();
    await Promise.all(calls);
    expect(service.most).toBe(2);
    expect(service.asked.length).toBe(24);
  });

  it('make room when they fail, too', async () => {
    const { service } = await start({ loads: { concurrent: 1 } });
    service.door.open();
    service.error = new Error('own');
    const outcomes = await Promise.allSettled(range(0, 10).map((id) => service.find(id)));
    expect(outcomes.map(({ status }) => status)).toEqual(times(10, () => 'rejected'));
    service.error = undefined;
    expect(await service.find(1)).toBe('article 1');
  });

  it('beyond room and queue are refused at once, and never run', async () => {
    const { service, articles } = await start({ loads: { concurrent: 2, queue: 3 } });
    const running = [service.find(0), service.find(1)];
    await until('the room is taken', () => service.running === 2);
    const queued = range(2, 3).map((id) => service.find(id));
    for (let i = 0; i < 10; i++) await articles.get('nothing');
    await new Promise(setImmediate);
    const refused = [
      service.find(5),
      articles.getOrLoad(6, () => service.load(6)),
      service.findMany([7, 8]),
      lastValueFrom(service.watch(9)),
    ];
    for (const call of refused) {
      const error = await call.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(CacheTimeoutError);
      expect(error).toMatchObject(full);
      expect((error as Error).message).toMatch(/cache 'articles': 2 loads run and 3 wait/);
    }
    service.door.open();
    expect(await Promise.all([...running, ...queued])).toEqual(articlesOf(range(0, 5)));
    expect(service.asked).toEqual(range(0, 5));
    expect(await service.find(5)).toBe('article 5'); // nobody holds its key
    expect(await articles.get(5)).toBe('article 5');
  });

  it('may have no queue at all', async () => {
    const { service } = await start({ loads: { concurrent: 1, queue: 0 } });
    const running = service.find(0);
    await until('the room is taken', () => service.running === 1);
    await expect(service.find(1)).rejects.toMatchObject(full);
    const joined = service.find(0); // needs no room
    service.door.open();
    expect(await Promise.all([running, joined])).toEqual(['article 0', 'article 0']);
  });

  it('wait within timeouts.wait; one that has begun is not bounded, one that was given up never runs', async () => {
    const timeouts = { wait: '100ms' };
    const { service, articles } = await start({ loads: { concurrent: 1, queue: 3 }, timeouts });
    const running = service.find(0);
    await until('the room is taken', () => service.running === 1);
    const took = await timed(async () => {
      const waiting = [service.find(1), service.find(2), service.findMany([3])];
      for (const call of waiting) await expect(call).rejects.toMatchObject(full);
    });
    expect(took).toBeGreaterThan(90);
    expect(took).toBeLessThan(3_000);
    const later = service.find(4); // has the place of one that was given up
    service.door.open();
    expect(await Promise.all([running, later])).toEqual(articlesOf([0, 4]));
    for (let i = 0; i < 5; i++) await articles.get('nothing');
    await new Promise(setImmediate);
    expect(service.asked).toEqual([0, 4]);
    expect(await service.find(1)).toBe('article 1');
  });

  it('that wait hold the keys of nobody', async () => {
    const timeouts = { wait: '100ms' };
    const { service, articles } = await start({ loads: { concurrent: 1 }, timeouts });
    const running = service.find(0);
    await until('the room is taken', () => service.running === 1);
    await expect(service.find(1)).rejects.toMatchObject(full);
    await until('its lease is given up', async () => (await articles.explain(1)).lease === 'none');
    service.door.open();
    await running;
  });

  it('share what becomes of a refused one among those who joined it', async () => {
    const { service } = await start({
      loads: { concurrent: 1, queue: 1 },
      timeouts: { wait: 200 },
    });
    const running = service.find(0);
    await until('the room is taken', () => service.running === 1);
    const waiting = times(5, () => service.find(1));
    await Promise.all(waiting.map((call) => expect(call).rejects.toMatchObject(full)));
    service.door.open();
    await running;
    expect(service.asked).toEqual([0]);
  });

  it('within loads of the same cache need no room of their own', async () => {
    const { service, articles } = await start({ loads: { concurrent: 1, queue: 0 } });
    service.door.open();
    const outer = await articles.getOrLoad('outer', async () => {
      const inner = await service.find(1);
      const batch = await service.findMany([2, 3]);
      const deep = await articles.getOrLoad('deep', () => service.find(4));
      return [inner, ...batch, deep];
    });
    expect(outer).toEqual(articlesOf(range(1, 4)));
  });

  it('within loads of another cache come back to the room they have', async () => {
    const limits = { loads: { concurrent: 1, queue: 0 } };
    const { service, cache, articles } = await start(limits, limits);
    service.door.open();
    const found = await articles.getOrLoad('a', () =>
      cache('others').getOrLoad('b', () => articles.getOrLoad('c', () => service.find(1))),
    );
    expect(found).toBe('article 1');
  });

  it('serve a stale copy at once where one is allowed, and do not queue a reload', async () => {
    for (const option of ['staleIfError', 'staleWhileRevalidate'] as const) {
      const { service, articles } = await start({
        ttl: ({ key }) => (key === '7' ? 40 : '1h'),
        loads: { concurrent: 1, queue: 0 },
        [option]: '1h',
      });
      const door = (service.door = gate());
      door.open();
      await service.find(7);
      await until('it is stale', async () => (await articles.explain(7)).found === 'stale');
      service.door = gate();
      const running = service.find(0);
      await until('the room is taken', () => service.running === 1);
      expect(await Promise.all(times(5, () => service.find(7)))).toEqual(
        times(5, () => 'article 7'),
      );
      expect(articles.stats().staleServed).toBe(5);
      await expect(service.find(8)).rejects.toMatchObject(full);
      expect(service.asked).toEqual([7, 0]);
      service.door.open();
      await running;
    }
  });

  it('behind a stale copy that a load reads are no part of that load', async () => {
    const { service, articles } = await start({
      ttl: ({ key }) => (key === '7' ? 40 : '1h'),
      loads: { concurrent: 1 },
      staleWhileRevalidate: '1h',
    });
    service.door.open();
    await service.find(7);
    await until('it is stale', async () => (await articles.explain(7)).found === 'stale');
    service.door = gate();
    service.most = 0;
    const outer = articles.getOrLoad('outer', async () => {
      expect(await service.find(7)).toBe('article 7');
      return service.load(0);
    });
    await until('the room is taken', () => service.running > 0);
    for (let i = 0; i < 5; i++) await articles.get('nothing');
    await new Promise(setImmediate);
    service.door.open();
    expect(await outer).toBe('article 0');
    expect(service.most).toBe(1);
  });

  it('of one cache take no room from another', async () => {
    const limits = { loads: { concurrent: 1, queue: 0 } };
    const { service, cache } = await start(limits, limits);
    const running = service.find(0);
    await until('the room is taken', () => service.running === 1);
    expect(await cache('others').getOrLoad(1, async () => 'free')).toBe('free');
    service.door.open();
    await running;
  });

  it('that are refused do not count as loads', async () => {
    const { service, articles } = await start({ loads: { concurrent: 1, queue: 0 } });
    const running = service.find(0);
    await until('the room is taken', () => service.running === 1);
    await expect(service.find(1)).rejects.toMatchObject(full);
    service.door.open();
    await running;
    expect(articles.stats()).toMatchObject({ loads: 1, loadFailures: 0, misses: 2 });
  });
});

describe('The loads of a cache whose Redis is gone', () => {
  const tier = onTier('redis');

  it('do not flood the database', async () => {
    const { service, cache } = await tier.start(Articles, {
      errorHandler: () => {},
      defaults: { timeouts: { store: '300ms' } },
      caches: { articles: { loads: { concurrent: 2 } } },
    });
    await until('connected', () => cache('articles').evict('nothing'));
    await tier.redis.kill();
    try {
      const calls = range(0, 30).map((id) => service.find(id));
      await until('the room is taken', () => service.running === 2);
      service.door.open();
      expect(await Promise.all(calls)).toEqual(articlesOf(range(0, 30)));
      expect(service.most).toBe(2);
    } finally {
      await tier.restart();
    }
  });
});
