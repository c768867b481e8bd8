import { describe, expect, it } from '@jest/globals';
import {
  CacheError,
  CacheEvict,
  CachePut,
  CacheTransaction,
  Cacheable,
  glob,
} from 'nestjs-elasticache';
import type { Cache, CacheManager, ElastiCacheModuleOptions } from 'nestjs-elasticache';
import { Counter, gate, onTier, recordFailures, tiers } from '../../support/cache.application.js';

class Articles extends Counter {
  @Cacheable('articles')
  async find(id: number): Promise<string> {
    return `load ${await this.run(id)}`;
  }
  @CachePut('articles', { key: (id: number) => id })
  async save(_id: number): Promise<string> {
    return 'new';
  }
  @CacheEvict('articles')
  async remove(_id: number): Promise<void> {}
  @CacheEvict('articles', { allEntries: true })
  async removeAll(): Promise<void> {}
  @CacheEvict({ tags: ['news'] })
  async removeNews(): Promise<void> {}
  @CacheEvict('articles', { beforeInvocation: true })
  async removeEarly(_id: number): Promise<void> {}
}

interface Parts {
  readonly service: Articles;
  readonly articles: Cache<number, string>;
  readonly manager: CacheManager;
}
type Write = (parts: Parts) => Promise<unknown>;

const puts: Record<string, Write> = {
  put: ({ articles }) => articles.put(7, 'new'),
  'put of a function': ({ articles }) => articles.put(7, async () => 'new'),
  putMany: ({ articles }) => articles.putMany([[7, 'new']]),
  '@CachePut': ({ service }) => service.save(7),
};
const evictions: Record<string, Write> = {
  evict: ({ articles }) => articles.evict(7),
  evictMatching: ({ articles }) => articles.evictMatching(glob`7*`),
  clear: ({ articles }) => articles.clear(),
  evictTags: ({ manager }) => manager.evictTags('news'),
  '@CacheEvict': ({ service }) => service.remove(7),
  '@CacheEvict of all entries': ({ service }) => service.removeAll(),
  '@CacheEvict of a tag': ({ service }) => service.removeNews(),
};
const writes: [string, Write, string | undefined][] = [
  ...Object.entries(puts).map(([name, put]) => [name, put, 'new'] as [string, Write, string]),
  ...Object.entries(evictions).map(
    ([name, evict]) => [name, evict, undefined] as [string, Write, undefined],
  ),
];

/** Rows 149–151, with the unit of work in place of Spring's ambient transaction. */
describe.each(tiers)('Transactions, %s', (name) => {
  const tier = onTier(name);

  async function filled(options: ElastiCacheModuleOptions = {}) {
    const caches = { articles: { tags: ['news'] } };
    const running = await tier.start(Articles, { caches, ...options });
    const articles = running.cache('articles') as Cache<number, string>;
    await articles.put(7, 'old');
    return { ...running, articles };
  }

  it.each(writes)('149: %s waits for the commit', async (_, write, outcome) => {
    const parts = await filled();
    const unit = CacheTransaction.begin();
    await unit.run(() => write(parts));
    expect(await parts.articles.get(7)).toBe('old');
    await unit.commit();
    expect(await parts.articles.get(7)).toBe(outcome);
  });

  it.each(writes)('149: %s does not happen where it is rolled back', async (_, write) => {
    const parts = await filled();
    const unit = CacheTransaction.begin();
    await unit.run(() => write(parts));
    await unit.rollback();
    expect(await parts.articles.get(7)).toBe('old');
    expect(await parts.service.find(8)).toBe('load 1');
    expect(await parts.service.find(8)).toBe('load 1');
  });

  it.each(writes)(
    '149: %s is immediate outside of one, and after it',
    async (_, write, outcome) => {
      const parts = await filled();
      await write(parts);
      expect(await parts.articles.get(7)).toBe(outcome);
      await parts.articles.put(7, 'old');
      const unit = CacheTransaction.begin();
      await unit.run(async () => {
        await unit.commit();
        await write(parts);
        expect(await parts.articles.get(7)).toBe(outcome);
      });
    },
  );

  it('149: run commits when its work resolves, and rolls back what throws', async () => {
    const { articles } = await filled();
    const error = new Error('own');
    const failing = CacheTransaction.run(async () => {
      await articles.evict(7);
      throw error;
    });
    await expect(failing).rejects.toBe(error);
    expect(await articles.get(7)).toBe('old');
    const committed = CacheTransaction.run(async () => {
      await articles.evict(7);
      return 'result';
    });
    expect(await committed).toBe('result');
    expect(await articles.get(7)).toBeUndefined();
  });

  it('149: one within another is part of it', async () => {
    const { articles } = await filled();
    const failing = CacheTransaction.run(async () => {
      await CacheTransaction.run(() => articles.evict(7));
      throw new Error('own');
    });
    await expect(failing).rejects.toThrow('own');
    expect(await articles.get(7)).toBe('old');
  });

  it('149: writes are applied in their order, with the values they were given', async () => {
    const { articles } = await filled();
    const news: Cache<number, any> = articles;
    await CacheTransaction.run(async () => {
      const value = { n: 1 };
      await news.evict(7);
      await news.put(7, value);
      await news.put(8, value);
      value.n = 2;
      await news.evict(8);
    });
    expect(await news.getMany([7, 8])).toEqual(new Map([[7, { n: 1 }]]));
  });

  it.each(writes.filter(([what]) => !/putMany|^put$/.test(what)))(
    '149: nothing that was loaded before %s was committed stays',
    async (_, write, outcome) => {
      const parts = await filled();
      const [door, started] = [gate(), gate()];
      const unit = CacheTransaction.begin();
      await unit.run(() => write(parts));
      await parts.articles.evict(7);
      const loading = parts.articles.getOrLoad(7, async () => {
        started.open();
        await door.opened;
        return 'loaded before';
      });
      await started.opened;
      await unit.commit();
      door.open();
      expect(await loading).toBe('loaded before');
      expect(['loaded before', 'old']).not.toContain(await parts.articles.get(7));
      expect([outcome, undefined]).toContain(await parts.articles.get(7));
    },
  );

  it('150: reads and loads are immediate; what it loads is not stored, for it may not be committed (ours)', async () => {
    const { service, articles } = await filled();
    await CacheTransaction.run(async () => {
      expect(await articles.get(7)).toBe('old');
      expect(await service.find(7)).toBe('old');
      expect([await service.find(8), await service.find(8)]).toEqual(['load 1', 'load 2']);
      expect(await articles.getOrLoad(9, async () => 'nine')).toBe('nine');
    });
    expect(await articles.getMany([7, 8, 9])).toEqual(new Map([[7, 'old']]));
  });

  it('150: what it loads keeps nobody else from loading and storing it, even after many misses', async () => {
    const { articles } = await filled();
    const load = async () => 'loaded';
    for (let id = 100; id < 150; id++) await articles.getOrLoad(id, load);
    await CacheTransaction.run(async () => {
      for (const id of [200, 201]) await articles.getOrLoad(id, load);
    });
    for (const id of [200, 201]) {
      expect(await articles.explain(id)).toMatchObject({ found: 'miss', lease: 'none' });
      expect(await articles.getOrLoad(id, load)).toBe('loaded');
      expect(await articles.get(id)).toBe('loaded');
    }
  });

  it('150: putIfAbsent is immediate', async () => {
    const { articles } = await filled();
    const unit = CacheTransaction.begin();
    await unit.run(async () => {
      expect(await articles.putIfAbsent(7, 'other')).toBe('old');
      expect(await articles.putIfAbsent(8, 'eight')).toBeUndefined();
    });
    expect(await articles.get(8)).toBe('eight');
    await unit.rollback();
    expect(await articles.get(8)).toBe('eight');
  });

  it('150: an early eviction is immediate', async () => {
    const { service, articles } = await filled();
    const unit = CacheTransaction.begin();
    await unit.run(() => service.removeEarly(7));
    expect(await articles.get(7)).toBeUndefined();
    await unit.rollback();
    expect(await articles.get(7)).toBeUndefined();
  });

  it.each(writes)(
    '150: it does not see what %s has changed: it loads, and stores nothing',
    async (_, write) => {
      const parts = await filled();
      const { service, articles } = parts;
      const unit = CacheTransaction.begin();
      await unit.run(async () => {
        await write(parts);
        expect(await articles.get(7)).toBeUndefined();
        expect(await articles.getMany([7])).toEqual(new Map());
        expect([await service.find(7), await service.find(7)]).toEqual(['load 1', 'load 2']);
      });
      await unit.rollback();
      expect(await articles.get(7)).toBe('old');
    },
  );
});

describe('Transactions and a failing store', () => {
  const tier = onTier('redis');

  async function failing(options: ElastiCacheModuleOptions = {}) {
    const failures = recordFailures();
    const settings = { errorHandler: failures.handle, ...options };
    const { service, cache } = await tier.start(Articles, settings);
    const articles = cache('articles') as Cache<number, string>;
    await articles.put(7, 'old');
    await articles.put(8, 'old');
    const unit = CacheTransaction.begin();
    await unit.run(async () => {
      await service.remove(7);
      await articles.put(8, 'new');
    });
    await tier.refuse('evict');
    return { articles, failures, unit };
  }

  it('151: a failure after the commit goes to the error handler, and not to the committer (ours)', async () => {
    const { articles, failures, unit } = await failing();
    await unit.commit();
    expect(failures.seen.map(({ context }) => context)).toEqual([
      { operation: 'evict', cache: 'articles', method: 'Articles.remove', key: '7' },
    ]);
    await tier.permit();
    expect([await articles.get(7), await articles.get(8)]).toEqual([undefined, 'new']);
  });

  it("151: under onEvictFailure: 'throw' the committer sees it, too, once all was applied", async () => {
    const { articles, failures, unit } = await failing({ defaults: { onEvictFailure: 'throw' } });
    await expect(unit.commit()).rejects.toBeInstanceOf(CacheError);
    expect(failures.operations()).toEqual(['evict']);
    await tier.permit();
    expect(await articles.get(8)).toBe('new');
  });
});
