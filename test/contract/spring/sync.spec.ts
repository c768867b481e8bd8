import { describe, expect, it } from '@jest/globals';
import { CacheEvict, Cacheable } from 'nestjs-elasticache';
import {
  Counter,
  gate,
  onTier,
  recordFailures,
  tiers,
  times,
} from '../../support/cache.application.js';

class Articles extends Counter {
  error: Error | undefined;
  door: Promise<void> = Promise.resolve();
  onStart = () => {};

  @Cacheable('articles')
  find(id: number): Promise<number> {
    return this.load(id);
  }
  @Cacheable('small', { unless: (result: number) => result > 1 })
  findSmall(id: number): Promise<number> {
    return this.load(id);
  }
  @Cacheable(['first', 'second'])
  findInBoth(id: number): Promise<number> {
    return this.load(id);
  }
  @Cacheable('articles')
  @CacheEvict('lists', { allEntries: true })
  findAndEvict(id: number): Promise<number> {
    return this.load(id);
  }
  @Cacheable('first')
  @Cacheable('second')
  findNested(id: number): Promise<number> {
    return this.load(id);
  }
  @Cacheable('articles', { singleFlight: false })
  findAlone(id: number): Promise<number> {
    return this.load(id);
  }

  private async load(id: number): Promise<number> {
    const run = await this.run(id);
    this.onStart();
    await this.door;
    if (this.error) throw this.error;
    return run;
  }
}

describe.each(tiers)('Single flight (sync), %s', (name) => {
  const tier = onTier(name);

  it('50: alone in time it is normal caching, nulls included', async () => {
    class Nulls extends Counter {
      @Cacheable('nulls', { singleFlight: 'process' })
      async find(id: number): Promise<null> {
        await this.run(id);
        return null;
      }
    }
    const { service } = await tier.start(Nulls);
    expect([await service.find(7), await service.find(7)]).toEqual([null, null]);
    expect(service.calls).toBe(1);
  });

  it('51: concurrent callers of one key run the method once, and all get its value', async () => {
    const { service } = await tier.start(Articles);
    expect(await Promise.all(times(10, () => service.find(7)))).toEqual(times(10, () => 1));
    expect(service.calls).toBe(1);
  });

  it('51: switched off, each of them runs it', async () => {
    const { service } = await tier.start(Articles);
    await Promise.all(times(10, () => service.findAlone(7)));
    expect(service.calls).toBe(10);
  });

  it('52: a loader is not called on a hit, a stored null included', async () => {
    const { cache } = await tier.start(Articles);
    const loader = (): never => {
      throw new Error('called');
    };
    await cache('articles').put(7, 'hit');
    await cache('articles').put(8, null);
    expect(await cache('articles').getOrLoad(7, loader)).toBe('hit');
    expect(await cache('articles').getOrLoad(8, loader)).toBeNull();
  });

  it("53: a loader's error reaches the caller unwrapped", async () => {
    const { service, cache } = await tier.start(Articles);
    const error = (service.error = new RangeError('out of stock'));
    await expect(service.find(7)).rejects.toBe(error);
    await expect(cache('articles').getOrLoad(8, () => Promise.reject(error))).rejects.toBe(error);
  });

  it('54: a failed load is shared by its waiters and kept by nobody', async () => {
    const { service } = await tier.start(Articles);
    const error = (service.error = new Error('away'));
    const outcomes = await Promise.allSettled(times(10, () => service.find(7)));
    expect(outcomes).toEqual(times(10, () => ({ status: 'rejected', reason: error })));
    expect(outcomes.every((each) => each.status === 'rejected' && each.reason === error)).toBe(
      true,
    );
    expect(service.calls).toBe(1);
    service.error = undefined;
    expect(await service.find(7)).toBe(2);
  });

  it('55: it goes together with unless', async () => {
    const { service, cache } = await tier.start(Articles);
    service.calls = 1;
    expect(await Promise.all(times(5, () => service.findSmall(7)))).toEqual(times(5, () => 2));
    expect(await cache('small').getEntry(7)).toBeUndefined();
  });

  it('56: it goes together with several caches', async () => {
    const { service, cache } = await tier.start(Articles);
    expect(await Promise.all(times(5, () => service.findInBoth(7)))).toEqual(times(5, () => 1));
    expect([await cache('first').get(7), await cache('second').get(7)]).toEqual([1, 1]);
  });

  it('57: it goes together with other operations on the method', async () => {
    const { service, cache } = await tier.start(Articles);
    await cache('lists').put('page', 1);
    expect(await Promise.all(times(5, () => service.findAndEvict(7)))).toEqual(times(5, () => 1));
    expect(await cache('lists').getEntry('page')).toBeUndefined();
  });

  it('58: two @Cacheable on a method (api.md: they may be stacked) still run it once', async () => {
    const { service, cache } = await tier.start(Articles);
    expect(await Promise.all(times(5, () => service.findNested(7)))).toEqual(times(5, () => 1));
    expect([await cache('first').get(7), await cache('second').get(7)]).toEqual([1, 1]);
  });

  it('64: the disabled cache runs the loader each time', async () => {
    const { service, cache } = await tier.start(Articles, { enabled: false });
    expect([await service.find(7), await service.find(7)]).toEqual([1, 2]);
    let loads = 0;
    const load = () => Promise.resolve(++loads);
    expect(await cache('articles').getOrLoad(7, load)).toBe(1);
    expect(await cache('articles').getOrLoad(7, load)).toBe(2);
  });

  it('api.md: an invalidation detaches the load in flight: who comes after it does not join', async () => {
    const { service, cache } = await tier.start(Articles);
    const [door, started] = [gate(), gate()];
    service.door = door.opened;
    service.onStart = started.open;
    const before = service.find(7);
    await started.opened;
    await cache('articles').evict(7);
    const after = service.find(7);
    door.open();
    expect([await before, await after]).toEqual([1, 2]);
    expect(await service.find(7)).toBe(2);
  });

  it('api.md: each waiter gets a value of its own', async () => {
    class Mutable {
      @Cacheable('mutable')
      async find(id: number): Promise<{ ids: number[] }> {
        return { ids: [id] };
      }
    }
    const { service } = await tier.start(Mutable);
    const values = await Promise.all(times(4, () => service.find(7)));
    for (const value of values) value.ids.push(99);
    expect(values).toEqual(times(4, () => ({ ids: [7, 99] })));
    expect(await service.find(7)).toEqual({ ids: [7] });
  });
});

describe('Single flight (sync) and a failing store', () => {
  const tier = onTier('redis');

  it('59: storing is a step of its own, and its failure is reported as a put', async () => {
    const failures = recordFailures();
    const { service } = await tier.start(Articles, { errorHandler: failures.handle });
    await tier.refuse('put');
    expect(await service.find(7)).toBe(1);
    expect(failures.operations()).toEqual(['put']);
  });

  it('60: the lookup fails: the method runs once and its value is returned', async () => {
    const failures = recordFailures();
    const { service } = await tier.start(Articles, { errorHandler: failures.handle });
    await tier.refuse('get');
    expect(await service.find(7)).toBe(1);
    expect(service.calls).toBe(1);
    expect(failures.operations()).toEqual(['get']);
  });

  it("61: the lookup and the method both fail: the caller gets the method's error", async () => {
    const failures = recordFailures();
    const { service } = await tier.start(Articles, { errorHandler: failures.handle });
    await tier.refuse('get');
    const error = (service.error = new Error('own'));
    await expect(service.find(7)).rejects.toBe(error);
    expect(service.calls).toBe(1);
    expect(failures.operations()).toEqual(['get']);
  });

  it('62: storing fails: the method still runs once per call', async () => {
    const { service, cache } = await tier.start(Articles);
    await tier.refuse('put');
    expect(await service.find(7)).toBe(1);
    expect(service.calls).toBe(1);
    let loads = 0;
    expect(await cache('articles').getOrLoad(8, async () => ++loads)).toBe(1);
    expect(loads).toBe(1);
  });

  it('63: an undecodable entry is loaded anew once, and repaired', async () => {
    const { service, keyOf } = await tier.start(Articles);
    await service.find(7);
    await tier.redis.command('SET', keyOf('articles', '7'), 'no envelope of ours', 'KEEPTTL');
    expect([await service.find(7), await service.find(7)]).toEqual([2, 2]);
  });

  it('65: the shared tier has single flight as memory has', async () => {
    class Slow extends Counter {
      readonly door = gate();
      @Cacheable('slow')
      async find(id: number): Promise<number> {
        await this.door.opened;
        return this.run(id);
      }
    }
    const { service, cache } = await tier.start(Slow);
    const calls = times(10, () => service.find(7));
    await cache('slow').get(7); // the lookups of all ten were sent before this one
    service.door.open();
    expect(await Promise.all(calls)).toEqual(times(10, () => 1));
    expect(service.calls).toBe(1);
  });
});
