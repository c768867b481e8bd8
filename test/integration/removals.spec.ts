import { describe, expect, it } from '@jest/globals';
import { CacheContext, CacheEvict, CachePut, Cacheable } from 'nestjs-elasticache';
import { onTier, type Tier, tiers } from '../support/cache.application.js';
import { until } from '../support/waiting.js';

class Articles {
  @Cacheable('articles', { tags: (id) => [`article:${id}`] })
  async find(id: number): Promise<string> {
    return `article ${id}`;
  }
  @CachePut('articles', { key: (id) => id })
  async save(id: number): Promise<string> {
    return `article ${id}`;
  }
  @CacheEvict('articles')
  async remove(_id: number): Promise<void> {}
}

const none = { explicit: 0, replaced: 0, expired: 0, size: 0, unconfirmed: 0 };

/** A put replaces what is in memory alone; of what is in Redis it ends the copies. */
const expected: Record<Tier, object> = {
  memory: { ...none, size: 2, replaced: 1, explicit: 2 },
  both: { ...none, size: 2, explicit: 3 },
  redis: none,
};

describe.each(tiers)('Removals from memory, %s', (name) => {
  const tier = onTier(name);
  const memory = name === 'redis' ? (false as const) : { maxEntries: 3 };

  /** Once invalidations are heard, before which no copy is made. */
  async function start(tenancy: object = {}) {
    const running = await tier.start(Articles, {
      defaults: { timeouts: { store: '5s' } },
      caches: { articles: { memory }, others: {} },
      ...tenancy,
    });
    if (name === 'both') {
      await until('a copy', async () => {
        await running.cache('others').getOrLoad(1, async () => 1);
        return (await running.cache('others').getEntry(1))?.tier === 'memory';
      });
    }
    return running;
  }

  it('are counted by why', async () => {
    const { service, cache, manager } = await start();
    const removals = () => cache('articles').stats().removals;
    for (const id of [1, 2, 3, 4, 5]) await service.find(id);
    await service.save(5);
    await service.remove(4);
    await service.find(3);
    await manager.evictTags('article:3');
    await service.find(3);
    expect(removals()).toEqual(expected[name]);
    expect(manager.stats()['articles']!.removals).toEqual(expected[name]);
  });

  it('are those of all tenants together, whose room it is', async () => {
    const { service, cache } = await start({
      tenancy: {},
      caches: { articles: { memory }, others: { scope: 'global' } },
    });
    const as = <T>(tenant: string, work: () => T) => CacheContext.run({ tenant }, work);
    for (const tenant of ['acme', 'globex']) {
      await as(tenant, () => service.find(1));
      await as(tenant, () => service.find(2));
      await as(tenant, () => service.remove(2));
      await as(tenant, () => service.remove(1));
    }
    const explicit = name === 'redis' ? 0 : 4;
    const articles = cache('articles');
    expect(articles.forAllTenants().stats().removals).toEqual({ ...none, explicit });
    expect(articles.forTenant('acme').stats().removals).toEqual(none);
  });
});
