import { describe, expect, it } from '@jest/globals';
import {
  CacheEvict,
  CachePut,
  Cacheable,
  CacheableMany,
  type ElastiCacheModuleOptions,
  fromResult,
} from 'nestjs-elasticache';
import type { Cache } from 'nestjs-elasticache';
import { Observable, lastValueFrom, of } from 'rxjs';
import { Counter, onTier, recordFailures, tiers, times } from '../support/cache.application.js';
import { type CommandCounts, commandsDuring } from '../support/command.counts.js';

interface Article {
  id: number;
  author: string;
}

const byArticle = fromResult((article: Article) => [`author:${article.author}`]);

class Articles extends Counter {
  error: Error | undefined;

  private async load(id: number): Promise<Article> {
    await this.run(id);
    return { id, author: 'ann' };
  }
  @Cacheable('articles', { tags: ['author:ann'] })
  find(id: number): Promise<Article> {
    return this.load(id);
  }
  @Cacheable('articles', { key: (id: number) => id, tags: (_id, author) => [`author:${author}`] })
  findOf(id: number, _author: string): Promise<Article> {
    return this.load(id);
  }
  @Cacheable('articles', { tags: byArticle })
  findTagged(id: number): Promise<Article> {
    return this.load(id);
  }
  @Cacheable('articles', { tags: ['author:ann'] })
  watch(id: number): Observable<Article> {
    this.calls++;
    return of({ id, author: 'ann' });
  }
  @Cacheable('articles', { tags: byArticle })
  watchTagged(id: number): Observable<Article> {
    this.calls++;
    return of({ id, author: 'ann' });
  }
  @CachePut('articles', { tags: ['author:ann'] })
  save(id: number): Promise<Article> {
    return this.load(id);
  }
  @CachePut('articles', { key: (id: number) => id, tags: (_id, author) => [`author:${author}`] })
  saveOf(id: number, _author: string): Promise<Article> {
    return this.load(id);
  }
  @CachePut('articles', { key: fromResult((article: Article) => article.id), tags: byArticle })
  saveTagged(id: number): Promise<Article> {
    return this.load(id);
  }
  @CacheableMany('articles', { tags: ['author:ann'] })
  findMany(ids: number[]): Promise<Article[]> {
    return Promise.all(ids.map((id) => this.load(id)));
  }
  @CacheableMany('articles', { tags: fromResult((article: Article) => byAuthor(article)) })
  findManyTagged(ids: number[]): Promise<Article[]> {
    return Promise.all(ids.map((id) => this.load(id)));
  }
  @Cacheable(['articles', 'lists'], { tags: byArticle })
  findInTwo(id: number): Promise<Article> {
    return this.load(id);
  }

  private async write(): Promise<string> {
    if (this.error) throw this.error;
    return 'ann';
  }
  @CacheEvict({ tags: ['author:ann'] })
  evictConstant(_author: string): Promise<string> {
    return this.write();
  }
  @CacheEvict({ tags: (author: string) => [`author:${author}`, 'other'] })
  evictByArguments(_author: string): Promise<string> {
    return this.write();
  }
  @CacheEvict({ tags: fromResult((name: string) => [`author:${name}`]) })
  evictByResult(_author: string): Promise<string> {
    return this.write();
  }
  @CacheEvict('unrelated', { tags: ['author:ann'] })
  evictWithName(_author: string): Promise<string> {
    return this.write();
  }
  @CacheEvict({ tags: ['author:ann'], beforeInvocation: true })
  evictEarly(_author: string): Promise<string> {
    return this.write();
  }
  @CacheEvict({ tags: ['author:ann'], condition: (author: string) => author === 'ann' })
  evictIf(_author: string): Promise<string> {
    return this.write();
  }
  @CacheEvict({ tags: ['author:ann'], condition: fromResult((name: string) => name === 'bob') })
  evictIfBob(_author: string): Promise<string> {
    return this.write();
  }
}

function byAuthor({ author }: Article): string[] {
  return [`author:${author}`];
}

type Way = (articles: Articles, cache: Cache) => Promise<unknown>;

const value: Article = { id: 7, author: 'ann' };

/** Every way to store key 7 under the tag author:ann. */
const ways: Record<string, Way> = {
  '@Cacheable, constant': (articles) => articles.find(7),
  '@Cacheable, by arguments': (articles) => articles.findOf(7, 'ann'),
  '@Cacheable, by the result': (articles) => articles.findTagged(7),
  'Observable, constant': (articles) => lastValueFrom(articles.watch(7)),
  'Observable, by the result': (articles) => lastValueFrom(articles.watchTagged(7)),
  '@CachePut, constant': (articles) => articles.save(7),
  '@CachePut, by arguments': (articles) => articles.saveOf(7, 'ann'),
  '@CachePut, by the result': (articles) => articles.saveTagged(7),
  '@CacheableMany, constant': (articles) => articles.findMany([6, 7, 8]),
  '@CacheableMany, by the result': (articles) => articles.findManyTagged([6, 7, 8]),
  getOrLoad: (_, cache) => cache.getOrLoad(7, async () => value, { tags: ['author:ann'] }),
  'getOrLoad, by the value': (_, cache) =>
    cache.getOrLoad(7, async () => value, { tags: byAuthor }),
  getOrLoadMany: (_, cache) =>
    cache.getOrLoadMany([7], async () => new Map([[7, value]]), { tags: ['author:ann'] }),
  'getOrLoadMany, by the value': (_, cache) =>
    cache.getOrLoadMany([7], async () => new Map([[7, value]]), { tags: byAuthor }),
  put: (_, cache) => cache.put(7, value, { tags: ['author:ann'] }),
  'put, by the value': (_, cache) => cache.put(7, value, { tags: byAuthor }),
  'put of a function': (_, cache) => cache.put(7, () => value, { tags: byAuthor }),
  putIfAbsent: (_, cache) => cache.putIfAbsent(7, value, { tags: ['author:ann'] }),
  'putIfAbsent, by the value': (_, cache) => cache.putIfAbsent(7, value, { tags: byAuthor }),
  putMany: (_, cache) => cache.putMany([[7, value]], { tags: ['author:ann'] }),
  'putMany, by the value': (_, cache) => cache.putMany([[7, value]], { tags: byAuthor }),
};

describe.each(tiers)('Tags, %s', (name) => {
  const tier = onTier(name);

  async function start(options: ElastiCacheModuleOptions = {}) {
    const failures = recordFailures();
    const running = await tier.start(Articles, {
      caches: { articles: { tags: ['all'] } },
      errorHandler: failures.handle,
      ...options,
    });
    return { ...running, failures, articles: running.cache('articles') as Cache };
  }

  describe.each(Object.keys(ways))('of what is stored by %s', (how) => {
    const store = ways[how]!;

    it('are the cache’s and its own; evicting one of them evicts it, and no other does', async () => {
      const { service, manager, articles, failures } = await start();
      for (const tag of ['author:ann', 'all', 'author:ann']) {
        await store(service, articles);
        expect((await articles.getEntry(7))?.tags).toEqual(['all', 'author:ann']);
        expect(await manager.evictTags('author:bob', 'author', 'ann', 'al*')).toBe(true);
        expect(await articles.get(7)).toEqual({ id: 7, author: 'ann' });
        expect(await manager.evictTags(tag)).toBe(true);
        expect(await articles.get(7)).toBeUndefined();
        expect(await articles.getEntry(7)).toBeUndefined();
        expect((await articles.getMany([7])).size).toBe(0);
      }
      expect(failures.seen).toEqual([]);
    });
  });

  const evictions = [
    'evictConstant',
    'evictByArguments',
    'evictByResult',
    'evictWithName',
  ] as const;

  describe.each([...evictions, 'evictEarly', 'evictIf'] as const)('evicted by %s', (how) => {
    it('go in every cache, whatever caches the decorator names', async () => {
      const { service, cache, articles } = await start();
      await service.findInTwo(7);
      await articles.put(8, value, { tags: ['author:bob'] });
      expect(await service[how]('ann')).toBe('ann');
      expect(await articles.get(7)).toBeUndefined();
      expect(await cache('lists').get(7)).toBeUndefined();
      expect(await articles.get(8)).toEqual(value);
    });
  });

  it.each(evictions)('stay where the method throws: %s', async (how) => {
    const { service, articles } = await start();
    await service.find(7);
    const error = (service.error = new Error('own'));
    await expect(service[how]('ann')).rejects.toBe(error);
    expect(await articles.get(7)).toEqual(value);
  });

  it('go all the same where they are evicted before the method', async () => {
    const { service, articles } = await start();
    await service.find(7);
    const error = (service.error = new Error('own'));
    await expect(service.evictEarly('ann')).rejects.toBe(error);
    expect(await articles.get(7)).toBeUndefined();
  });

  it('stay where the condition is false', async () => {
    const { service, articles } = await start();
    await service.find(7);
    await service.evictIf('bob');
    await service.evictIfBob('ann');
    expect(await articles.get(7)).toEqual(value);
  });

  it('may be any text: what looks like a pattern, a key or a slot is none', async () => {
    const { manager, articles } = await start();
    const odd = ['*', 'a:b', '{x}', 'é ü\n', '%2A', 'a,b=1', '!', 'x'.repeat(1_024)];
    for (const [id, tag] of odd.entries()) await articles.put(id, 'value', { tags: [tag] });
    for (const [id, tag] of odd.entries()) {
      expect(await articles.get(id)).toBe('value');
      expect(await manager.evictTags(tag)).toBe(true);
      expect(await articles.get(id)).toBeUndefined();
    }
  });

  it('are many in one eviction, or none', async () => {
    const { manager, articles } = await start();
    for (const id of times(300, (i) => i)) await articles.put(id, id, { tags: [`tag ${id}`] });
    expect(await manager.evictTags()).toBe(true);
    expect((await articles.getMany(times(300, (i) => i))).size).toBe(300);
    expect(await manager.evictTags(...times(299, (i) => `tag ${i}`))).toBe(true);
    expect([...(await articles.getMany(times(300, (i) => i))).keys()]).toEqual([299]);
  });

  it('of two entries under one key are those of the last', async () => {
    const { manager, articles } = await start();
    await articles.put(7, 'first', { tags: ['first'] });
    await articles.put(7, 'second', { tags: ['second'] });
    await manager.evictTags('first');
    expect(await articles.get(7)).toBe('second');
  });

  it('that were evicted before are good for what is stored afterwards', async () => {
    const { service, manager, articles } = await start();
    for (const round of times(3, (i) => i)) {
      await manager.evictTags('author:ann', 'all');
      await service.findTagged(7);
      await service.findTagged(7);
      expect(service.calls).toBe(round + 1);
    }
    expect(articles.stats()).toMatchObject({ hits: 3, misses: 3 });
  });
});

describe('Tags in Redis', () => {
  const tier = onTier('redis');
  const namespace = 'tags-in-redis';

  it('are evicted by one application for all', async () => {
    const one = await tier.start(Articles, { namespace });
    const other = await tier.start(Articles, { namespace });
    const apart = await tier.start(Articles, { namespace: `${namespace}-apart` });
    for (const { service } of [one, apart]) await service.findInTwo(7);
    await other.service.findInTwo(7);
    expect(other.service.calls).toBe(0);
    await one.manager.evictTags('author:ann');
    expect(await other.cache('articles').get(7)).toBeUndefined();
    expect(await other.cache('lists').get(7)).toBeUndefined();
    expect(await apart.cache('articles').get(7)).toEqual(value);
  });

  it('hold for the caches in memory as for those in Redis', async () => {
    const { service, cache } = await tier.start(Articles, {
      caches: { lists: { shared: false, memory: {} } },
    });
    await service.findInTwo(7);
    expect((await cache('lists').getEntry(7))?.tier).toBe('memory');
    expect(await service.evictByResult('ann')).toBe('ann');
    expect([await cache('articles').get(7), await cache('lists').get(7)]).toEqual([
      undefined,
      undefined,
    ]);
  });

  it('are evicted by as many commands however many entries bear them', async () => {
    const { manager, cache, service } = await tier.start(Articles);
    const articles = cache('articles');
    await manager.evictTags('warm'); // from now on the server knows the script
    const evictions = [() => manager.evictTags('author:ann'), () => service.evictConstant('ann')];
    const counts: CommandCounts[] = [];
    for (const size of [10, 1_000]) {
      const ids = times(size, (id) => id);
      for (const evict of evictions) {
        const entries = ids.map((id) => [id, id] as const);
        await articles.putMany(entries, { tags: ['author:ann'] });
        expect((await articles.getMany(ids)).size).toBe(size);
        counts.push(await commandsDuring(tier.redis, evict));
        expect((await articles.getMany(ids)).size).toBe(0);
      }
    }
    for (const { of: commands, total } of counts) {
      expect(commands).toEqual(counts[0]!.of);
      expect(commands['evalsha']).toBe(1);
      expect(total).toBeLessThanOrEqual(8);
    }
  });

  it('that the call names are read with the entry; those that only the entry names cost one more', async () => {
    const { service } = await tier.start(Articles);
    await service.find(7);
    await service.findTagged(8);
    const known = await commandsDuring(tier.redis, () => service.find(7));
    expect(known.of).toEqual({ mget: 1 });
    const late = await commandsDuring(tier.redis, () => service.findTagged(8));
    expect(late.of).toEqual({ mget: 2 });
    expect(service.calls).toBe(2);
  });

  it('whose version was lost invalidate, whatever comes after', async () => {
    const { service, cache } = await tier.start(Articles, { namespace: 'lost' });
    await service.find(7);
    await service.findTagged(8);
    expect(await tier.redis.command('DEL', 'lost:~tag:author%3Aann')).toBe(1);
    expect(await cache('articles').get(7)).toBeUndefined();
    await service.find(9); // makes a new version
    expect(await cache('articles').get(7)).toBeUndefined();
    expect(await cache('articles').get(8)).toBeUndefined();
    expect(await cache('articles').get(9)).toBeDefined();
  });

  it('and their versions live longer than what bears them', async () => {
    const { service, cache } = await tier.start(Articles, { namespace: 'lives' });
    await service.find(7);
    await cache('articles').put(8, value, { tags: ['author:ann'], ttl: '7d' });
    const lives = async (key: string) => Number(await tier.redis.command('PTTL', key));
    for (const key of ['lives:~tag:author%3Aann', 'lives:~cache:articles']) {
      expect(await lives(key)).toBeGreaterThan(await lives('lives:v1:global:articles:8'));
    }
    for (const key of await tier.redis.keys('lives:*')) expect(await lives(key)).toBeGreaterThan(0);
  });
});
