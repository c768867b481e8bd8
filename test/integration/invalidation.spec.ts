import { describe, expect, it } from '@jest/globals';
import { CacheEvict, CachePut, Cacheable, CacheableMany, Caching, glob } from 'nestjs-elasticache';
import type { Cache } from 'nestjs-elasticache';
import { Observable, lastValueFrom, from } from 'rxjs';
import { Counter, gate, onTier, tiers, times } from '../support/cache.application.js';

/** Each load answers with what is true when it begins; `doors` hold it back after that. */
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
  @Cacheable('articles')
  find(_id: number): Promise<string> {
    return this.load();
  }
  @Cacheable(['articles', 'others'])
  findInTwo(_id: number): Promise<string> {
    return this.load();
  }
  @CacheableMany('articles')
  async findMany(ids: number[]): Promise<string[]> {
    const value = await this.load();
    return ids.map(() => value);
  }
  @Cacheable('articles')
  watch(_id: number): Observable<string> {
    return from(this.load());
  }
  @CacheEvict('articles')
  async remove(_id: number): Promise<void> {}
  @CacheEvict('articles', { beforeInvocation: true })
  async removeEarly(_id: number): Promise<void> {}
  @CacheEvict('articles', { allEntries: true })
  async removeAll(): Promise<void> {}
  @CacheEvict('articles', { pattern: '7*' })
  async removeMatching(): Promise<void> {}
  @CacheEvict('articles', { pattern: (id: number) => glob`${id}` })
  async removeMatchingOne(_id: number): Promise<void> {}
  @Caching({ evict: [{ cacheNames: 'others' }, { cacheNames: 'articles' }] })
  async removeBoth(_id: number): Promise<void> {}
  @CachePut('articles', { key: (id: number) => id })
  async save(_id: number): Promise<string> {
    return 'put';
  }
}

type Loads = Record<string, (articles: Articles, cache: Cache) => Promise<unknown>>;

/** Every way to load key 7. */
const loads: Loads = {
  '@Cacheable': (articles) => articles.find(7),
  '@CacheableMany': async (articles) => (await articles.findMany([7]))[0],
  Observable: (articles) => lastValueFrom(articles.watch(7)),
  getOrLoad: (articles, cache) => cache.getOrLoad(7, () => articles.load()),
  getOrLoadMany: async (articles, cache) => {
    const load = async () => new Map([[7, await articles.load()]]);
    return (await cache.getOrLoadMany([7], load)).get(7);
  },
};

/** Every way to say that key 7 has changed, leaving nothing there. */
const evictions: Loads = {
  evict: (_, cache) => cache.evict(7),
  'evict of several': (_, cache) => cache.evict(6, 7, 8),
  clear: (_, cache) => cache.clear(),
  'evictMatching of a glob': (_, cache) => cache.evictMatching(glob`7*`),
  'evictMatching of a key': (_, cache) => cache.evictMatching(glob`${7}`),
  '@CacheEvict': (articles) => articles.remove(7),
  '@CacheEvict, early': (articles) => articles.removeEarly(7),
  '@CacheEvict of all entries': (articles) => articles.removeAll(),
  '@CacheEvict of a pattern': (articles) => articles.removeMatching(),
  '@CacheEvict of a computed pattern': (articles) => articles.removeMatchingOne(7),
  '@Caching': (articles) => articles.removeBoth(7),
};

const puts: Loads = {
  put: (_, cache) => cache.put(7, 'put'),
  putMany: (_, cache) => cache.putMany([[7, 'put']]),
  putIfAbsent: (_, cache) => cache.putIfAbsent(7, 'put'),
  '@CachePut': (articles) => articles.save(7),
};

describe.each(tiers)('An invalidation during a load, %s', (name) => {
  const tier = onTier(name);

  /** An application with a load of key 7 under way that has seen the old truth, and a joiner of it. */
  async function loading(load: Loads[string]) {
    const running = await tier.start(Articles);
    const { service } = running;
    const cache = running.cache('articles');
    const before = load(service, cache);
    await service.started.opened;
    const oldDoor = service.door;
    service.truth = 'new';
    service.door = gate();
    service.started = gate();
    return { ...running, articles: cache, before, oldDoor };
  }

  describe.each(Object.keys(loads))('by %s', (how) => {
    const load = loads[how]!;

    it.each(Object.keys(evictions))('%s: what it brings is not stored', async (what) => {
      const { service, articles, before, oldDoor } = await loading(load);
      await evictions[what]!(service, articles);
      oldDoor.open();
      expect(await before).toBe('old');
      expect(await articles.getEntry(7)).toBeUndefined();
      service.door.open();
      expect(await load(service, articles)).toBe('new');
      expect(await articles.get(7)).toBe('new');
    });

    it.each(Object.keys(evictions))(
      '%s: a call that begins after it does not join, and its value stays',
      async (what) => {
        const { service, articles, before, oldDoor } = await loading(load);
        await evictions[what]!(service, articles);
        const after = load(service, articles);
        await service.started.opened;
        service.door.open();
        expect(await after).toBe('new');
        oldDoor.open();
        expect(await before).toBe('old');
        expect(await articles.get(7)).toBe('new');
        expect(service.calls).toBe(2);
      },
    );

    it.each(Object.keys(evictions))('%s: nor is what comes before its answer', async (what) => {
      const { service, articles, before, oldDoor } = await loading(load);
      const evicted = evictions[what]!(service, articles);
      oldDoor.open();
      await Promise.all([before, evicted]);
      expect(await articles.getEntry(7)).toBeUndefined();
    });

    it.each(Object.keys(puts))('%s: the value put stays', async (what) => {
      const { service, articles, before, oldDoor } = await loading(load);
      await puts[what]!(service, articles);
      oldDoor.open();
      expect(await before).toBe('old');
      expect(await articles.get(7)).toBe('put');
    });
  });

  it('those who had joined before it get what they joined', async () => {
    const { service, articles, before, oldDoor } = await loading(loads['getOrLoad']!);
    const joined = times(5, () => service.find(7));
    await articles.get('nothing');
    await new Promise(setImmediate);
    await articles.evict(7);
    oldDoor.open();
    expect(await Promise.all([before, ...joined])).toEqual(times(6, () => 'old'));
    expect(await articles.getEntry(7)).toBeUndefined();
    expect(service.calls).toBe(1);
  });

  it('leaves loads of other keys and other caches alone', async () => {
    const { service, cache, articles, before, oldDoor } = await loading(loads['@Cacheable']!);
    await articles.evict(8);
    await articles.evictMatching(glob`77*`);
    await articles.evictMatching('7*');
    await cache('others').clear();
    const joined = service.find(7);
    await articles.get('nothing');
    oldDoor.open();
    expect(await Promise.all([before, joined])).toEqual(['old', 'old']);
    expect(await articles.get(7)).toBe('old');
    expect(service.calls).toBe(1);
  });

  it('of one of two caches keeps the value out of that one', async () => {
    const { cache, articles, before, oldDoor } = await loading((articles) => articles.findInTwo(7));
    await cache('others').evict(7);
    oldDoor.open();
    await before;
    expect([await articles.get(7), await cache('others').get(7)]).toEqual(['old', undefined]);
  });

  it('of both of two caches keeps it out of both, and later calls from joining', async () => {
    const { service, cache, articles, before, oldDoor } = await loading((all) => all.findInTwo(7));
    await service.removeBoth(7);
    const after = service.findInTwo(7);
    await service.started.opened;
    oldDoor.open();
    expect(await before).toBe('old');
    service.door.open();
    expect(await after).toBe('new');
    expect([await articles.get(7), await cache('others').get(7)]).toEqual(['new', 'new']);
  });

  it('a batch loses only the elements that were evicted', async () => {
    const { articles, service, before, oldDoor } = await loading((all) => all.findMany([6, 7, 8]));
    await articles.evict(7);
    oldDoor.open();
    expect(await before).toEqual(['old', 'old', 'old']);
    expect([...(await articles.getMany([6, 7, 8])).keys()]).toEqual([6, 8]);
    expect(service.calls).toBe(1);
  });

  it('one by a method on its own key, while it runs, keeps its value out', async () => {
    class Selfish {
      evict: () => Promise<unknown> = async () => undefined;
      @Cacheable('articles')
      async find(_id: number): Promise<string> {
        await this.evict();
        return 'seen before';
      }
    }
    const { service, cache } = await tier.start(Selfish);
    service.evict = () => cache('articles').evict(7);
    expect(await service.find(7)).toBe('seen before');
    expect(await cache('articles').getEntry(7)).toBeUndefined();
  });
});

describe('An invalidation in several steps', () => {
  const tier = onTier('redis');

  it('keeps out what a load brings that ends between them', async () => {
    const { service, cache } = await tier.start(Articles);
    await cache('others').putMany(times(5_000, (id) => [id, id] as const));
    const loading = service.find(7);
    await service.started.opened;
    let isOver = false;
    const evicting = cache('articles')
      .evictMatching(glob`7*`)
      .finally(() => (isOver = true));
    await cache('articles').get('something else'); // its steps have begun
    service.door.open();
    expect(await loading).toBe('old');
    expect(isOver).toBe(false);
    await evicting;
    expect(await cache('articles').getEntry(7)).toBeUndefined();
  });
});
