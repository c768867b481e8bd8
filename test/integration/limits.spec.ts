import { describe, expect, it } from '@jest/globals';
import { Cacheable, CacheableMany } from 'nestjs-elasticache';
import type { Cache, CacheOptions } from 'nestjs-elasticache';
import { BehaviorSubject, Subject, firstValueFrom, toArray } from 'rxjs';
import { Counter, onTier, recordFailures, tiers, times } from '../support/cache.application.js';

class Articles extends Counter {
  subject = new BehaviorSubject('a');

  @Cacheable('articles')
  find(id: number): Promise<number> {
    return this.run(id);
  }
  @Cacheable('subjects')
  watch(_id: number): BehaviorSubject<string> {
    return this.subject;
  }
  @Cacheable('promises', { returns: 'observable' })
  promised(id: number): Promise<number> {
    return this.run(id);
  }
  @CacheableMany('articles')
  findMany(ids: number[]): Promise<number[]> {
    return Promise.all(ids.map((id) => this.run(id)));
  }
}

/** Two methods that nothing but a key generator keeps apart. */
class Pair extends Counter {
  @Cacheable('articles')
  one(id: number): Promise<number> {
    return this.run(id);
  }
  @Cacheable('articles')
  other(id: number): Promise<number> {
    return this.run(id);
  }
}

describe.each(tiers)('Whatever the tier, %s', (name) => {
  const tier = onTier(name);

  it('a loader’s Map may be keyed by equal keys instead of the same', async () => {
    const cache = (await tier.start(Articles)).cache('pairs');
    const dates = [new Date(1), new Date(2)];
    const asked = [[1, 2], [3, 4], { b: 1, a: 2 }, dates[0]!] as never[];
    const load = async () =>
      new Map<never, string>([
        [[1, 2] as never, 'a'],
        [{ a: 2, b: 1 } as never, 'c'],
        [new Date(1) as never, 'd'],
        ['not asked' as never, 'e'],
      ]);
    const found = await cache.getOrLoadMany(asked, load);
    expect([...found]).toEqual([
      [asked[0], 'a'],
      [asked[2], 'c'],
      [asked[3], 'd'],
    ]);
    expect(found.has(asked[0]!)).toBe(true);
    expect((await cache.getMany(asked)).size).toBe(3);
  });

  it('a lifetime may be as long as a number is exact', async () => {
    const ttl = Number.MAX_SAFE_INTEGER;
    const failures = recordFailures();
    const { cache } = await tier.start(Articles, {
      defaults: { ttl, jitter: 0 },
      errorHandler: failures.handle,
    });
    await cache('articles').put(7, 'seven');
    await cache('articles')
      .put(8, 'eight', { ttl: 1e19 })
      .catch(() => undefined);
    expect(await cache('articles').get(7)).toBe('seven');
    expect(failures.seen.filter(({ error }) => error.code === 'CACHE_UNAVAILABLE')).toEqual([]);
  });

  it('a Subject is cached as the Observable that it is', async () => {
    const { service } = await tier.start(Articles);
    const first = firstValueFrom(service.watch(7).pipe(toArray()));
    await service.find(1);
    await new Promise(setImmediate);
    service.subject.complete();
    expect(await first).toEqual(['a']);
    service.subject = new BehaviorSubject('b');
    expect(await firstValueFrom(service.watch(7))).toBe('a');
  });

  it('a method marked as an Observable that is none fails saying so', async () => {
    const { service } = await tier.start(Articles);
    const outcome = firstValueFrom(service.promised(7) as unknown as Subject<number>);
    await expect(outcome).rejects.toMatchObject({ code: 'CACHE_CONFIGURATION' });
    await expect(outcome).rejects.toThrow(/Articles\.promised.*observable/);
  });

  it('methods told apart by the module’s key generator are not warned of', async () => {
    const keyGenerator = (_: object, method: string, args: readonly unknown[]) =>
      [method, ...args] as never;
    expect((await tier.start(Pair, { keyGenerator })).log).toEqual([]);
    expect((await tier.start(Pair)).log.join()).toContain('Pair.one and Pair.other');
  });
});

describe('An error handler that fails later', () => {
  const tier = onTier('redis');

  it('leaves the call as it is, and is logged', async () => {
    const errorHandler = () => Promise.reject(new Error('sentry is down')) as unknown as void;
    const { service, log } = await tier.start(Articles, { errorHandler });
    await tier.refuse('get', 'put');
    expect(await service.find(7)).toBe(1);
    await new Promise(setImmediate);
    expect(log).toEqual([expect.stringContaining('sentry is down')]);
  });
});

describe('The memory tier', () => {
  const tier = onTier('memory');

  it('a value beyond its bounds is no put', async () => {
    const { cache } = await tier.start(Articles, { defaults: { memory: { maxBytes: 1_000 } } });
    const articles = cache('articles') as Cache<number, string>;
    await articles.put(7, 'x'.repeat(5_000));
    await articles.putMany([[8, 'x'.repeat(5_000)]]);
    await articles.getOrLoad(9, async () => 'x'.repeat(5_000));
    expect(articles.stats()).toMatchObject({ puts: 0, errors: 0 });
    expect((await articles.getMany([7, 8, 9])).size).toBe(0);
  });

  it('of a cache takes the room of what is in it, not of what may be', async () => {
    const { cache } = await tier.start(Articles, {
      defaults: { memory: { maxEntries: 1_000_000 } },
    });
    const used = () => process.memoryUsage().heapUsed + process.memoryUsage().external;
    const before = used();
    for (const id of times(50, String)) await cache(id).put(7, 'seven');
    expect(used() - before).toBeLessThan(50_000_000);
  });
});

describe.each(['redis', 'both'] as const)('A value beyond maxValueBytes, %s', (name) => {
  const tier = onTier(name);
  const large = 'x'.repeat(2_000);
  const refused = { name: 'CacheSerializationError', code: 'CACHE_SERIALIZATION' };

  async function start(options: CacheOptions = { maxValueBytes: 1_000 }) {
    const failures = recordFailures();
    const { cache } = await tier.start(Articles, {
      errorHandler: failures.handle,
      caches: { pages: options },
    });
    return { pages: cache('pages') as Cache<number, string>, failures };
  }

  it('is handed out as it is and stored nowhere, and that is told', async () => {
    const { pages, failures } = await start();
    let loads = 0;
    const load = async () => `${++loads}${large}`;
    expect(await pages.getOrLoad(7, load)).toBe(`1${large}`);
    expect(await pages.getOrLoad(7, load)).toBe(`2${large}`);
    expect(failures.seen.map(({ error }) => error)).toEqual([
      expect.objectContaining(refused),
      expect.objectContaining(refused),
    ]);
    expect(failures.seen[0]!.error.message).toContain('more than maxValueBytes (1000)');
  });

  it('put, is the bug of its caller, and what it should have replaced is not served', async () => {
    const { pages } = await start();
    await pages.put(7, 'small');
    await expect(pages.put(7, async () => large)).rejects.toMatchObject(refused);
    expect(await pages.get(7)).toBeUndefined();
    await expect(
      pages.putMany([
        [8, large],
        [9, 'small'],
      ]),
    ).rejects.toMatchObject(refused);
    expect([...(await pages.getMany([8, 9])).keys()]).toEqual([9]);
  });

  it('is one of more than 8 MiB where nobody says so', async () => {
    const { pages } = await start({ timeouts: { store: '20s' } });
    const most = 8 * 1024 * 1024;
    await pages.put(7, 'x'.repeat(most - 5));
    expect((await pages.get(7))?.length).toBe(most - 5);
    await expect(pages.put(7, 'x'.repeat(most))).rejects.toMatchObject(refused);
  });
});
