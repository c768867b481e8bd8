import { describe, expect, it } from '@jest/globals';
import { CachePut, Cacheable, CacheableMany } from 'nestjs-elasticache';
import type { Cache, ElastiCacheModuleOptions } from 'nestjs-elasticache';
import {
  Counter,
  gate,
  onTier,
  recordFailures,
  tiers,
  times,
} from '../support/cache.application.js';

interface Article {
  id: number;
  tags: string[];
}

/** A source whose loads wait at a door; `started` opens when the first of them has begun. */
class Source extends Counter {
  started = gate();
  door = gate();
  error: unknown;
  value: (id: number) => unknown = (id) => ({ id, tags: ['new'] });

  async load(id: number): Promise<any> {
    await this.run(id);
    this.started.open();
    await this.door.opened;
    if (this.error !== undefined) throw this.error as Error;
    return this.value(id);
  }
}

class Articles extends Source {
  @Cacheable('articles')
  find(id: number): Promise<Article> {
    return this.load(id);
  }
  @Cacheable('articles', { singleFlight: false })
  findAlone(id: number): Promise<Article> {
    return this.load(id);
  }
  @Cacheable('articles')
  @CachePut('others')
  refresh(id: number): Promise<Article> {
    return this.load(id);
  }
  @Cacheable(['articles', 'others'])
  findInBoth(id: number): Promise<Article> {
    return this.load(id);
  }
  @CacheableMany('articles')
  async findMany(ids: number[]): Promise<(Article | null)[]> {
    this.batches.push(ids);
    return Promise.all(ids.map((id) => this.load(id)));
  }
  readonly batches: number[][] = [];
}

describe.each(tiers)('Single flight, %s', (name) => {
  const tier = onTier(name);

  async function start(options: ElastiCacheModuleOptions = {}) {
    const running = await tier.start(Articles, options);
    const elsewhere = running.cache('elsewhere');
    /** Resolves when every lookup sent before has been answered, and what came of it has run. */
    const lookedUp = async () => {
      for (let i = 0; i < 10; i++) {
        await elsewhere.get('nothing');
        await new Promise(setImmediate);
      }
    };
    const articles = running.cache('articles') as Cache<number, Article>;
    return { ...running, articles, lookedUp };
  }

  it('1,000 concurrent calls of one key, by whatever way, are one load', async () => {
    const { service, articles, lookedUp } = await start();
    const calls = times(1_000, (i) => {
      if (i % 3 === 0) return service.find(7);
      if (i % 3 === 1) return articles.getOrLoad(7, () => service.load(7));
      return service.findMany([7]).then(([article]) => article);
    });
    await service.started.opened;
    await lookedUp();
    service.door.open();
    expect(await Promise.all(calls)).toEqual(times(1_000, () => ({ id: 7, tags: ['new'] })));
    expect(service.calls).toBe(1);
    expect(articles.stats()).toMatchObject({ misses: 1_000, loads: 1, coalesced: 999, puts: 1 });
  });

  it('keys are apart: 100 calls of each of 10 keys are 10 loads', async () => {
    const { service, articles } = await start();
    service.door.open();
    const found = await Promise.all(times(1_000, (i) => service.find(i % 10)));
    expect(found.map(({ id }) => id)).toEqual(times(1_000, (i) => i % 10));
    expect(service.calls).toBe(10);
    expect(articles.stats().loads).toBe(10);
  });

  it('a failure is shared as the same object, whatever was thrown, and not cached', async () => {
    const { service, articles, lookedUp } = await start();
    for (const error of [new Error('own'), 'text', null, { code: 7 }]) {
      service.started = gate();
      service.door = gate();
      service.error = error;
      const calls = times(20, () => service.find(7));
      calls.push(...times(20, () => articles.getOrLoad(7, () => service.load(7))));
      const settled = Promise.allSettled([...calls, service.findMany([7])]);
      await service.started.opened;
      await lookedUp();
      const before = service.calls;
      service.door.open();
      for (const outcome of await settled) {
        expect(outcome).toEqual({ status: 'rejected', reason: error });
        expect((outcome as PromiseRejectedResult).reason).toBe(error);
      }
      expect(service.calls).toBe(before);
    }
    service.error = undefined;
    expect(await service.find(7)).toEqual({ id: 7, tags: ['new'] });
    expect(articles.stats()).toMatchObject({ loadFailures: 4, loads: 5 });
  });

  it('a load that failed is over: who comes next loads, whoever else is under way', async () => {
    const { service, articles } = await start();
    const alone = service.findAlone(7);
    await service.started.opened;
    const fail = () => Promise.reject(new Error('own'));
    await expect(articles.getOrLoad(7, fail)).rejects.toThrow('own');
    expect(await articles.getOrLoad(7, async () => ({ id: 7, tags: [] }))).toEqual({
      id: 7,
      tags: [],
    });
    service.door.open();
    await alone;
  });

  it.each(['refresh', 'findInBoth'] as const)(
    'the same beside a call of another kind: %s',
    async (other) => {
      const { service, articles } = await start();
      const slow = service[other](7);
      await service.started.opened;
      const unstored = { unless: () => true, singleFlight: false } as const;
      await articles.getOrLoad(7, async () => ({ id: 7, tags: ['unstored'] }), unstored);
      if (other === 'refresh') {
        const first = articles.getOrLoad(7, async () => ({ id: 7, tags: ['first'] }), {
          unless: () => true,
        });
        expect((await first).tags).toEqual(['first']);
        const second = articles.getOrLoad(7, async () => ({ id: 7, tags: ['second'] }));
        expect((await second).tags).toEqual(['second']);
      }
      service.door.open();
      expect((await slow).tags).toEqual(['new']);
    },
  );

  it('a load whose value was not stored is over as well', async () => {
    const { service, articles } = await start();
    const alone = service.findAlone(7);
    await service.started.opened;
    const load = async (tag: string) => ({ id: 7, tags: [tag] });
    const unless = () => true;
    expect((await articles.getOrLoad(7, () => load('a'), { unless })).tags).toEqual(['a']);
    expect((await articles.getOrLoad(7, () => load('b'), { unless })).tags).toEqual(['b']);
    service.door.open();
    await alone;
  });

  it('every caller gets a value of its own: no change by the leader or another reaches it or the cache', async () => {
    const { service, articles, lookedUp } = await start();
    const change = (article: Article | null) => void article?.tags.push('changed');
    const seen: Article[] = [];
    const look = async (call: Promise<Article>) => {
      const article = await call;
      seen.push(structuredClone(article));
      change(article);
    };
    const leader = look(service.find(7)); // the first to be told, and the first to change it
    await service.started.opened;
    const joiners = [
      ...times(5, () => look(service.find(7))),
      look(articles.getOrLoad(7, () => service.load(7))),
      look(articles.getOrLoadMany([7], async () => new Map()).then((found) => found.get(7)!)),
      look(service.findMany([7]).then(([article]) => article!)),
    ];
    await lookedUp();
    service.door.open();
    await Promise.all([leader, ...joiners]);
    expect(seen).toEqual(times(9, () => ({ id: 7, tags: ['new'] })));
    change(await service.find(7));
    expect(await service.find(7)).toEqual({ id: 7, tags: ['new'] });
    expect(service.calls).toBe(1);
  });

  it('the one that ran it gets the very value', async () => {
    const { service } = await start();
    service.door.open();
    const own = { id: 7, tags: [] };
    service.value = () => own;
    expect(await service.find(7)).toBe(own);
    expect(await service.find(7)).not.toBe(own);
  });

  it('what cannot be stored is handed to all who wait, and reported once', async () => {
    const failures = recordFailures();
    const { service, articles, lookedUp } = await start({ errorHandler: failures.handle });
    const value = { run: () => 1 };
    service.value = () => value;
    const calls = times(5, () => service.find(7));
    await service.started.opened;
    await lookedUp();
    service.door.open();
    for (const found of await Promise.all(calls)) expect(found).toBe(value);
    expect(service.calls).toBe(1);
    expect(failures.seen.map(({ error }) => error.code)).toEqual(['CACHE_SERIALIZATION']);
    expect(await articles.getEntry(7)).toBeUndefined();
  });

  it('switched off for a call, a method or a cache, each runs its own load', async () => {
    const { service, cache, articles } = await start({ caches: { off: { singleFlight: false } } });
    service.door.open();
    let loads = 0;
    const load = async () => void loads++;
    await Promise.all(times(5, () => cache('off').getOrLoad(7, load)));
    expect(loads).toBe(5);
    await Promise.all(times(5, () => cache('off').getOrLoad(8, load, { singleFlight: 'process' })));
    expect(loads).toBe(6);
    await Promise.all(times(5, () => service.findAlone(7)));
    expect(service.calls).toBe(5);
    await Promise.all(
      times(5, () => articles.getOrLoad(8, () => service.load(8), { singleFlight: false })),
    );
    expect(service.calls).toBe(10);
    const many = times(3, () =>
      cache('off').getOrLoadMany([9], async () => new Map([[9, await load()]])),
    );
    await Promise.all(many);
    expect(loads).toBe(9);
  });

  it('a batch joins the single loads in flight, and asks for the rest alone', async () => {
    const { service, lookedUp } = await start();
    const single = service.find(1);
    await service.started.opened;
    const batch = service.findMany([1, 2, 1, 3]);
    await lookedUp();
    service.door.open();
    expect((await batch).map((article) => article?.id)).toEqual([1, 2, 1, 3]);
    expect((await single).id).toBe(1);
    expect(service.batches).toEqual([[2, 3]]);
    expect(service.calls).toBe(3);
  });

  it('single calls and batches join a batch in flight, element by element', async () => {
    const { service, articles, lookedUp } = await start();
    const batch = service.findMany([1, 2]);
    await service.started.opened;
    const [single, other, values] = [
      service.find(1),
      service.findMany([2, 3]),
      articles.getOrLoadMany([1, 2], async () => new Map()),
    ];
    await lookedUp();
    service.door.open();
    expect((await batch).map((article) => article?.id)).toEqual([1, 2]);
    expect((await single).id).toBe(1);
    expect((await other).map((article) => article?.id)).toEqual([2, 3]);
    expect([...(await values).keys()]).toEqual([1, 2]);
    expect(service.batches).toEqual([[1, 2], [3]]);
  });

  it('a failing batch fails whoever joined it, with the same object', async () => {
    const { service, articles, lookedUp } = await start();
    const error = (service.error = new Error('own'));
    const calls: Promise<unknown>[] = [service.findMany([1, 2])];
    await service.started.opened;
    calls.push(
      service.find(1),
      service.findMany([2, 2]),
      articles.getOrLoadMany([1], async () => new Map()),
    );
    const settled = Promise.allSettled(calls);
    await lookedUp();
    service.door.open();
    for (const outcome of await settled)
      expect(outcome).toMatchObject({ status: 'rejected', reason: error });
  });

  it('a batch that brings nothing for a key leaves a single call to load for itself', async () => {
    const { articles, lookedUp } = await start();
    const [door, started] = [gate(), gate()];
    const batch = articles.getOrLoadMany([7], async () => {
      started.open();
      await door.opened;
      return new Map();
    });
    await started.opened;
    const single = articles.getOrLoad(7, async () => ({ id: 7, tags: ['own'] }));
    await lookedUp();
    door.open();
    expect(await batch).toEqual(new Map());
    expect((await single).tags).toEqual(['own']);
    expect(articles.stats().coalesced).toBe(0);
  });

  it('a batch of null and undefined brings the same from the cache as from the method', async () => {
    const { service } = await start();
    service.door.open();
    service.value = (id) => (id === 1 ? null : undefined);
    const miss = await service.findMany([1, 2]);
    expect(miss).toEqual([null, undefined]);
    expect(await service.findMany([1, 2])).toEqual(miss);
    expect(service.batches).toHaveLength(1);
  });
});
