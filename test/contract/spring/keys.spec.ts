import { describe, expect, it } from '@jest/globals';
import { CacheEvict, Cacheable } from 'nestjs-elasticache';
import { Counter, onTier, tiers } from '../../support/cache.application.js';

class Keys extends Counter {
  @Cacheable('none')
  none(): Promise<number> {
    return this.run();
  }
  @Cacheable('one')
  one(value: unknown): Promise<number> {
    return this.run(value);
  }
  @CacheEvict('one')
  dropOne(value: unknown): Promise<number> {
    return this.run(value);
  }
  @Cacheable('several')
  several(...values: unknown[]): Promise<number> {
    return this.run(values);
  }
}

describe.each(tiers)('Keys, %s', (name) => {
  const tier = onTier(name);

  it('1: a method without parameters uses one constant empty key', async () => {
    const { service, cache } = await tier.start(Keys);
    expect([await service.none(), await service.none()]).toEqual([1, 1]);
    expect(await cache('none').get([])).toBe(1);
  });

  it('2: one argument that is not an array is the key, unwrapped', async () => {
    const { service, cache } = await tier.start(Keys);
    await service.one('a');
    expect(await cache('one').get('a')).toBe(1);
    await service.dropOne('a');
    expect(await service.one('a')).toBe(3);
  });

  it('3: a single null argument is a legal key', async () => {
    const { service } = await tier.start(Keys);
    expect([await service.one(null), await service.one(null)]).toEqual([1, 1]);
    expect(await service.one('null')).toBe(2);
  });

  it('4: several arguments form a compound key, equal only when all are, in order', async () => {
    const { service, cache } = await tier.start(Keys);
    await service.several('a', 1, 'b');
    expect(await service.several('a', 1, 'b')).toBe(1);
    expect(await service.several('b', 1, 'a')).toBe(2);
    expect(await cache('several').get(['a', 1, 'b'])).toBe(1);
  });

  it('5: nulls in a compound key count, trailing ones too; trailing undefined (api.md) is absent', async () => {
    const { service } = await tier.start(Keys);
    expect(await service.several('a', null, 'b', null)).toBe(1);
    expect(await service.several('a', null, 'b')).toBe(2);
    expect(await service.several('a', null, 'b', undefined)).toBe(2);
    expect(await service.several('a', undefined, 'b')).toBe(3);
  });

  it('6: arrays are compared by content and order, alone or beside other arguments', async () => {
    const { service } = await tier.start(Keys);
    expect([await service.one(['a', ['b']]), await service.one(['a', ['b']])]).toEqual([1, 1]);
    expect(await service.one(['b', ['a']])).toBe(2);
    expect(await service.several(['a', 'b'], 1)).toBe(3);
    expect(await service.several(['a', 'b'], 1)).toBe(3);
    expect(await service.several(['b', 'a'], 1)).toBe(4);
  });

  it('7: rest parameters are flattened into the key', async () => {
    const { service, cache } = await tier.start(Keys);
    expect([await service.several(1, 2, 3), await service.several(1, 2, 3)]).toEqual([1, 1]);
    expect(await service.several(1, 2)).toBe(2);
    expect(await cache('several').get([1, 2, 3])).toBe(1);
  });

  it('8: equal arguments are equal keys, whatever copies of them have been through', async () => {
    const { service } = await tier.start(Keys);
    const filter = { since: new Date(0), page: { skip: 0, limit: 20 }, tags: ['a'] };
    await service.one(filter);
    expect(await service.one(structuredClone(filter))).toBe(1);
    const { tags, page, since } = filter;
    expect(await service.one({ tags, page: { limit: page.limit, skip: page.skip }, since })).toBe(
      1,
    );
  });

  it('9: the default key has no method name; two methods sharing a cache are warned of at start-up', async () => {
    class Shared extends Counter {
      @Cacheable('shared')
      first(id: number): Promise<number> {
        return this.run(id);
      }
      @Cacheable('shared')
      second(id: number): Promise<number> {
        return this.run(id);
      }
    }
    const { service, log } = await tier.start(Shared);
    expect([await service.first(7), await service.second(7)]).toEqual([1, 1]);
    const warning = log.find((line) => line.includes('first') && line.includes('second'));
    expect(warning).toContain('shared');
  });

  it('20: an argument the method mutates is still found again by the default key', async () => {
    class Mutating extends Counter {
      @Cacheable('mutated')
      find(ids: number[]): Promise<number> {
        ids.push(99);
        return this.run(ids);
      }
    }
    const { service } = await tier.start(Mutating);
    expect([await service.find([1]), await service.find([1])]).toEqual([1, 1]);
  });
});
