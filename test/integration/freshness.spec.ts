import { afterEach, describe, expect, it } from '@jest/globals';
import { CacheError, Cacheable, CacheableMany } from 'nestjs-elasticache';
import type { Cache, CacheOptions, ElastiCacheModuleOptions } from 'nestjs-elasticache';
import { ElastiCacheTestingModule, FakeClock } from 'nestjs-elasticache/testing';
import { Observable, from, lastValueFrom } from 'rxjs';
import { gate, onTier, recordFailures, tiers, times } from '../support/cache.application.js';
import { type RecordedEvents, recordEvents } from '../support/recorded.events.js';
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
  @Cacheable('articles')
  find(_id: number): Promise<number> {
    return this.load();
  }
  @Cacheable('articles', { key: (id: number) => id })
  findNamed(_id: number, _name: string): Promise<number> {
    return this.load();
  }
  @Cacheable(['articles', 'others'])
  findInTwo(_id: number): Promise<number> {
    return this.load();
  }
  @Cacheable('articles')
  watch(_id: number): Observable<number> {
    return from(this.load());
  }
  @CacheableMany('articles')
  async findMany(ids: number[]): Promise<number[]> {
    const number = await this.load();
    return ids.map(() => number);
  }
  @Cacheable('plain')
  findPlain(_id: number): Promise<number> {
    return this.load();
  }
  @Cacheable('plain', { staleWhileRevalidate: '1h' })
  findSwr(_id: number): Promise<number> {
    return this.load();
  }
  @Cacheable('plain', { staleWhileRevalidate: '1h' })
  watchSwr(_id: number): Observable<number> {
    return from(this.load());
  }
  @CacheableMany('plain', { staleWhileRevalidate: '1h' })
  async findManySwr(ids: number[]): Promise<number[]> {
    const number = await this.load();
    return ids.map(() => number);
  }
  @Cacheable('plain', { staleIfError: '1h' })
  findSie(_id: number): Promise<number> {
    return this.load();
  }
  @CacheableMany('plain', { staleIfError: '1h', condition: (id: number) => id !== 100 })
  async findManySie(ids: number[]): Promise<number[]> {
    const number = await this.load();
    return ids.map(() => number);
  }
}

type Read = (articles: Articles, caches: { articles: Cache; plain: Cache }) => Promise<unknown>;
type Reads = Record<string, Read>;

const onlyOf = async <T>(values: Promise<T[]>) => (await values)[0];
const swr = { staleWhileRevalidate: '1h' } as const;
const sie = { staleIfError: '1h' } as const;

/** Reads of key 7 under the options of the cache `articles`. */
const reads: Reads = {
  '@Cacheable': (articles) => articles.find(7),
  '@Cacheable with a key': (articles) => articles.findNamed(7, 'seven'),
  '@Cacheable on two caches': (articles) => articles.findInTwo(7),
  Observable: (articles) => lastValueFrom(articles.watch(7)),
  '@CacheableMany': (articles) => onlyOf(articles.findMany([7])),
  getOrLoad: (articles, caches) => caches.articles.getOrLoad(7, () => articles.load()),
  getOrLoadMany: async (articles, caches) => {
    const load = async () => new Map([[7, await articles.load()]]);
    return (await caches.articles.getOrLoadMany([7], load)).get(7);
  },
};

const manyOf = (articles: Articles, cache: Cache, options: object) => {
  const load = async () => new Map([[7, await articles.load()]]);
  return cache.getOrLoadMany([7], load, options).then((found) => found.get(7));
};

/** Reads of key 7 in `plain`, under options of their own. */
const swrReads: Reads = {
  '@Cacheable, by its own option': (articles) => articles.findSwr(7),
  'Observable, by its own option': (articles) => lastValueFrom(articles.watchSwr(7)),
  '@CacheableMany, by its own option': (articles) => onlyOf(articles.findManySwr([7])),
  'getOrLoad, by its own option': (articles, { plain }) =>
    plain.getOrLoad(7, () => articles.load(), swr),
  'getOrLoadMany, by its own option': (articles, { plain }) => manyOf(articles, plain, swr),
};
const sieReads: Reads = {
  '@Cacheable, by its own option': (articles) => articles.findSie(7),
  '@CacheableMany, by its own option': (articles) => onlyOf(articles.findManySie([7])),
  'getOrLoad, by its own option': (articles, { plain }) =>
    plain.getOrLoad(7, () => articles.load(), sie),
  'getOrLoadMany, by its own option': (articles, { plain }) => manyOf(articles, plain, sie),
};
let applications = 0;

describe.each(tiers)('An expired entry, %s', (name) => {
  const tier = onTier(name);
  const recorded: RecordedEvents[] = [];
  afterEach(() => recorded.splice(0).forEach((events) => events.stop()));

  /** The first value of a key lives shortly, those after it for long. */
  async function start(articles: CacheOptions = {}) {
    const failures = recordFailures();
    const namespace = `freshness-${name}-${++applications}`;
    const shortMs = name === 'memory' ? 60_000 : 60;
    const options: ElastiCacheModuleOptions = {
      namespace,
      errorHandler: failures.handle,
      defaults: {
        jitter: 0,
        ttl: ({ value }) => ([value].flat()[0] === 1 ? shortMs : '1h'),
        timeouts: { store: '5s' },
      },
      caches: { articles, others: articles, plain: {} },
    };
    const running =
      name === 'memory'
        ? await tier.startIn(ElastiCacheTestingModule.forRoot(options), Articles)
        : await tier.start(Articles, options);
    const events = recordEvents(namespace);
    recorded.push(events);
    const { cache } = running;
    const caches = { articles: cache('articles'), plain: cache('plain') };
    /** What passes until the first value is past its life. */
    const expire = async (of: Cache) => {
      if (name === 'memory') running.get(FakeClock).advance(shortMs);
      await until('it has expired', async () => (await of.explain(7)).found !== 'fresh');
    };
    const quiet = async () => {
      for (let i = 0; i < 5; i++) {
        await cache('elsewhere').get('nothing');
        await new Promise(setImmediate);
      }
    };
    return { ...running, options, failures, events, caches, expire, quiet };
  }

  type Started = Awaited<ReturnType<typeof start>>;

  async function servesStaleWhileItReloads(read: Read, started: Started, of: Cache) {
    const { service, caches, expire, events } = started;
    expect(await read(service, caches)).toBe(1);
    await expire(of);
    events.take();
    const found = await Promise.all(times(20, () => read(service, caches)));
    expect(found).toEqual(times(20, () => 1));
    await service.started.opened;
    expect(service.calls).toBe(2);
    expect(await read(service, caches)).toBe(1);
    expect(of.stats().staleServed).toBe(21);
    expect(events.take('stale').length).toBe(21);
    service.door.open();
    await until('the new value', async () => (await of.get(7)) !== undefined);
    expect(await read(service, caches)).toBe(2);
    expect(service.calls).toBe(2);
    expect(of.stats()).toMatchObject({ loads: 2, puts: 2, staleServed: 21, loadFailures: 0 });
    expect(started.failures.seen).toEqual([]);
  }

  it.each(Object.keys(reads))('is served while one load renews it behind: %s', async (how) => {
    const started = await start(swr);
    await servesStaleWhileItReloads(reads[how]!, started, started.caches.articles);
  });

  it.each(Object.keys(swrReads))('is served while one load renews it behind: %s', async (how) => {
    const started = await start();
    await servesStaleWhileItReloads(swrReads[how]!, started, started.caches.plain);
  });

  async function isServedForTheError(read: Read, started: Started, of: Cache) {
    const { service, caches, expire, failures, events } = started;
    expect(await read(service, caches)).toBe(1);
    await expire(of);
    service.door.open();
    const error = (service.error = new Error('own'));
    events.take();
    expect(await read(service, caches)).toBe(1);
    expect(service.calls).toBe(2);
    expect(of.stats()).toMatchObject({ staleServed: 1, loadFailures: 1 });
    expect(events.take('stale')).toEqual([expect.objectContaining({ key: '7', cache: of.name })]);
    expect(failures.seen.length).toBe(1);
    const [failure] = failures.seen;
    expect(failure!.error).toBeInstanceOf(CacheError);
    expect(failure!.error).toMatchObject({ code: 'CACHE_LOAD_FAILED', cause: error });
    expect(failure!.context).toMatchObject({ operation: 'get', cache: of.name, key: '7' });
    service.error = undefined;
    expect(await read(service, caches)).toBe(3);
    expect(await of.get(7)).toBe(3);
  }

  it.each(Object.keys(reads).filter((how) => how !== 'Observable'))(
    'is served where the loader fails: %s',
    async (how) => {
      const started = await start(sie);
      await isServedForTheError(reads[how]!, started, started.caches.articles);
    },
  );

  it.each(Object.keys(sieReads))('is served where the loader fails: %s', async (how) => {
    const started = await start();
    await isServedForTheError(sieReads[how]!, started, started.caches.plain);
  });

  it('is served for no part of a batch whose method has failed for what is not cached', async () => {
    const { service, caches, expire } = await start();
    await service.findManySie([7]);
    await expire(caches.plain);
    const error = (service.error = new Error('own'));
    service.door.open();
    await expect(service.findManySie([7, 100])).rejects.toBe(error);
    expect(service.calls).toBe(2);
  });

  it('is served to all who share the load that fails', async () => {
    const { service, caches, expire, quiet } = await start(sie);
    await service.find(7);
    await expire(caches.articles);
    service.error = new Error('own');
    const calls = times(20, () => service.find(7));
    await service.started.opened;
    await quiet();
    service.door.open();
    expect(await Promise.all(calls)).toEqual(times(20, () => 1));
    expect(service.calls).toBe(2);
    expect(caches.articles.stats().staleServed).toBe(20);
  });

  it.each(['first', 'last'])(
    'is served to the calls that take it alone, though they come in one turn with others: %s',
    async (place) => {
      const { service, caches, expire } = await start();
      expect(await service.findSwr(7)).toBe(1);
      await expire(caches.plain);
      const early = place === 'first' ? service.findSwr(7) : undefined;
      const plain = service.findPlain(7);
      const stale = early ?? service.findSwr(7);
      expect(await stale).toBe(1);
      await service.started.opened;
      service.door.open();
      expect(await plain).toBe(2);
      expect(service.calls).toBe(2);
    },
  );

  it.each(Object.keys(reads))('is not served where nothing says so: %s', async (how) => {
    const { service, caches, expire } = await start();
    const read = reads[how]!;
    expect(await read(service, caches)).toBe(1);
    await expire(caches.articles);
    const error = (service.error = new Error('own'));
    service.door.open();
    await expect(read(service, caches)).rejects.toBe(error);
    service.error = undefined;
    expect(await read(service, caches)).toBe(3);
    expect(caches.articles.stats().staleServed).toBe(0);
  });

  it('is a miss for those who load nothing, and getEntry shows it', async () => {
    const { service, caches, expire, events } = await start(swr);
    await service.find(7);
    await expire(caches.articles);
    events.take();
    expect(await caches.articles.get(7)).toBeUndefined();
    expect((await caches.articles.getMany([7])).size).toBe(0);
    expect(events.take('miss').map(({ reason }) => reason)).toEqual(['expired', 'expired']);
    expect(await caches.articles.getEntry(7)).toMatchObject({ value: 1, stale: true });
    expect(await caches.articles.putIfAbsent(7, 'new')).toBeUndefined();
    expect(await caches.articles.getEntry(7)).toMatchObject({ value: 'new', stale: false });
    expect(service.calls).toBe(1);
  });
});
