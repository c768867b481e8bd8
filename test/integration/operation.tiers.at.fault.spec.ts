/** What an operation says of its tiers that cannot be, and applications where it means nothing. */
import { describe, expect, it } from '@jest/globals';
import { Cacheable, CacheEvict, CachePut } from 'nestjs-elasticache';
import type { CacheableOptions, ElastiCacheModuleOptions } from 'nestjs-elasticache';
import { onTier } from '../support/cache.application.js';

class Nothing {
  loads = 0;
}

const inFront: ElastiCacheModuleOptions = { defaults: { memory: {} } };

describe('At start-up', () => {
  const tier = onTier('redis');

  const declared = (options: object) => {
    class Rows {
      @Cacheable('rows', options as CacheableOptions)
      async find(id: number): Promise<number> {
        return id;
      }
    }
    return Rows;
  };

  it.each<[string, object, RegExp]>([
    ['memory: true', { memory: true }, /Rows\.find: memory.*must be false, or left out/],
    ['shared: true', { shared: true }, /Rows\.find: shared.*must be false, or left out/],
    ['neither tier', { memory: false, shared: false }, /Rows\.find.*shared.*leave out memory/],
    [
      'expired entries that nobody keeps',
      { shared: false, staleIfError: '1m', refreshAhead: 0.5 },
      /Rows\.find.*shared.*leave out staleIfError, refreshAhead/,
    ],
  ])('%s is refused', async (_, options, problem) => {
    expect(String(await tier.refusal(() => declared(options), inFront))).toMatch(problem);
  });

  it.each<[string, ElastiCacheModuleOptions]>([
    ['has no copies', { defaults: { memory: false } }],
    ['has a time to idle', { defaults: { memory: {} }, caches: { rows: { tti: '1m' } } }],
  ])('shared: false is refused on a cache that %s', async (_, options) => {
    const refusal = await tier.refusal(() => declared({ shared: false }), options);
    expect(String(refusal)).toMatch(/Rows\.find: shared.*no tier/);
  });

  it('a put and an eviction know no `memory`, and an eviction no `shared`', async () => {
    const refusal = await tier.refusal(() => {
      class Writes {
        @CachePut('rows', { memory: false } as never)
        async save(id: number): Promise<number> {
          return id;
        }
        @CacheEvict('rows', { memory: false, shared: false } as never)
        async drop(id: number): Promise<number> {
          return id;
        }
      }
      return Writes;
    }, inFront);
    expect(String(refusal)).toMatch(/save: memory: is not an option/);
    expect(String(refusal)).toMatch(/drop: memory: is not an option/);
    expect(String(refusal)).toMatch(/drop: shared: is not an option/);
    expect(String(refusal)).toMatch(/^CacheConfigurationError: 3 faults/);
  });
});

describe('At the call', () => {
  const tier = onTier('redis');
  const rejected = { code: 'CACHE_OPTION_VALUE' };

  it('shared: false is refused where the cache that was resolved has no copies, and the method does not run', async () => {
    class Resolved extends Nothing {
      @Cacheable({ cacheResolver: () => ['plain'], shared: false })
      async find(id: number): Promise<number> {
        return id + this.loads++;
      }
    }
    const { service } = await tier.start(Resolved, { caches: { plain: { memory: false } } });
    await expect(service.find(7)).rejects.toMatchObject(rejected);
    expect(service.loads).toBe(0);
  });

  it.each<[string, ElastiCacheModuleOptions, object]>([
    ['without copies', { defaults: { memory: false } }, { shared: false }],
    ['neither tier', inFront, { shared: false, memory: false }],
    ['expired entries', inFront, { shared: false, staleIfError: '1m' }],
  ])('by hand, too: %s', async (_, options, given) => {
    const rows = (await tier.start(Nothing, options)).cache('rows');
    await expect(rows.getOrLoad(7, async () => 7, given)).rejects.toMatchObject(rejected);
    const many = rows.getOrLoadMany([7], async () => new Map([[7, 7]]), given);
    await expect(many).rejects.toMatchObject(rejected);
    await expect(rows.put(7, 7, given)).rejects.toMatchObject(rejected);
    await expect(rows.put(7, () => 7, given)).rejects.toMatchObject(rejected);
    await expect(rows.putMany([[7, 7]], given)).rejects.toMatchObject(rejected);
  });

  it('putIfAbsent needs the shared tier', async () => {
    const rows = (await tier.start(Nothing, inFront)).cache('rows');
    const given = { shared: false } as never;
    await expect(rows.putIfAbsent(7, 7, given)).rejects.toMatchObject(rejected);
  });
});

describe('Where memory is the only tier', () => {
  const tier = onTier('memory');

  it.each([{ memory: false }, { shared: false }] as const)(
    '%j changes nothing: so a service is tested without Redis',
    async (options) => {
      class Rows extends Nothing {
        @Cacheable('rows', options)
        async find(id: number): Promise<number> {
          this.loads++;
          return id;
        }
      }
      const { service } = await tier.start(Rows);
      expect([await service.find(7), await service.find(7), service.loads]).toEqual([7, 7, 1]);
    },
  );
});
