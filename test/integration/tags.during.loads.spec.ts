import { describe, expect, it } from '@jest/globals';
import { CachePut, Cacheable, CacheableMany, fromResult } from 'nestjs-elasticache';
import type { Cache } from 'nestjs-elasticache';
import { Observable, from, lastValueFrom } from 'rxjs';
import { Counter, gate, onTier, tiers } from '../support/cache.application.js';

/** Each load answers with what is true when it begins; the door holds it back after that. */
class Articles extends Counter {
  truth = 'old';
  door = gate();
  started = gate();

  async load(): Promise<string> {
    this.calls++;
    const [seen, { opened }] = [this.truth, this.door];
    this.started.open();
    await opened;
    return seen;
  }
  @Cacheable('articles', { tags: ['news'] })
  find(_id: number): Promise<string> {
    return this.load();
  }
  @Cacheable('articles', { tags: fromResult(() => ['news']) })
  findTagged(_id: number): Promise<string> {
    return this.load();
  }
  @Cacheable('articles', { tags: fromResult(() => ['news']) })
  watchTagged(_id: number): Observable<string> {
    return from(this.load());
  }
  @CacheableMany('articles', { tags: ['news'] })
  async findMany(ids: number[]): Promise<string[]> {
    const value = await this.load();
    return ids.map(() => value);
  }
  @CacheableMany('articles', { tags: fromResult(() => ['news']) })
  async findManyTagged(ids: number[]): Promise<string[]> {
    const value = await this.load();
    return ids.map(() => value);
  }
  @CacheableMany('articles', { tags: (id: number) => [`only ${id}`] })
  async findManyApart(ids: number[]): Promise<string[]> {
    const value = await this.load();
    return ids.map(() => value);
  }
  @Cacheable('tagged')
  findInTagged(_id: number): Promise<string> {
    return this.load();
  }
  @CachePut('articles', { tags: ['news'] })
  save(_id: number): Promise<string> {
    return this.load();
  }
  @CachePut('articles', { tags: fromResult(() => ['news']) })
  saveTagged(_id: number): Promise<string> {
    return this.load();
  }
  @CachePut('articles', { key: fromResult(() => 7), tags: fromResult(() => ['news']) })
  create(): Promise<string> {
    return this.load();
  }
}

type Way = (articles: Articles, cache: Cache) => Promise<unknown>;
type Ways = Record<string, Way>;

const tags = ['news'];

const reads: Ways = {
  '@Cacheable, by a tag of the call': (articles) => articles.find(7),
  '@Cacheable, by a tag of the result': (articles) => articles.findTagged(7),
  'Observable, by a tag of the result': (articles) => lastValueFrom(articles.watchTagged(7)),
  '@CacheableMany, by a tag of the call': async (articles) => (await articles.findMany([7]))[0],
  '@CacheableMany, by a tag of the result': async (articles) =>
    (await articles.findManyTagged([7]))[0],
  'getOrLoad, by a tag of the call': (articles, cache) =>
    cache.getOrLoad(7, () => articles.load(), { tags }),
  'getOrLoad, by a tag of the value': (articles, cache) =>
    cache.getOrLoad(7, () => articles.load(), { tags: () => tags }),
  'getOrLoadMany, by a tag of the value': async (articles, cache) => {
    const load = async () => new Map([[7, await articles.load()]]);
    return (await cache.getOrLoadMany([7], load, { tags: () => tags })).get(7);
  },
};

const writes: Ways = {
  '@CachePut, by a tag of the call': (articles) => articles.save(7),
  '@CachePut, by a tag of the result': (articles) => articles.saveTagged(7),
  '@CachePut, key and tag of the result': (articles) => articles.create(),
  'put of a function, by a tag of the call': (articles, cache) =>
    cache.put(7, () => articles.load(), { tags }),
  'put of a function, by a tag of the value': (articles, cache) =>
    cache.put(7, () => articles.load(), { tags: () => tags }),
};

describe.each(tiers)('A tag evicted during a load, %s', (name) => {
  const tier = onTier(name);
  let applications = 0;

  /** An application with a load of key 7 under way that has seen the old truth; elsewhere the truth has changed since. */
  async function loading(way: Way) {
    const options = { namespace: `during-${name}-${++applications}`, caches: { tagged: { tags } } };
    const running = await tier.start(Articles, options);
    const { service } = running;
    const articles = running.cache('articles');
    const before = way(service, articles);
    await service.started.opened;
    const oldDoor = service.door;
    service.truth = 'new';
    service.door = gate();
    service.started = gate();
    // By whoever: in Redis it is another application.
    const { manager } = name === 'redis' ? await tier.start(Articles, options) : running;
    return { ...running, articles, before, oldDoor, evictTags: manager.evictTags.bind(manager) };
  }

  describe.each(Object.keys(reads))('by %s', (how) => {
    const read = reads[how]!;

    it('keeps its value out', async () => {
      const { service, articles, before, oldDoor, evictTags } = await loading(read);
      await evictTags('news');
      oldDoor.open();
      expect(await before).toBe('old');
      expect(await articles.getEntry(7)).toBeUndefined();
      service.door.open();
      expect(await read(service, articles)).toBe('new');
      expect(await articles.get(7)).toBe('new');
    });

    it('is not joined by who comes after it, and the value of that one stays', async () => {
      const { service, articles, before, oldDoor, evictTags } = await loading(read);
      await evictTags('news');
      const after = read(service, articles);
      await service.started.opened;
      service.door.open();
      expect(await after).toBe('new');
      expect(await articles.get(7)).toBe('new');
      oldDoor.open();
      expect(await before).toBe('old');
      expect(await articles.get(7)).toBe('new');
    });

    it('of another tag changes nothing', async () => {
      const { articles, before, oldDoor, evictTags, service } = await loading(read);
      if (how.includes('of the call')) await evictTags('sports');
      const after = read(service, articles);
      await articles.get('nothing');
      oldDoor.open();
      expect([await before, await after]).toEqual(['old', 'old']);
      expect(await articles.get(7)).toBe('old');
      expect(service.calls).toBe(1);
    });
  });

  const callers: Ways = {
    'no tags': (articles, cache) => cache.getOrLoad(7, () => articles.load()),
    'the same': (articles, cache) => cache.getOrLoad(7, () => articles.load(), { tags }),
    others: (articles, cache) => cache.getOrLoad(7, () => articles.load(), { tags: ['a', 'b'] }),
    'these in another order': (articles, cache) =>
      cache.getOrLoad(7, () => articles.load(), { tags: ['b', 'a'] }),
    'late ones': (articles, cache) =>
      cache.getOrLoad(7, () => articles.load(), { tags: () => tags }),
    'none, in a batch': async (articles, cache) => {
      const load = async () => new Map([[7, await articles.load()]]);
      return (await cache.getOrLoadMany([7], load)).get(7);
    },
    'late ones, in a batch': async (articles) => (await articles.findManyTagged([7]))[0],
  };
  const pairs = Object.keys(callers).flatMap((one) =>
    Object.keys(callers).map((other) => [one, other] as const),
  );

  it.each(pairs)(
    'is what decides: who names %s shares his load with who names %s',
    async (one, other) => {
      const { service, articles, before, oldDoor } = await loading(callers[one]!);
      const after = callers[other]!(service, articles);
      for (let i = 0; i < 5; i++) await articles.get('nothing');
      oldDoor.open();
      expect([await before, await after]).toEqual(['old', 'old']);
      expect(service.calls).toBe(1);
    },
  );

  const named = Object.keys(callers).filter((how) => /same|late/.test(how));
  it.each(named.flatMap((how) => ['no tags', 'none, in a batch'].map((after) => [how, after])))(
    'of a load that names %s is seen by who comes later and names %s',
    async (how, later) => {
      const { service, articles, before, oldDoor, evictTags } = await loading(callers[how!]!);
      await evictTags('news');
      const after = callers[later!]!(service, articles);
      await service.started.opened;
      service.door.open();
      expect(await after).toBe('new');
      oldDoor.open();
      expect(await before).toBe('old');
      expect(await articles.get(7)).toBe('new');
    },
  );

  it.each(Object.keys(writes))('keeps the value of a write out: %s', async (how) => {
    const { service, articles, before, oldDoor, evictTags } = await loading(writes[how]!);
    await evictTags('news');
    oldDoor.open();
    await before;
    expect(await articles.getEntry(7)).toBeUndefined();
    service.door.open();
    await writes[how]!(service, articles);
    expect(await articles.get(7)).toBe('new');
  });

  it.each(Object.keys(writes))('comes before nothing: a write alone is stored: %s', async (how) => {
    const { articles, before, oldDoor } = await loading(writes[how]!);
    oldDoor.open();
    await before;
    expect(await articles.get(7)).toBe('old');
  });

  it('of the cache keeps out what any load of it brings', async () => {
    const { cache, before, oldDoor, evictTags } = await loading((all) => all.findInTagged(7));
    await evictTags('news');
    oldDoor.open();
    expect(await before).toBe('old');
    expect(await cache('tagged').getEntry(7)).toBeUndefined();
  });

  it('costs a batch only the elements that bear it', async () => {
    const { articles, before, oldDoor, evictTags } = await loading((all) =>
      all.findManyApart([6, 7, 8]),
    );
    await evictTags('only 7');
    oldDoor.open();
    expect(await before).toEqual(['old', 'old', 'old']);
    expect([...(await articles.getMany([6, 7, 8])).keys()]).toEqual([6, 8]);
  });
});
