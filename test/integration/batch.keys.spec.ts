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
  @CacheableMany('rows', { keys: (ids: number[]) => ids })
  async findReordered(ids: number[]): Promise<string[]> {
    return ids.sort((a, b) => a - b).map((id) => `row ${id}`);
  }
  @CacheableMany('rows', { keys: (ids: string[]) => ids })
  async findTrimmed(ids: string[]): Promise<string[]> {
    for (const [i, id] of ids.entries()) ids[i] = id.trim();
    return ids.map((id) => `row ${id}`);
  }
  @CacheableMany('rows', { keys: (ids: number[]) => ids })
  async findObjects(ids: number[]): Promise<{ id: number }[]> {
    return ids.map((id) => ({ id }));
  }
  @CacheableMany('rows', { condition: (id) => id !== null })
  async findSome(ids: (number | null)[]): Promise<string[]> {
    return ids.map((id) => `row ${id}`);
  }
  @CacheableMany('rows', { condition: () => false })
  async findUncached(ids: number[]): Promise<string[]> {
    return ids
      .sort((a, b) => a - b)
      .map((id) => `row ${id}`)
      .slice(0, 2);
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

  it('fail the call where the method has reordered them: its results cannot be told apart', async () => {
    const { service: rows } = await tier.start(Rows, {});
    await expect(rows.findReordered([3, 1, 2])).rejects.toMatchObject({
      code: 'CACHE_RESULT_ORDER',
    });
    expect(await rows.findInTwos([1])).toEqual(['row 1']);
    expect(await rows.findReordered([3, 1, 4])).toEqual(['row 3', 'row 1', 'row 4']);
    expect(await rows.findTrimmed([' b', 'a '])).toEqual(['row b', 'row a']);
  });

  it('are not made for elements that the condition leaves out', async () => {
    const { service: rows, cache } = await tier.start(Rows, {});
    expect(await rows.findSome([1, null, 2])).toEqual(['row 1', 'row null', 'row 2']);
    expect([...(await cache('rows').getMany([1, 2])).values()]).toEqual(['row 1', 'row 2']);
    const ids = [3, 1, 2];
    expect(await rows.findUncached(ids)).toEqual(['row 1', 'row 2']);
    expect(ids).toEqual([1, 2, 3]);
  });

  it('that are asked twice are looked up once, and answered with values of their own', async () => {
    const { service: rows, cache } = await tier.start(Rows, {
      caches: name === 'redis' ? {} : { rows: { memory: { isolation: 'clone' } } },
    });
    for (let time = 0; time < 2; time++) {
      const [one, again, other] = await rows.findObjects([1, 1, 2]);
      expect([one, again, other]).toEqual([{ id: 1 }, { id: 1 }, { id: 2 }]);
      expect(one).not.toBe(again);
    }
    const pairs = [
      ['a', 1],
      ['a', 1],
    ];
    for (let time = 0; time < 2; time++) {
      const loaded = await cache('rows').getOrLoadMany(
        pairs,
        async (missing) => new Map(missing.map((pair) => [pair, { id: 1 }] as const)),
      );
      const got = await cache('rows').getMany(pairs);
      for (const map of [loaded, got]) {
        expect(pairs.map((pair) => map.get(pair))).toEqual([{ id: 1 }, { id: 1 }]);
        expect(map.get(pairs[0]!)).not.toBe(map.get(pairs[1]!));
      }
    }
  });

  it('are as many as the batch is long, holes included', async () => {
    const { service: rows } = await tier.start(Rows, {});
    const ids = [1];
    ids[2] = 3;
    expect(await rows.findSparse(ids)).toEqual(['row 1', 'row undefined', 'row 3']);
    expect(await rows.findSparse(ids)).toEqual(['row 1', 'row undefined', 'row 3']);
  });
});
