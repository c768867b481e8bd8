import { describe, expect, it } from '@jest/globals';
import { CacheableMany, CacheTransaction } from 'nestjs-elasticache';
import { onTier, tiers } from '../support/cache.application.js';

class Rows {
  readonly asked: number[][] = [];

  @CacheableMany('rows')
  async find(ids: number[]): Promise<(string | null)[]> {
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
