import { describe, expect, it } from '@jest/globals';
import type { Cache, CacheOptions } from 'nestjs-elasticache';
import { Cacheable, CacheEvict, CachePut } from 'nestjs-elasticache';
import { Counter, gate, onTier, tiers, times } from '../support/cache.application.js';
import { until } from '../support/waiting.js';

class Articles extends Counter {
  door: Promise<void> = Promise.resolve();

  @Cacheable('articles')
  async find(id: number): Promise<number> {
    await this.door;
    return this.run(id);
  }

  /** Both read and write: what they do is done whether or not anybody waits for it. */
  @Cacheable('articles')
  @CacheEvict('lists', { key: 'all' })
  async publish(id: number): Promise<number> {
    await this.door;
    return this.run(id);
  }
  @Cacheable('articles')
  @CachePut('lists', { key: 'all' })
  async count(id: number): Promise<number> {
    await this.door;
    return this.run(id);
  }
}

const late = { name: 'CacheTimeoutError', code: 'CACHE_LOAD_TIMEOUT' };

describe.each(tiers)('timeouts.load, %s', (kind) => {
  const tier = onTier(kind);
  const start = (options: object = {}, others: Record<string, CacheOptions> = {}) =>
    tier.start(Articles, {
      caches: {
        articles: { timeouts: { load: '30ms', store: '5s' }, jitter: 0, ...options },
        ...others,
      },
    });

  it('ends the wait of all who share the load; the next call loads anew', async () => {
    const { service, cache } = await start();
    const door = gate();
    service.door = door.opened;
    const calls = await Promise.allSettled(times(3, () => service.find(7)));
    for (const call of calls) expect(call).toMatchObject({ status: 'rejected', reason: late });
    service.door = Promise.resolve();
    expect(await service.find(7)).toBe(1);
    door.open();
    await until('the first has ended', async () => service.calls === 2);
    expect(await cache('articles').get(7)).toBe(1);
  });

  it('aborts the signal that a programmatic loader is given, of one key and of many', async () => {
    const { cache } = await start();
    const articles = cache('articles') as Cache<number, string>;
    const reasons: unknown[] = [];
    const waits = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason);
          reject(signal.reason as Error);
        });
      });
    await expect(articles.getOrLoad(7, waits)).rejects.toMatchObject(late);
    const many = articles.getOrLoadMany([7, 8], (_, signal) => waits(signal));
    await expect(many).rejects.toMatchObject(late);
    expect(reasons).toEqual([expect.objectContaining(late), expect.objectContaining(late)]);
    expect(await articles.getOrLoad(7, async ({ aborted }) => `${aborted}`)).toBe('false');
  });

  it('gives a loader that begins after the shut-down a signal that is aborted', async () => {
    const { cache } = await start();
    await tier.reset();
    const isAborted = async (signal: AbortSignal) => signal.aborted;
    expect(await cache('articles').getOrLoad(7, isAborted)).toBe(true);
  });

  it('has a stale copy stand in, where one may', async () => {
    const { service } = await start({ ttl: 60, staleIfError: '1m' });
    expect(await service.find(7)).toBe(1);
    const door = gate();
    service.door = door.opened;
    await until('it has expired, and its load takes too long', async () => {
      const before = performance.now();
      expect(await service.find(7)).toBe(1);
      return performance.now() - before > 20;
    });
    door.open();
  });

  it('lets a load that goes on keep its room', async () => {
    const { service } = await start({ loads: { concurrent: 1, queue: 0 } });
    const door = gate();
    service.door = door.opened;
    await expect(service.find(7)).rejects.toMatchObject(late);
    await expect(service.find(8)).rejects.toMatchObject({ code: 'CACHE_LOADS_FULL' });
    door.open();
    await until('it has ended', async () => service.calls === 1);
    expect(await service.find(8)).toBe(2);
  });

  it.each(['default', 'strict'] as const)(
    'leaves what the method then makes untrue to be evicted, %s',
    async (consistency) => {
      const { service, cache } = await start({}, { lists: { consistency } });
      const lists = cache('lists');
      await lists.put('all', 'old');
      const door = gate();
      service.door = door.opened;
      await expect(service.publish(7)).rejects.toMatchObject(late);
      door.open();
      await until('it is evicted', async () => (await lists.get('all')) === undefined);
      await until('nothing keeps it from being stored', async () => {
        await lists.getOrLoad('all', async () => 'new');
        return (await lists.get('all')) === 'new';
      });
    },
  );

  it('is none for a method that puts: what it brings is what is true', async () => {
    const { service, cache } = await start({}, { lists: {} });
    await cache('lists').put('all', 'old');
    const door = gate();
    service.door = door.opened;
    const call = service.count(7);
    const other = cache('articles').getOrLoad(8, () => door.opened.then(() => 8));
    await expect(other).rejects.toMatchObject(late);
    door.open();
    expect(await call).toBe(1);
    expect(await cache('lists').get('all')).toBe(1);
  });
});
