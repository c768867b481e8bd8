import { describe, expect, it } from '@jest/globals';
import { CacheTransaction, Cacheable, CacheableMany, fromResult, glob } from 'nestjs-elasticache';
import type { Cache, CacheManager, CacheOptions } from 'nestjs-elasticache';
import { ElastiCacheTestingModule, FakeClock } from 'nestjs-elasticache/testing';
import { Observable, from, lastValueFrom } from 'rxjs';
import {
  type Running,
  gate,
  onTier,
  recordFailures,
  tiers,
  times,
} from '../support/cache.application.js';
import { startProgram } from '../support/application.process.js';
import { until } from '../support/waiting.js';

/** Loads are numbered; all but the first wait at the door. */
class Articles {
  calls = 0;
  door = gate();
  error: Error | undefined;
  started = gate();

  async load(): Promise<number> {
    const number = ++this.calls;
    if (number === 1) return number;
    const { door, error } = this;
    this.started.open();
    await door.opened;
    if (error) throw error;
    return number;
  }
  @Cacheable('articles', { tags: ['news'] })
  find(_id: number): Promise<number> {
    return this.load();
  }
  @Cacheable('articles', { tags: fromResult(() => ['news']) })
  findTagged(_id: number): Promise<number> {
    return this.load();
  }
  @Cacheable('articles')
  watch(_id: number): Observable<number> {
    return from(this.load());
  }
  @Cacheable('plain', { refreshAhead: 0.05 })
  findAhead(_id: number): Promise<number> {
    return this.load();
  }
  @CacheableMany('plain', { refreshAhead: 0.05 })
  async findManyAhead(ids: number[]): Promise<number[]> {
    const number = await this.load();
    return ids.map(() => number);
  }
}

type Read = (articles: Articles, caches: { articles: Cache; plain: Cache }) => Promise<unknown>;
type Write = (cache: Cache, manager: CacheManager) => Promise<unknown>;

const ahead = { refreshAhead: 0.05 } as const;
const swr = { staleWhileRevalidate: '1h' } as const;

/** Reads of key 7 that renew it ahead. */
const reads: Record<string, Read> = {
  '@Cacheable': (articles) => articles.find(7),
  Observable: (articles) => lastValueFrom(articles.watch(7)),
  getOrLoad: (articles, caches) => caches.articles.getOrLoad(7, () => articles.load()),
  '@Cacheable, by its own option': (articles) => articles.findAhead(7),
  '@CacheableMany, by its own option': async (articles) => (await articles.findManyAhead([7]))[0],
  'getOrLoad, by its own option': (articles, { plain }) =>
    plain.getOrLoad(7, () => articles.load(), ahead),
  'getOrLoadMany, by its own option': async (articles, { plain }) => {
    const load = async () => new Map([[7, await articles.load()]]);
    return (await plain.getOrLoadMany([7], load, ahead)).get(7);
  },
};

const evictions: Record<string, Write> = {
  evict: (cache) => cache.evict(7),
  clear: (cache) => cache.clear(),
  evictTags: (_, manager) => manager.evictTags('news'),
  evictMatching: (cache) => cache.evictMatching(glob`7*`),
};

let applications = 0;

describe.each(tiers)('A reload in the background, %s', (name) => {
  const tier = onTier(name);

  /** The first value of a key lives for `shortMs`, those after it for an hour. */
  async function start(articles: CacheOptions, shortMs: number, others = {}) {
    const failures = recordFailures();
    const options = {
      namespace: `background-${name}-${++applications}`,
      errorHandler: failures.handle,
      defaults: {
        jitter: 0,
        ttl: ({ value }: { value: unknown }) => ([value].flat()[0] === 1 ? shortMs : '1h'),
        timeouts: { store: '5s' },
      },
      caches: { articles, plain: {} },
      ...others,
    };
    const another = (): Promise<Running<Articles>> =>
      name === 'memory'
        ? tier.startIn(ElastiCacheTestingModule.forRoot(options), Articles)
        : tier.start(Articles, options);
    const running = await another();
    const { cache, get } = running;
    return {
      ...running,
      failures,
      another,
      caches: { articles: cache('articles'), plain: cache('plain') },
      pass: (ms: number) => void (name === 'memory' && get(FakeClock).advance(ms)),
      /** Resolves when what has begun in the background has come to its end. */
      async quiet() {
        for (let i = 0; i < 6; i++) {
          await cache('elsewhere').get('nothing');
          await new Promise(setImmediate);
        }
      },
    };
  }

  async function expired(options: CacheOptions = swr, read: Read = reads['@Cacheable']!) {
    const started = await start(options, name === 'memory' ? 60_000 : 60);
    const { service, caches, pass } = started;
    expect(await read(service, caches)).toBe(1);
    pass(60_000);
    const isStale = async () => (await caches.articles.explain(7)).found === 'stale';
    await until('it has expired', isStale);
    return started;
  }

  it.each(Object.keys(reads))('comes ahead of the end: %s', async (how) => {
    const isOwn = how.includes('own');
    const started = await start(isOwn ? {} : ahead, name === 'memory' ? 60_000 : 20_000);
    const { service, caches, pass } = started;
    const read = () => reads[how]!(service, caches);
    expect(await read()).toBe(1);
    expect(await read()).toBe(1);
    expect(service.calls).toBe(1);
    pass(3_000);
    await until('it is due', async () => {
      expect(await read()).toBe(1);
      return service.calls === 2;
    });
    expect(await Promise.all(times(20, read))).toEqual(times(20, () => 1));
    expect(service.calls).toBe(2);
    service.door.open();
    await until('it is renewed', async () => (await read()) === 2);
    expect(await read()).toBe(2);
    const { staleServed, misses } = caches[isOwn ? 'plain' : 'articles'].stats();
    expect({ calls: service.calls, staleServed, misses }).toEqual({
      calls: 2,
      staleServed: 0,
      misses: 1,
    });
    expect(started.failures.seen).toEqual([]);
  });

  it.each(Object.keys(evictions))('brings nothing back after %s', async (how) => {
    const { service, caches, manager, quiet } = await expired();
    expect(await service.find(7)).toBe(1);
    await service.started.opened;
    await evictions[how]!(caches.articles, manager);
    service.door.open();
    await quiet();
    expect(await caches.articles.getEntry(7)).toBeUndefined();
  });

  it.each(['put', 'putMany', 'putIfAbsent', 'put of a function'])(
    'does not overwrite what was stored meanwhile by %s',
    async (how) => {
      const { service, caches, quiet } = await expired();
      expect(await service.find(7)).toBe(1);
      await service.started.opened;
      const { articles } = caches;
      if (how === 'put') await articles.put(7, 'put');
      else if (how === 'putMany') await articles.putMany([[7, 'put']]);
      else if (how === 'putIfAbsent') await articles.putIfAbsent(7, 'put');
      else await articles.put(7, () => 'put');
      service.door.open();
      await quiet();
      expect(await articles.get(7)).toBe('put');
    },
  );

  it.each(Object.keys(evictions))('a stale copy is not served after %s', async (how) => {
    for (const find of ['find', 'findTagged'] as const) {
      const { service, caches, manager } = await expired(swr, (all) => all[find](7));
      await evictions[how]!(caches.articles, manager);
      service.door.open();
      expect(await service[find](7)).toBe(2);
      expect(caches.articles.stats().staleServed).toBe(0);
    }
  });

  it.each(Object.keys(evictions))('nor where the loader fails, after %s', async (how) => {
    const { service, caches, manager } = await expired({ staleIfError: '1h' });
    const error = (service.error = new Error('own'));
    const call = service.find(7);
    call.catch(() => {});
    await service.started.opened;
    await evictions[how]!(caches.articles, manager);
    service.door.open();
    await expect(call).rejects.toBe(error);
    expect(caches.articles.stats().staleServed).toBe(0);
  });

  it('that fails is told, and the next read tries again', async () => {
    const { service, caches, failures } = await expired();
    const error = (service.error = new Error('own'));
    service.door.open();
    for (const round of [1, 2, 3]) {
      expect(await service.find(7)).toBe(1);
      await until('it was told', () => failures.seen.length === round);
    }
    for (const failure of failures.seen) {
      expect(failure.error).toMatchObject({ code: 'CACHE_LOAD_FAILED', cause: error });
      expect(failure.context).toMatchObject({ operation: 'get', cache: 'articles', key: '7' });
    }
    expect(caches.articles.stats()).toMatchObject({ loadFailures: 3, errors: 3, staleServed: 3 });
    service.error = undefined;
    expect(await service.find(7)).toBe(1);
    await until('it is renewed', async () => (await service.find(7)) === 5);
  });

  it('of an Observable is that of a source of its own', async () => {
    const { service, caches } = await expired(swr, reads['Observable']);
    expect(await lastValueFrom(service.watch(7))).toBe(1);
    await service.started.opened;
    service.door.open();
    await until('it is renewed', async () => (await caches.articles.get(7)) === 2);
    expect(await lastValueFrom(service.watch(7))).toBe(2);
  });

  it('does not begin in a unit of work, whose loader may read what is not committed', async () => {
    const { service, caches, pass, quiet } = await start(ahead, name === 'memory' ? 60_000 : 4_000);
    expect(await service.find(7)).toBe(1);
    pass(4_000);
    const due = async () => {
      const { ageMs, remainingMs } = await caches.articles.explain(7);
      return ageMs! > 0.05 * (ageMs! + remainingMs!);
    };
    await until('it is due', due);
    expect(await CacheTransaction.run(() => service.find(7))).toBe(1);
    await quiet();
    expect(service.calls).toBe(1);
    expect(await service.find(7)).toBe(1);
    await service.started.opened;
    service.door.open();
    await until('it is renewed', async () => (await caches.articles.get(7)) === 2);
  });

  it('is no part of the load that read what is stale', async () => {
    const { service, caches } = await expired();
    const { articles } = caches;
    const outer = await articles.getOrLoad('outer', async () => [await service.find(7)]);
    expect(outer).toEqual([1]);
    service.door.open();
    await until('it is renewed', async () => (await articles.get(7)) === 2);
  });
});

describe('Reloads in the background of several applications', () => {
  const tier = onTier('redis');

  async function two(articles: CacheOptions, shortMs: number) {
    const options = {
      namespace: `cluster-${++applications}`,
      defaults: {
        jitter: 0,
        ttl: ({ value }: { value: unknown }) => (value === 1 ? shortMs : '1h'),
        timeouts: { store: '5s' },
      },
      caches: { articles },
    } as const;
    const [one, other] = [await tier.start(Articles, options), await tier.start(Articles, options)];
    other.service.load = () => one.service.load(); // one database behind both
    expect(await one.service.find(7)).toBe(1);
    return { one, other, database: one.service };
  }

  it('are one', async () => {
    const { one, other, database } = await two(swr, 60);
    const isStale = async () => (await other.cache('articles').explain(7)).found === 'stale';
    await until('it has expired', isStale);
    const calls = times(40, (i) => (i % 2 ? one : other).service.find(7));
    expect(await Promise.all(calls)).toEqual(times(40, () => 1));
    await database.started.opened;
    expect(await Promise.all([one.service.find(7), other.service.find(7)])).toEqual([1, 1]);
    database.door.open();
    await until('it is renewed', async () => (await other.service.find(7)) === 2);
    expect(await one.service.find(7)).toBe(2);
    expect(database.calls).toBe(2);
  });

  it('are one, too, where they come ahead', async () => {
    const { one, other, database } = await two({ refreshAhead: 0.005 }, 60_000);
    await until('it is due', async () => {
      await Promise.all([one.service.find(7), other.service.find(7)]);
      return database.calls === 2;
    });
    for (let i = 0; i < 20; i++) await Promise.all([one.service.find(7), other.service.find(7)]);
    database.door.open();
    await until('it is renewed', async () => (await other.service.find(7)) === 2);
    expect(database.calls).toBe(2);
  });

  it('store nothing that another has evicted or put meanwhile', async () => {
    for (const isPut of [true, false]) {
      const { one, other, database } = await two(swr, 60);
      const isStale = async () => (await one.cache('articles').explain(7)).found === 'stale';
      await until('it has expired', isStale);
      expect(await one.service.find(7)).toBe(1);
      await database.started.opened;
      const cache = other.cache('articles');
      if (isPut) await cache.put(7, 'put');
      else await cache.evict(7);
      database.door.open();
      await until('the load is over', () => one.cache('articles').stats().loads === 2);
      for (let i = 0; i < 5; i++) await one.cache('elsewhere').get('nothing');
      expect(await cache.get(7)).toBe(isPut ? 'put' : undefined);
    }
  });
});

describe('A failing reload in a process whose error handler throws', () => {
  it('does not end the process', async () => {
    const program = startProgram(
      `
      const app = await start({ errorHandler: () => { throw new Error('handled'); } });
      const cache = app.get(library.CacheManager).getCache('articles');
      await cache.put(7, 'old');
      while ((await cache.explain(7)).found === 'fresh') await new Promise(setImmediate);
      const fail = () => Promise.reject(new Error('own'));
      tell(await cache.getOrLoad(7, fail));
      for (let i = 0; i < 10; i++) await new Promise(setImmediate);
      tell('alive');
      await app.close();
      process.disconnect();
      `,
      { caches: { articles: { ttl: 20, staleWhileRevalidate: '1h' } } },
    );
    expect(await program.told()).toBe('old');
    expect(await program.told()).toBe('alive');
    expect(await program.exited).toBe(0);
  });
});
