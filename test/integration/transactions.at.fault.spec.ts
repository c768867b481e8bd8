import { describe, expect, it } from '@jest/globals';
import { CacheTransaction } from 'nestjs-elasticache';
import { onTier, recordFailures, times } from '../support/cache.application.js';
import { until } from '../support/waiting.js';

class Articles {}

describe('A unit of work whose commit fails', () => {
  const tier = onTier('redis');

  it.each(['journal', 'throw'] as const)(
    'has tried all of its writes, and tells each failure (%s)',
    async (onEvictFailure) => {
      const failures = recordFailures();
      const { cache, manager } = await tier.start(Articles, {
        namespace: `commit-${onEvictFailure}`,
        errorHandler: failures.handle,
        defaults: { onEvictFailure, timeouts: { store: '300ms' } },
      });
      const articles = cache('articles');
      await until('connected', () => articles.evict('nothing').catch(() => false));
      failures.seen.length = 0;
      await articles.putMany(times(5, (id) => [id, 'old'] as const));
      const unit = CacheTransaction.begin();
      await unit.run(async () => {
        await articles.evict(1);
        await cache('forbidden').evict(1);
        await articles.put(2, 'new');
        await cache('forbidden').clear();
        await manager.evictTags('forbidden');
        await articles.evict(3);
      });
      await tier.acl('resetkeys', `~*commit-${onEvictFailure}*articles*`);
      const committed = unit.commit();
      if (onEvictFailure === 'throw')
        await expect(committed).rejects.toMatchObject({ code: 'CACHE_NOT_EVICTED' });
      else await committed;
      await tier.permit();
      expect(failures.seen.map(({ context }) => [context.operation, context.cache])).toEqual([
        ['evict', 'forbidden'],
        ['clear', 'forbidden'],
        ['evict', '*'],
      ]);
      expect(Object.fromEntries(await articles.getMany(times(5, (id) => id)))).toEqual({
        0: 'old',
        2: 'new',
        4: 'old',
      });
    },
  );

  it('has a value that cannot be stored told, and the work’s result stands', async () => {
    const failures = recordFailures();
    const { cache } = await tier.start(Articles, { errorHandler: failures.handle });
    const articles = cache('articles');
    await articles.putMany([
      [8, 'old'],
      [9, 'old'],
    ]);
    const run = CacheTransaction.run(async () => {
      await articles.put(7, () => 'made');
      await articles.put(8, Symbol('bare'));
      await articles.putMany([
        [9, Symbol('bare')],
        [10, 'ten'],
      ]);
      return 'done';
    });
    expect(await run).toBe('done');
    expect(failures.seen.map(({ error, context }) => [error.code, context.operation])).toEqual([
      ['CACHE_SERIALIZATION', 'put'],
      ['CACHE_SERIALIZATION', 'put'],
    ]);
    expect([...(await articles.getMany([7, 8, 9, 10])).values()]).toEqual(['made', 'ten']);
  });

  it('in a strict cache removes at once, and holds its guards until the end', async () => {
    const { cache, manager } = await tier.start(Articles, { defaults: { consistency: 'strict' } });
    const articles = cache('articles');
    for (const end of ['commit', 'rollback'] as const) {
      await articles.put(7, 'old');
      await articles.put(8, 'old', { tags: ['news'] });
      const unit = CacheTransaction.begin();
      await unit.run(async () => {
        await articles.evict(7);
        await manager.evictTags('news');
      });
      expect(await articles.getEntry(7)).toBeUndefined();
      expect((await articles.explain(7)).lease).toBe('strict write');
      expect(await articles.getOrLoad(7, async () => 'read')).toBe('read');
      expect(await articles.getEntry(7)).toBeUndefined();
      expect(await articles.getEntry(8)).toBeUndefined();
      await unit[end]();
      expect((await articles.explain(7)).lease).toBe('none');
      await articles.getOrLoad(7, async () => 'read');
      expect(await articles.get(7)).toBe('read');
    }
  });

  it('that cannot be guarded in a strict cache fails where the write is', async () => {
    const { cache } = await tier.start(Articles, { defaults: { consistency: 'strict' } });
    await cache('articles').put(7, 'old');
    await tier.acl('-evalsha', '-eval');
    const run = CacheTransaction.run(() => cache('articles').evict(7));
    await expect(run).rejects.toMatchObject({ code: 'CACHE_NOT_GUARDED' });
  });

  it('on its way back leaves the work’s own error as it is', async () => {
    const failures = recordFailures();
    const { cache } = await tier.start(Articles, {
      errorHandler: failures.handle,
      defaults: {
        consistency: 'strict',
        onEvictFailure: 'throw',
        timeouts: { store: '300ms' },
      },
    });
    const articles = cache('articles');
    await until('connected', () => articles.evict('nothing').catch(() => false));
    failures.seen.length = 0;
    const error = new Error('own');
    const run = CacheTransaction.run(async () => {
      await articles.evict(7);
      await tier.acl('-evalsha', '-eval');
      throw error;
    });
    await expect(run).rejects.toBe(error);
    expect(failures.seen.map(({ context }) => context.operation)).toEqual(['evict']);
  });
});
