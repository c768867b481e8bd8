import { afterEach, describe, expect, it } from '@jest/globals';
import { CacheEvict, CachePut, Cacheable, CacheableMany, fromResult } from 'nestjs-elasticache';
import type { Cache, CacheOptions } from 'nestjs-elasticache';
import { ElastiCacheTestingModule, FakeClock } from 'nestjs-elasticache/testing';
import { gate, onTier, tiers } from '../support/cache.application.js';
import { type RecordedEvents, recordEvents } from '../support/recorded.events.js';
import { until } from '../support/waiting.js';

class Articles {
  door: Promise<void> = Promise.resolve();
  started = gate();

  private async load(id: number): Promise<string> {
    this.started.open();
    await this.door;
    return `article ${id}`;
  }
  @Cacheable('articles')
  find(id: number): Promise<string> {
    return this.load(id);
  }
  @Cacheable('articles', { tags: ['news'] })
  findTagged(id: number): Promise<string> {
    return this.load(id);
  }
  @Cacheable('articles', { tags: fromResult(() => ['news']) })
  findLate(id: number): Promise<string> {
    return this.load(id);
  }
  @Cacheable('articles', { condition: (id: number) => id < 100 })
  findSome(id: number): Promise<string> {
    return this.load(id);
  }
  @CacheableMany('articles', { condition: (id: number) => id < 100 })
  async findMany(ids: number[]): Promise<string[]> {
    await this.load(0);
    return ids.map((id) => `article ${id}`);
  }
  @CachePut('articles')
  save(id: number): Promise<string> {
    return this.load(id);
  }
  @CacheEvict('strict')
  remove(id: number): Promise<string> {
    return this.load(id);
  }
}

const TOKEN = /^[\w+/-]{16}$/;
let applications = 0;

describe.each(tiers)('Explained, %s', (name) => {
  const tier = onTier(name);
  const isShared = name !== 'memory';
  const recorded: RecordedEvents[] = [];
  afterEach(() => recorded.splice(0).forEach((events) => events.stop()));

  async function start(articles: CacheOptions = {}, others = {}) {
    const namespace = `explained-${name}-${++applications}`;
    const running = await tier.start(Articles, {
      namespace,
      defaults: { timeouts: { store: '5s' } },
      caches: { articles, ...others },
    });
    const events = recordEvents(namespace);
    recorded.push(events);
    const reasons = () => events.take('miss').map(({ reason }) => reason);
    const cache = running.cache('articles');
    /** Why a lookup of key 7 misses, as explained before it, and as published. */
    const miss = async (look: () => Promise<unknown> = () => cache.get(7)) => {
      const { found, miss: explained } = await cache.explain(7);
      expect(found).toBe('miss');
      events.take('miss');
      await look();
      return [explained, ...reasons()];
    };
    return { ...running, namespace, articles: cache, events, reasons, miss };
  }

  it('a hit: its key and parts, its tier, its age and its remaining life, its tags and versions', async () => {
    const { articles, service, namespace } = await start({ tags: ['all'], ttl: '1m', jitter: 0 });
    // At first a process does not know yet what the others evict, and takes no copies.
    const found = await until('it is where it is read', async () => {
      await service.findTagged(7);
      const explained = await articles.explain(7);
      return (explained.tier === 'shared') === (name === 'redis') && explained;
    });
    expect(found).toEqual({
      key: isShared ? `${namespace}:v1:global:articles:7` : '7',
      parts: { namespace, version: '1', scope: 'global', cache: 'articles', key: '7' },
      found: 'fresh',
      tier: name === 'redis' ? 'shared' : 'memory',
      ageMs: expect.any(Number),
      remainingMs: expect.any(Number),
      tags: ['all', 'news'],
      versions: isShared
        ? {
            cache: expect.stringMatching(TOKEN),
            'tag all': expect.stringMatching(TOKEN),
            'tag news': expect.stringMatching(TOKEN),
          }
        : {},
      lease: 'none',
    });
    expect(found.ageMs! + found.remainingMs!).toBe(60_000);
    expect(found.ageMs).toBeGreaterThanOrEqual(0);
    expect(found.ageMs).toBeLessThan(5_000);
  });

  it('a key of many parts, of another schema version, or too long, as the tier has it', async () => {
    const { articles, namespace } = await start({ version: 'b:2' });
    const explained = await articles.explain(['a:b', 7, null]);
    expect(explained.parts).toMatchObject({ cache: 'articles', scope: 'global' });
    expect(explained.parts.key).toBe('a%3Ab:7:null');
    const long = await articles.explain('x'.repeat(1_000));
    if (!isShared) return;
    expect(explained.key).toBe(`${namespace}:vb%3A2:global:articles:a%3Ab:7:null`);
    expect(explained.parts.version).toBe('b:2');
    expect(Buffer.byteLength(long.key)).toBeLessThanOrEqual(512);
  });

  it('counts nothing, and changes nothing', async () => {
    const { articles, events } = await start({ tti: '1m' });
    await articles.put(7, 'seven');
    const before = articles.stats();
    events.take('hit');
    for (const key of [7, 8]) await articles.explain(key);
    expect(articles.stats()).toEqual(before);
    expect(events.take('hit', 'miss', 'error')).toEqual([]);
  });

  it('an entry that nobody reads, until it has idled long enough', async () => {
    const { articles } = await start({ tti: 60 });
    await articles.put(7, 'seven');
    await until('it is gone', async () => (await articles.explain(7)).found === 'miss');
  });

  it('no key that is none, and says so as a read does', async () => {
    const { articles } = await start();
    const none = JSON.parse('null') as number;
    const explaining = (async () => articles.explain(none).catch((error: Error) => error))();
    expect(await explaining).toMatchObject({ code: 'CACHE_KEY' });
  });

  it('a miss: nothing is there', async () => {
    const { miss, service, articles } = await start();
    expect(await miss()).toEqual(['absent', 'absent']);
    expect(await miss(() => articles.getMany([7]))).toEqual(['absent', 'absent']);
    expect(await miss(() => service.find(7))).toEqual(['absent', 'absent']);
  });

  it('a miss: it has been evicted', async () => {
    const { miss, articles } = await start();
    await articles.put(7, 'seven');
    await articles.evict(7);
    expect(await miss()).toEqual(['absent', 'absent']);
  });

  it('a miss: the cache was cleared', async () => {
    const { miss, articles } = await start({ tags: ['all'] });
    await articles.put(7, 'seven');
    await articles.clear();
    const cleared = isShared ? 'cleared' : 'absent'; // memory is emptied at once
    expect((await articles.explain(7)).versions['cache']).toBeUndefined();
    expect(await miss()).toEqual([cleared, cleared]);
  });

  it.each(['findTagged', 'findLate'] as const)('a miss: a tag was evicted: %s', async (find) => {
    const { service, articles, manager, reasons } = await start({ tags: ['all'] });
    for (const tag of ['news', 'all']) {
      await service[find](7);
      await manager.evictTags(tag);
      const found = await articles.explain(7);
      expect(found).toMatchObject({ found: 'miss', miss: `tag ${tag}` });
      expect(found.tags).toEqual(['all', 'news']);
      if (isShared) {
        expect(Object.keys(found.versions)).toEqual(['cache', 'tag all', 'tag news']);
        expect(found.versions[`tag ${tag}`]).toBeUndefined();
      }
      reasons();
      await service[find](7);
      expect(reasons()).toEqual([`tag ${tag}`]);
    }
  });

  it('a load, a write, and loads that store nothing', async () => {
    const { service, articles } = await start();
    const door = gate();
    service.door = door.opened;
    const finding = service.find(7);
    await service.started.opened;
    expect((await articles.explain(7)).lease).toBe('load');
    service.started = gate();
    const saving = service.save(8);
    await service.started.opened;
    expect((await articles.explain(8)).lease).toBe('write');
    door.open();
    await Promise.all([finding, saving]);
    expect((await articles.explain(7)).lease).toBe('none');
    const unless = () => true;
    await articles.getOrLoad(9, async () => 'nine', { unless });
    expect((await articles.explain(9)).lease).toBe('none');
    const [again, begun] = [gate(), gate()];
    const loading = articles.getOrLoad(9, async () => (begun.open(), again.opened), { unless });
    await begun.opened;
    expect((await articles.explain(9)).lease).toBe(isShared ? 'unstored load' : 'load');
    again.open();
    await loading;
  });

  it('a miss: the load before lost its lease', async () => {
    const { service, articles, miss } = await start();
    const door = gate();
    service.door = door.opened;
    const finding = service.find(7);
    await service.started.opened;
    await articles.evict(7);
    door.open();
    await finding;
    expect(await miss()).toEqual(['lost its lease', 'lost its lease']);
    expect(await miss()).toEqual(['absent', 'absent']);
    await articles.put(7, 'seven');
    expect((await articles.explain(7)).miss).toBeUndefined();
  });

  it('no lease that was lost before the entry was stored and evicted', async () => {
    const { service, articles } = await start();
    const door = gate();
    service.door = door.opened;
    const lost = service.find(7);
    await service.started.opened;
    await articles.evict(7);
    door.open();
    await lost;
    expect((await articles.explain(7)).miss).toBe('lost its lease');
    await articles.put(7, 'stored');
    await articles.evict(7);
    expect((await articles.explain(7)).miss).toBe('absent');
  });

  it('no lease where the load before brought nothing to be stored', async () => {
    const { articles } = await start({ cacheNull: false });
    await articles.getOrLoad(7, async () => null);
    expect((await articles.explain(7)).lease).toBe('none');
  });

  it('a miss: the write before lost its lease', async () => {
    const { service, articles, miss } = await start();
    const door = gate();
    service.door = door.opened;
    const saving = service.save(7);
    await service.started.opened;
    await articles.evict(7);
    door.open();
    await saving;
    expect(await miss()).toEqual(['lost its lease', 'lost its lease']);
  });

  it('a miss: the condition was false, with a key where there is one', async () => {
    const { service, events, articles } = await start();
    await service.findSome(100);
    expect(events.take('miss')).toEqual([
      expect.objectContaining({ key: '100', reason: 'condition', cache: 'articles' }),
    ]);
    await service.findMany([1, 100]);
    expect(events.take('miss').map(({ key, reason }) => [key, reason])).toEqual(
      expect.arrayContaining([
        ['1', 'absent'],
        ['100', 'condition'],
      ]),
    );
    expect(articles.stats()).toMatchObject({ hits: 0, misses: 1 });
  });

  it('an expired entry that is kept', async () => {
    const { articles, reasons } = await start({ ttl: 40, jitter: 0, staleIfError: '1h' });
    await articles.put(7, 'seven');
    await until('it is stale', async () => (await articles.explain(7)).found === 'stale');
    const found = await articles.explain(7);
    expect(found.miss).toBeUndefined();
    expect(found.remainingMs).toBeLessThanOrEqual(0);
    expect(found.ageMs).toBeGreaterThanOrEqual(40);
    reasons();
    await articles.get(7);
    await articles.getMany([7]);
    await articles.getOrLoad(7, async () => 'seven', { ttl: '1h' });
    expect(reasons()).toEqual(['expired', 'expired', 'expired']);
  });
});

describe('Explained by the fake clock', () => {
  const tier = onTier('memory');

  it('an age and a remaining life, to the millisecond', async () => {
    const module = ElastiCacheTestingModule.forRoot({
      defaults: { ttl: '1m', staleIfError: '1m' },
    });
    const { cache, get } = await tier.startIn(module, Articles);
    const articles: Cache = cache('articles');
    await articles.put(7, 'seven');
    get(FakeClock).advance('20s');
    expect(await articles.explain(7)).toMatchObject({ ageMs: 20_000, remainingMs: 40_000 });
    get(FakeClock).advance('50s');
    expect(await articles.explain(7)).toMatchObject({
      found: 'stale',
      ageMs: 70_000,
      remainingMs: -10_000,
    });
    get(FakeClock).advance('50s');
    expect(await articles.explain(7)).toMatchObject({ found: 'miss' });
  });

  it('nothing, where caching is off', async () => {
    const module = ElastiCacheTestingModule.disabled('articles');
    const { cache } = await tier.startIn(module, Articles);
    expect(await cache('articles').explain(7)).toMatchObject({ found: 'miss', miss: 'absent' });
  });
});

describe('Explained in Redis', () => {
  const tier = onTier('redis');

  it('a miss: bytes that nobody can read', async () => {
    const failures: unknown[] = [];
    const { cache, service, keyOf } = await tier.start(Articles, {
      namespace: 'undecodable',
      errorHandler: (error) => void failures.push(error.code),
    });
    const articles = cache('articles');
    const events = recordEvents('undecodable');
    await service.find(7);
    const key = keyOf('articles', '7');
    for (const bytes of ['garbage', Buffer.from([0xe1, 1, 2, 3]), '']) {
      await tier.redis.command('SET', key, bytes);
      expect(await articles.explain(7)).toMatchObject({ found: 'miss', miss: 'undecodable' });
      await tier.redis.command('SET', key, bytes);
      failures.length = 0;
      await service.find(7);
      expect(failures).toEqual(['CACHE_UNDECODABLE']);
      expect((await articles.explain(7)).found).toBe('fresh');
    }
    events.stop();
  });

  it('what is there, and leaves it there as it is: its time to idle, and bytes that nobody can read', async () => {
    const { cache, keyOf } = await tier.start(Articles, { caches: { articles: { tti: '1m' } } });
    const articles = cache('articles');
    await articles.put(7, 'seven');
    const key = keyOf('articles', '7');
    await tier.redis.command('PEXPIRE', key, '30000');
    expect((await articles.explain(7)).found).toBe('fresh');
    expect(Number(await tier.redis.command('PTTL', key))).toBeLessThanOrEqual(30_000);
    await tier.redis.command('SET', key, 'garbage');
    for (let time = 0; time < 2; time++) {
      expect(await articles.explain(7)).toMatchObject({ miss: 'undecodable' });
    }
  });

  it('a strict write, of a key and of the whole cache', async () => {
    const { cache, service } = await tier.start(Articles, {
      caches: { strict: { consistency: 'strict' } },
    });
    const door = gate();
    service.door = door.opened;
    const removing = service.remove(7);
    await service.started.opened;
    expect(await cache('strict').explain(7)).toMatchObject({
      found: 'miss',
      miss: 'absent',
      lease: 'strict write',
    });
    door.open();
    await removing;
    expect((await cache('strict').explain(7)).lease).toBe('none');
  });

  it('nothing of another application, until it is there', async () => {
    const [one, other] = [
      await tier.start(Articles, { namespace: 'both' }),
      await tier.start(Articles, { namespace: 'both' }),
    ];
    const door = gate();
    one.service.door = door.opened;
    const finding = one.service.find(7);
    await one.service.started.opened;
    expect(await other.cache('articles').explain(7)).toMatchObject({
      found: 'miss',
      lease: 'load',
    });
    door.open();
    await finding;
    expect(await other.cache('articles').explain(7)).toMatchObject({ found: 'fresh' });
  });
});
