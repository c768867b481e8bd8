import { describe, expect, it } from '@jest/globals';
import { Cacheable, CacheableMany } from 'nestjs-elasticache';
import { onTier, tiers } from '../support/cache.application.js';

class Rows {
  @CacheableMany('rows', { keys: (ids: number[]) => ids.sort((a, b) => a - b) })
  async findSorted(ids: number[]): Promise<string[]> {
    return ids.map((id) => `row ${id}`);
  }
  @CacheableMany('rows', { keys: (ids: number[]) => Array.from(ids, (id) => id ?? 'none') })
  async findSparse(ids: number[]): Promise<string[]> {
    return Array.from(ids, (id) => `row ${id}`);
  }
  @CacheableMany('rows', { keys: (ids: number[]) => ids })
  async findInTwos(ids: number[]): Promise<string[]> {
    const rows: string[] = [];
    while (ids.length > 0) rows.push(...ids.splice(0, 2).map((id) => `row ${id}`));
    return rows;
  }
  @Cacheable('rows')
  async find(id: number): Promise<string> {
    return `row ${id}, alone`;
  }
}

describe.each(tiers)('The keys of a batch, %s', (name) => {
  const tier = onTier(name);

  it('belong to the elements as they stand when `keys` has answered', async () => {
    const { service: rows } = await tier.start(Rows, {});
    const ids = [3, 1, 2];
    expect(await rows.findSorted(ids)).toEqual(['row 1', 'row 2', 'row 3']);
    expect(ids).toEqual([1, 2, 3]);
    const alone = await Promise.all(ids.map((id) => rows.find(id)));
    expect(alone).toEqual(['row 1', 'row 2', 'row 3']);
  });

  it('stay with their elements where the method uses its array up', async () => {
    const { service: rows } = await tier.start(Rows, {});
    for (const ids of [
      [1, 2, 3],
      [1, 2, 3, 4, 5],
    ]) {
      expect(await rows.findInTwos(ids)).toEqual(ids.map((id) => `row ${id}`));
    }
    expect(await rows.find(5)).toBe('row 5');
  });

  it('are as many as the batch is long, holes included', async () => {
    const { service: rows } = await tier.start(Rows, {});
    const ids = [1];
    ids[2] = 3;
    expect(await rows.findSparse(ids)).toEqual(['row 1', 'row undefined', 'row 3']);
    expect(await rows.findSparse(ids)).toEqual(['row 1', 'row undefined', 'row 3']);
  });
});
