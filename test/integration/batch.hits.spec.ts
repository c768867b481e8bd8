import { describe, expect, it } from '@jest/globals';
import { CacheableMany, CacheTransaction } from 'nestjs-elasticache';
import { onTier, tiers } from '../support/cache.application.js';
import { commandsDuring } from '../support/command.counts.js';
import { until } from '../support/waiting.js';

class Rows {
  readonly asked: number[][] = [];

  @CacheableMany('rows')
  async find(ids: number[]): Promise<(string | null)[]> {
    return this.load(ids);
  }

  @CacheableMany('rows', { tags: (id) => [id % 2 === 0 ? 'even' : 'odd'] })
  async findTagged(ids: number[]): Promise<(string | null)[]> {
    return this.load(ids);
  }

  private load(ids: number[]): (string | null)[] {
    this.asked.push([...ids]);
    return ids.map((id) => (id === 0 ? null : `row ${id}`));
  }
}

describe.each(tiers)('A batch whose elements are there, %s', (name) => {
  const tier = onTier(name);

  it('has a hit each, in the order asked, and no run of the method', async () => {
    const { service: rows, cache } = await tier.start(Rows);
    await rows.find([1, 2, 0]);
    expect(await rows.find([2, 0, 1])).toEqual(['row 2', null, 'row 1']);
    expect(rows.asked).toEqual([[1, 2, 0]]);
    expect(cache('rows').stats()).toMatchObject({ hits: 3, misses: 3, loads: 1 });
  });

  it('counts each once where one is missing', async () => {
    const { service: rows, cache } = await tier.start(Rows);
    await rows.find([1, 2]);
    expect(await rows.find([1, 2, 3])).toEqual(['row 1', 'row 2', 'row 3']);
    expect(rows.asked).toEqual([[1, 2], [3]]);
    expect(cache('rows').stats()).toMatchObject({ hits: 2, misses: 3, loads: 2 });
  });

  it('counts an element that is asked for twice once', async () => {
    const { service: rows, cache } = await tier.start(Rows);
    await rows.find([1, 2]);
    expect(await rows.find([1, 2, 1])).toEqual(['row 1', 'row 2', 'row 1']);
    expect(cache('rows').stats()).toMatchObject({ hits: 2, misses: 2, loads: 1 });
  });

  it('is of the elements that were asked for, whatever becomes of their array', async () => {
    const { service: rows } = await tier.start(Rows);
    await rows.find([1]);
    const ids = [1, 2];
    const finding = rows.find(ids);
    ids.splice(0, 2, 8, 9);
    expect(await finding).toEqual(['row 1', 'row 2']);
    expect(rows.asked).toEqual([[1], [2]]);
  });

  it('reads past what its unit of work has evicted', async () => {
    const { service: rows, cache } = await tier.start(Rows);
    await rows.find([1, 2]);
    await CacheTransaction.run(async () => {
      await cache('rows').evict(2);
      expect(await rows.find([1, 2])).toEqual(['row 1', 'row 2']);
    });
    expect(rows.asked).toEqual([[1, 2], [2]]);
  });
});

describe('A batch in Redis alone', () => {
  const tier = onTier('redis');

  it('is looked up once, where some are missing, too', async () => {
    const { service: rows, cache } = await tier.start(Rows);
    const looks = async (work: () => Promise<unknown>) =>
      (await commandsDuring(tier.redis, work)).of['mget'];
    await rows.find([1, 2]);
    expect(await looks(() => rows.find([1, 2]))).toBe(1);
    expect(await looks(() => rows.find([1, 2, 3]))).toBe(1);
    expect(await looks(() => cache('rows').getMany([1, 2, 4]))).toBe(1);
    expect(rows.asked).toEqual([[1, 2], [3]]);
  });

  it('has the tags of each of its elements, which a function names', async () => {
    const { service: rows, manager } = await tier.start(Rows);
    await rows.findTagged([1]);
    for (let n = 0; n < 2; n++) await rows.findTagged([1, 2]);
    expect(rows.asked).toEqual([[1], [2]]);
    await manager.evictTags('even');
    await rows.findTagged([1, 2]);
    expect(rows.asked).toEqual([[1], [2], [2]]);
  });

  it('is loaded anew for what expires soon, and waits for nothing', async () => {
    const options = { caches: { rows: { ttl: '1h', refreshAhead: 0.00001 } } };
    const { service: rows } = await tier.start(Rows, options);
    await rows.find([1, 2]);
    await until('the reload', async () => {
      expect(await rows.find([1, 2])).toEqual(['row 1', 'row 2']);
      return rows.asked.length > 1;
    });
  });
});
