import { describe, expect, it } from '@jest/globals';
import { CacheEvict, CachePut, Cacheable, fromResult } from 'nestjs-elasticache';
import { Counter, onTier, tiers, times } from '../../support/cache.application.js';

class Promises extends Counter {
  error: Error | undefined;

  @Cacheable('promises')
  async find(id: number): Promise<number> {
    return this.run(id);
  }
  @Cacheable('nulls')
  async none(id: number): Promise<null> {
    await this.run(id);
    return null;
  }
  @Cacheable('promises')
  @CacheEvict('late')
  @CacheEvict('early', { beforeInvocation: true })
  async findAndEvict(id: number): Promise<number> {
    const run = await this.run(id);
    if (this.error) throw this.error;
    return run;
  }
  @CachePut('puts', {
    condition: fromResult((result: number) => typeof result === 'number'),
    key: fromResult((result: number) => result),
    unless: (result: number) => typeof result !== 'number',
  })
  async put(): Promise<number> {
    return this.run();
  }
  @Cacheable(['first', 'second'])
  async either(id: number): Promise<number> {
    return this.run(id);
  }
}

describe.each(tiers)('Promises, %s', (name) => {
  const tier = onTier(name);

  it("134: a promise's value is stored, a promise of null is a stored null", async () => {
    const { service } = await tier.start(Promises);
    expect([await service.find(7), await service.find(7)]).toEqual([1, 1]);
    expect([await service.none(7), await service.none(7)]).toEqual([null, null]);
    expect(service.calls).toBe(2);
  });

  it('135: a rejected promise is not stored and triggers no late evict; early evicts have happened', async () => {
    const { service, cache } = await tier.start(Promises);
    await cache('early').put(7, 0);
    await cache('late').put(7, 0);
    const error = (service.error = new Error('own'));
    await expect(service.findAndEvict(7)).rejects.toBe(error);
    await expect(service.findAndEvict(7)).rejects.toBe(error);
    expect(service.calls).toBe(2);
    expect(await cache('promises').getEntry(7)).toBeUndefined();
    expect(await cache('early').getEntry(7)).toBeUndefined();
    expect(await cache('late').get(7)).toBe(0);
  });

  it("137: @CachePut's condition, key and unless all see the promise's value", async () => {
    const { service, cache } = await tier.start(Promises);
    expect(await service.put()).toBe(1);
    expect(await cache('puts').get(1)).toBe(1);
  });

  it('142: concurrent misses run the method once', async () => {
    const { service } = await tier.start(Promises);
    await Promise.all(times(10, () => service.find(7)));
    expect(service.calls).toBe(1);
  });

  it('143: every cache is asked', async () => {
    const { service, cache } = await tier.start(Promises);
    await cache('second').put(7, 77);
    expect(await service.either(7)).toBe(77);
    expect(service.calls).toBe(0);
  });
});

describe('Promises and a failing store', () => {
  const tier = onTier('redis');

  it('136: the promise settles after the put, and a failing put does not fail it', async () => {
    const { service, keyOf } = await tier.start(Promises);
    await service.find(7);
    expect(await tier.redis.command('EXISTS', keyOf('promises', '7'))).toBe(1);
    await tier.refuse('put');
    expect(await service.find(8)).toBe(2);
    expect(await service.put()).toBe(3);
  });
});
