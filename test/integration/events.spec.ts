import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CacheEvict, Cacheable, CacheableMany, glob } from 'nestjs-elasticache';
import type { CacheEvents, ElastiCacheModuleOptions } from 'nestjs-elasticache';
import { Counter, gate, onTier, tiers, times } from '../support/cache.application.js';

const SECRET = 'never published';
const NAMES = ['hit', 'miss', 'stale', 'coalesced', 'load', 'put', 'evict', 'error'] as const;

class Articles extends Counter {
  door = gate();
  @Cacheable('articles')
  async find(id: number): Promise<string> {
    await this.run(id);
    await this.door.opened;
    return SECRET;
  }
  @CacheableMany('articles')
  async findMany(ids: number[]): Promise<string[]> {
    await this.run(ids);
    return ids.map(() => SECRET);
  }
  @Cacheable('articles')
  async fail(_id: number): Promise<string> {
    throw new Error(SECRET);
  }
  @CacheEvict('articles')
  async remove(_id: number): Promise<void> {}
}

type Published = [keyof CacheEvents, Record<string, unknown>];

describe.each(tiers)('Events, %s', (name) => {
  const tier = onTier(name);
  const shared = name === 'redis' ? 'shared' : 'memory';
  const stops: (() => void)[] = [];
  afterEach(() => stops.splice(0).forEach((stop) => stop()));

  /** An application, and what it publishes from now on. */
  async function listening(options: ElastiCacheModuleOptions = {}) {
    const running = await tier.start(Articles, { namespace: `events-${name}`, ...options });
    const events: Published[] = [];
    for (const event of NAMES) {
      const channel = `nestjs-elasticache:${event}`;
      const listener = (payload: unknown) =>
        void events.push([event, payload as Record<string, unknown>]);
      subscribe(channel, listener);
      stops.push(() => unsubscribe(channel, listener));
    }
    running.service.door.open();
    return {
      ...running,
      articles: running.cache('articles'),
      events,
      take: () => events.splice(0),
    };
  }

  const source = { namespace: `events-${name}`, cache: 'articles' };
  const timed = { durationMs: expect.any(Number), failed: false };

  it('of a miss, its load and its put; of a hit', async () => {
    const { service, articles, take } = await listening({ defaults: { ttl: '1m', jitter: 0 } });
    await articles.clear();
    take();
    await service.find(7);
    expect(take()).toEqual([
      ['miss', { ...source, key: '7', reason: 'absent' }],
      ['load', { ...source, key: '7', ...timed }],
      ['put', { ...source, key: '7', ttlMs: 60_000 }],
    ]);
    await service.find(7);
    await articles.get(7);
    expect(take()).toEqual(times(2, () => ['hit', { ...source, key: '7', tier: shared }]));
  });

  it('of a load that fails: no put', async () => {
    const { service, articles, take } = await listening();
    await articles.clear();
    take();
    await expect(service.fail(8)).rejects.toThrow(SECRET);
    expect(take()).toEqual([
      ['miss', { ...source, key: '8', reason: 'absent' }],
      ['load', { ...source, key: '8', ...timed, failed: true }],
    ]);
  });

  it('of calls that join', async () => {
    const { service, articles, take } = await listening();
    await articles.clear();
    take();
    await Promise.all(times(3, () => service.find(7)));
    const counted = take().map(([event]) => event);
    expect(counted.filter((event) => event === 'coalesced')).toHaveLength(2);
    expect(counted.filter((event) => event === 'load')).toHaveLength(1);
  });

  it('of invalidations: how many entries, and the key where it was of one', async () => {
    const { service, articles, take } = await listening();
    await articles.putMany([
      ['a', 1],
      ['b', 1],
      [7, 1],
      [['u', 1], 1],
      [['u', 2], 1],
    ]);
    take();
    await service.remove(7);
    await articles.evict('missing');
    await articles.evict('a', 'b', 'missing');
    await articles.evictMatching(glob`u:*`);
    await articles.put('last', 1);
    await articles.clear();
    expect(take().filter(([event]) => event === 'evict')).toEqual([
      ['evict', { ...source, key: '7', removed: 1 }],
      ['evict', { ...source, key: 'missing', removed: 0 }],
      ['evict', { ...source, removed: 2 }],
      ['evict', { ...source, removed: 2 }],
      // In Redis nobody counts what a clear invalidates: it removes one version.
      ['evict', { ...source, removed: name === 'memory' ? 1 : 0 }],
    ]);
  });

  it('of batches: each element is a lookup and a put of its own, the load is one', async () => {
    const { service, articles, take } = await listening();
    await articles.clear();
    await articles.put(1, SECRET);
    take();
    await service.findMany([1, 2, 3]);
    expect(take().map(([event, { key }]) => (event === 'load' ? event : [event, key]))).toEqual([
      ['hit', '1'],
      ['miss', '2'],
      ['miss', '3'],
      'load',
      ['put', '2'],
      ['put', '3'],
    ]);
  });

  it('of failures: code and operation, no message', async () => {
    const { articles, take } = await listening({ errorHandler: () => {} });
    await articles.clear();
    take();
    await articles.getOrLoad(9, async () => ({ run: () => SECRET }));
    expect(take().at(-1)).toEqual([
      'error',
      { ...source, operation: 'put', key: '9', code: 'CACHE_SERIALIZATION' },
    ]);
  });

  it('hold no value, whatever happens', async () => {
    const { service, articles, take } = await listening({ errorHandler: () => {} });
    await service.find(7);
    await articles.put('x', { secret: SECRET });
    await articles.putIfAbsent('x', { secret: SECRET });
    await articles.putIfAbsent('y', { secret: SECRET });
    await articles.getMany(['x', 'y']);
    await articles.put('z', { run: SECRET, fail: () => SECRET }).catch(() => undefined);
    await service.fail(10).catch(() => undefined);
    await articles.clear();
    const events = take();
    expect(new Set(events.map(([event]) => event)).size).toBeGreaterThan(4);
    expect(JSON.stringify(events)).not.toContain(SECRET);
  });

  it('agree with the statistics', async () => {
    const { service, articles, events } = await listening({ errorHandler: () => {} });
    await articles.clear();
    await Promise.all(times(4, () => service.find(1)));
    await service.findMany([1, 2, 3]);
    await articles.get(9);
    await articles.getEntry(1);
    await articles.getMany([2, 8]);
    await articles.put(4, 4);
    await articles.putIfAbsent(4, 5);
    await articles.putIfAbsent(5, 5);
    await articles.put(6, null);
    await articles.evict(4, 5);
    await service.fail(10).catch(() => undefined);
    await articles.getOrLoad(11, async () => () => 1);
    const count = (event: string) => events.filter(([each]) => each === event).length;
    const removed = events.reduce((sum, [, { removed: n }]) => sum + Number(n ?? 0), 0);
    const stats = articles.stats();
    expect(stats).toEqual({
      hits: count('hit'),
      misses: count('miss'),
      puts: count('put'),
      evictions: removed,
      loads: count('load'),
      loadFailures: events.filter(([event, { failed }]) => event === 'load' && failed).length,
      coalesced: count('coalesced'),
      staleServed: count('stale'),
      errors: count('error'),
      hitRate: stats.hits / (stats.hits + stats.misses),
      removals: expect.anything(),
    });
    expect(stats).toMatchObject({
      hits: 3,
      misses: 4 + 2 + 1 + 1 + 1 + 1,
      puts: 1 + 2 + 1 + 1 + 1,
    });
    expect(stats).toMatchObject({ loads: 4, loadFailures: 1, coalesced: 3, errors: 1 });
    expect(stats.hitRate).toBeCloseTo(3 / 13);
  });
});

describe('Statistics', () => {
  const tier = onTier('redis');

  it('a lookup that failed is an error, neither hit nor miss', async () => {
    const { service, cache } = await tier.start(Articles, { errorHandler: () => {} });
    service.door.open();
    await tier.refuse('get');
    await service.find(7);
    expect(cache('articles').stats()).toMatchObject({ hits: 0, misses: 0, errors: 1, hitRate: 0 });
  });

  it('a write that failed is no put, an eviction that failed none', async () => {
    const { cache } = await tier.start(Articles, { errorHandler: () => {} });
    const articles = cache('articles');
    await articles.put(7, 'seven');
    await tier.refuse('put', 'evict');
    await articles.put(8, 'eight');
    await articles.putMany([[9, 'nine']]);
    await articles.putIfAbsent(10, 'ten');
    await articles.evict(7);
    expect(articles.stats()).toMatchObject({ puts: 1, evictions: 0, errors: 4 });
  });
});
