import { describe, expect, it } from '@jest/globals';
import { CacheSerializationError, Cacheable } from 'nestjs-elasticache';
import { Counter, onTier, recordFailures, tiers } from '../../support/cache.application.js';

class Articles extends Counter {
  @Cacheable('articles')
  find(id: number): Promise<number> {
    return this.run(id);
  }
  @Cacheable(['first', 'second'])
  either(id: number): Promise<number> {
    return this.run(id);
  }
  @Cacheable(['same', 'same'])
  repeated(id: number): Promise<number> {
    return this.run(id);
  }
}

describe.each(tiers)('@Cacheable, %s', (name) => {
  const tier = onTier(name);

  it('24: the first call runs the method and stores; the same key afterwards does not run it', async () => {
    const { service, cache } = await tier.start(Articles);
    expect([await service.find(7), await service.find(7), await service.find(7)]).toEqual([
      1, 1, 1,
    ]);
    expect(service.calls).toBe(1);
    expect(await cache('articles').get(7)).toBe(1);
    expect(await service.find(8)).toBe(2);
  });

  it('25: null is stored and served, and differs from absent; undefined likewise', async () => {
    class Nothing extends Counter {
      @Cacheable('nulls')
      async none(id: number): Promise<null> {
        await this.run(id);
        return null;
      }
      @Cacheable('undefineds')
      async missing(id: number): Promise<string | undefined> {
        await this.run(id);
        return undefined;
      }
    }
    const { service, cache } = await tier.start(Nothing);
    expect([await service.none(7), await service.none(7)]).toEqual([null, null]);
    expect(service.calls).toBe(1);
    expect([await service.missing(7), await service.missing(7)]).toEqual([undefined, undefined]);
    expect(service.calls).toBe(2);
    expect(await cache('nulls').getEntry(7)).toMatchObject({ value: null });
    expect(await cache('undefineds').getEntry(7)).toHaveProperty('value', undefined);
    expect(await cache('nulls').getEntry(8)).toBeUndefined();
  });

  it('26: exactly one lookup per cache per call', async () => {
    const { service, cache } = await tier.start(Articles);
    await service.either(7);
    for (const each of ['first', 'second']) {
      expect(cache(each).stats()).toMatchObject({ hits: 0, misses: 1 });
    }
    await service.either(7);
    expect(cache('first').stats()).toMatchObject({ hits: 1, misses: 1 });
    expect(cache('second').stats()).toMatchObject({ hits: 0, misses: 1 });
  });

  it("27: the method's error reaches the caller as the same object, and nothing is stored", async () => {
    const error = new TypeError('the database is away');
    class Failing extends Counter {
      @Cacheable('failing')
      async find(id: number): Promise<number> {
        if ((await this.run(id)) === 1) throw error;
        return this.calls;
      }
    }
    const { service, cache } = await tier.start(Failing);
    await expect(service.find(7)).rejects.toBe(error);
    expect(await cache('failing').getEntry(7)).toBeUndefined();
    expect(await service.find(7)).toBe(2);
  });

  it('28: several caches are asked in the order they are named, and the first hit wins', async () => {
    const { service, cache } = await tier.start(Articles);
    await cache('second').put(7, 'from second');
    expect(await service.either(7)).toBe('from second');
    await cache('first').put(7, 'from first');
    expect(await service.either(7)).toBe('from first');
    expect(service.calls).toBe(0);
  });

  it('29: a miss in all caches is stored in all of them', async () => {
    const { service, cache } = await tier.start(Articles);
    await service.either(7);
    expect([await cache('first').get(7), await cache('second').get(7)]).toEqual([1, 1]);
  });

  it('30: a hit in a later cache is not copied into the earlier ones (api.md)', async () => {
    const { service, cache } = await tier.start(Articles);
    await cache('second').put(7, 'from second');
    await service.either(7);
    expect(await cache('first').getEntry(7)).toBeUndefined();
  });

  it('31: repeated cache names are one', async () => {
    const { service, cache } = await tier.start(Articles);
    await service.repeated(7);
    expect(cache('same').stats()).toMatchObject({ misses: 1, puts: 1 });
  });

  it('34: a method without a result (a compile error where it is typed so) is cached as undefined', async () => {
    class Void extends Counter {
      @Cacheable('voids')
      async nothing(id: number): Promise<undefined> {
        await this.run(id);
      }
    }
    const { service } = await tier.start(Void);
    expect([await service.nothing(7), await service.nothing(7)]).toEqual([undefined, undefined]);
    expect(service.calls).toBe(1);
  });

  it('35: entries are values: nothing a caller does to its own reaches what another gets', async () => {
    class Mutable extends Counter {
      @Cacheable('mutable')
      async find(id: number): Promise<{ tags: string[] }> {
        await this.run(id);
        return { tags: ['a'] };
      }
    }
    const { service } = await tier.start(Mutable);
    for (const tag of ['b', 'c', 'd']) (await service.find(7)).tags.push(tag);
    expect(await service.find(7)).toEqual({ tags: ['a'] });
    expect(service.calls).toBe(1);
  });

  it('36: a value that cannot be stored is returned and reported; put() rejects with the reason', async () => {
    const value = { id: 1, format: () => 'text' };
    class Unstorable extends Counter {
      @Cacheable('unstorable')
      async find(id: number): Promise<typeof value> {
        await this.run(id);
        return value;
      }
    }
    const failures = recordFailures();
    const { service, cache } = await tier.start(Unstorable, { errorHandler: failures.handle });
    expect(await service.find(7)).toBe(value);
    expect(await service.find(7)).toBe(value);
    expect(service.calls).toBe(2);
    expect(failures.operations()).toEqual(['put', 'put']);
    expect(failures.seen[0]!.error).toBeInstanceOf(CacheSerializationError);
    expect(failures.seen[0]!.error.message).toContain('format');
    await expect(cache('unstorable').put(8, value)).rejects.toBeInstanceOf(CacheSerializationError);
  });
});

describe('@Cacheable in memory, by isolation', () => {
  const tier = onTier('memory');

  class Mutable extends Counter {
    @Cacheable('mutable')
    async find(id: number): Promise<{ tags: string[] }> {
      await this.run(id);
      return { tags: ['a'] };
    }
  }

  it('35: shared hands out one object; freeze hands out a frozen one', async () => {
    const shared = await tier.start(Mutable, { defaults: { memory: { isolation: 'shared' } } });
    await shared.service.find(7);
    expect(await shared.service.find(7)).toBe(await shared.service.find(7));

    const frozen = await tier.start(Mutable, { defaults: { memory: { isolation: 'freeze' } } });
    await frozen.service.find(7);
    const hit = await frozen.service.find(7);
    expect(hit).toEqual({ tags: ['a'] });
    expect([Object.isFrozen(hit), Object.isFrozen(hit.tags)]).toEqual([true, true]);
  });
});
