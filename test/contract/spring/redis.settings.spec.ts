import { describe, expect, it } from '@jest/globals';
import { CacheConfigurationError, Cacheable, fromResult } from 'nestjs-elasticache';
import type { Cache, ElastiCacheModuleOptions } from 'nestjs-elasticache';
import { ElastiCacheTestingModule, FakeClock } from 'nestjs-elasticache/testing';
import { Counter, onTier, recordFailures, tiers } from '../../support/cache.application.js';

class Articles extends Counter {
  @Cacheable('articles')
  find(id: number): Promise<number> {
    return this.run(id);
  }
  @Cacheable('own', { ttl: fromResult((result: number) => result * 60_000) })
  findOwn(id: number): Promise<number> {
    return this.run(id);
  }
}

/** Rows of the Redis provider that hold for memory just as well. */
describe.each(tiers)('Lifetimes, statistics and defaults, %s', (name) => {
  const tier = onTier(name);

  const lifetime = async (cache: Cache, key: number) => {
    const entry = await cache.getEntry(key);
    return Number(entry!.expiresAt) - Number(entry!.createdAt);
  };

  it('157: a lifetime of nothing or less is refused by its path; below a millisecond is still one', async () => {
    for (const ttl of [0, -1, NaN, '0s', 'soon']) {
      const refusal = await tier.refusal(() => Articles, { caches: { articles: { ttl } } });
      expect(refusal).toBeInstanceOf(CacheConfigurationError);
      expect(String(refusal)).toContain('caches.articles.ttl');
    }
    const failures = recordFailures();
    const { service, cache } = await tier.start(Articles, {
      errorHandler: failures.handle,
      caches: { articles: { ttl: 0.4 }, own: { ttl: () => 0 } },
    });
    expect(await service.find(7)).toBe(1);
    expect(failures.seen).toEqual([]);
    await cache('own').put(7, 'value');
    expect(failures.operations()).toEqual(['put']);
    expect(await cache('own').getEntry(7)).toBeUndefined();
  });

  it('158: ttl may be a function of key and value, asked per write and always given the value', async () => {
    const seen: unknown[] = [];
    const ttl = (call: { key: string; value: unknown }) => {
      seen.push([call.key, call.value]);
      return call.value === 1 ? '2m' : '3m';
    };
    const { service, cache } = await tier.start(Articles, {
      defaults: { jitter: 0 },
      caches: { articles: { ttl } },
    });
    await service.find(7);
    await cache('articles').put(8, 'other');
    await cache('articles').get(7);
    expect(seen).toEqual([
      ['7', 1],
      ['8', 'other'],
    ]);
    expect(await lifetime(cache('articles'), 7)).toBe(120_000);
    expect(await lifetime(cache('articles'), 8)).toBe(180_000);
    await service.findOwn(9);
    expect(await lifetime(cache('own'), 9)).toBe(120_000);
  });

  it('172: statistics are kept per cache and application, are on (api.md), and are snapshots', async () => {
    const { service, cache, manager } = await tier.start(Articles);
    const before = cache('articles').stats();
    await service.find(7);
    await service.find(7);
    await cache('articles').evict(7);
    expect(before).toMatchObject({ hits: 0, misses: 0 });
    expect(cache('articles').stats()).toMatchObject({
      hits: 1,
      misses: 1,
      puts: 1,
      loads: 1,
      loadFailures: 0,
      evictions: 1,
      errors: 0,
      hitRate: 0.5,
    });
    expect(cache('others').stats()).toMatchObject({ hits: 0, misses: 0, puts: 0 });
    expect(manager.stats()['articles']).toEqual(cache('articles').stats());
  });

  it('173: one lookup counts once; a refused putIfAbsent counts no put', async () => {
    const { cache } = await tier.start(Articles);
    await cache('articles').getOrLoad(7, async () => 1);
    expect(cache('articles').stats()).toMatchObject({ hits: 0, misses: 1, loads: 1, puts: 1 });
    await cache('articles').putIfAbsent(7, 2);
    expect(cache('articles').stats()).toMatchObject({ puts: 1 });
    await cache('articles').putIfAbsent(8, 2);
    expect(cache('articles').stats()).toMatchObject({ puts: 2 });
  });

  it('174: unknown caches start from the defaults; options are copied when given', async () => {
    const options = {
      defaults: { ttl: '10m', jitter: 0 },
      caches: { articles: { ttl: '20m' } },
    } satisfies ElastiCacheModuleOptions;
    const { cache } = await tier.start(Articles, options);
    options.defaults.ttl = '1s';
    options.caches.articles.ttl = '1s';
    for (const each of ['articles', 'unknown']) await cache(each).put(7, 'value');
    expect(await lifetime(cache('articles'), 7)).toBe(20 * 60_000);
    expect(await lifetime(cache('unknown'), 7)).toBe(10 * 60_000);
  });
});

describe('Lifetimes by the testing clock', () => {
  const tier = onTier('memory');

  async function start(articles: { ttl: string; tti?: string }) {
    const module = ElastiCacheTestingModule.forRoot({
      defaults: { jitter: 0 },
      caches: { articles },
    });
    const running = await tier.startIn(module, Articles);
    return { ...running, clock: running.get(FakeClock) };
  }

  it('156: in memory too an entry ends with its lifetime', async () => {
    const { service, clock } = await start({ ttl: '1m' });
    await service.find(7);
    clock.advance('59s');
    expect(await service.find(7)).toBe(1);
    clock.advance('1s');
    expect(await service.find(7)).toBe(2);
  });

  it('159: reads renew an idle lifetime, never past ttl', async () => {
    const { service, clock } = await start({ ttl: '90s', tti: '1m' });
    await service.find(7);
    clock.advance('50s');
    expect(await service.find(7)).toBe(1);
    clock.advance('35s');
    expect(await service.find(7)).toBe(1);
    clock.advance('6s');
    expect(await service.find(7)).toBe(2);
    clock.advance('61s');
    expect(await service.find(7)).toBe(3);
  });
});
