import { describe, expect, it } from '@jest/globals';
import { applyDecorators } from '@nestjs/common';
import { CacheConfig, Cacheable } from 'nestjs-elasticache';
import { Counter, onTier, tiers } from '../../support/cache.application.js';

@CacheConfig({ cacheNames: 'configured', keyGenerator: () => 'class' })
class Configured extends Counter {
  @Cacheable()
  find(id: number): Promise<number> {
    return this.run(id);
  }
  @Cacheable('own')
  findOwn(id: number): Promise<number> {
    return this.run(id);
  }
  @Cacheable({ key: (id: number) => id })
  byKey(id: number): Promise<number> {
    return this.run(id);
  }
  @Cacheable({ keyGenerator: () => 'operation' })
  byGenerator(id: number): Promise<number> {
    return this.run(id);
  }
  plain(id: number): Promise<number> {
    return this.run(id);
  }
}

describe.each(tiers)('@CacheConfig, %s', (name) => {
  const tier = onTier(name);

  it('99: gives cache names to operations that name none; their own replace them', async () => {
    const { service, cache } = await tier.start(Configured);
    await service.find(7);
    await service.findOwn(7);
    expect(await cache('configured').get('class')).toBe(1);
    expect(await cache('own').get('class')).toBe(2);
  });

  it('100: gives the key generator unless the operation sets key or keyGenerator', async () => {
    const { service, cache } = await tier.start(Configured);
    await service.find(1);
    await service.byKey(7);
    await service.byGenerator(7);
    const keys = ['class', 7, 'operation'];
    expect([...(await cache('configured').getMany(keys)).values()]).toEqual([1, 2, 3]);
  });

  it('102: enables nothing by itself; operation wins over class, class over module', async () => {
    const { service, cache } = await tier.start(Configured, { keyGenerator: () => 'module' });
    expect([await service.plain(7), await service.plain(7)]).toEqual([1, 2]);
    await service.find(7);
    await service.byGenerator(7);
    expect(await cache('configured').get('class')).toBe(3);
    expect(await cache('configured').get('operation')).toBe(4);
    expect(await cache('configured').getEntry('module')).toBeUndefined();
  });

  it('103: the closest one wins: the class over its parent, the outermost decorator over a composed one', async () => {
    const ComposedConfig = () => applyDecorators(CacheConfig({ cacheNames: 'composed' }));
    @ComposedConfig()
    class Parent extends Counter {
      @Cacheable()
      find(id: number): Promise<number> {
        return this.run(id);
      }
    }
    @CacheConfig({ cacheNames: 'direct' })
    @ComposedConfig()
    class Child extends Parent {
      @Cacheable()
      list(skip: number): Promise<number> {
        return this.run(skip);
      }
    }
    const parent = await tier.start(Parent);
    await parent.service.find(7);
    expect(await parent.cache('composed').get(7)).toBe(1);
    const child = await tier.start(Child);
    await child.service.list(0);
    expect(await child.cache('direct').get(0)).toBe(1);
    expect(await child.cache('composed').get(0)).toBeUndefined();
  });

  it("104: a subclass's configuration reaches the methods it inherits, and not its parent", async () => {
    abstract class Repository extends Counter {
      @Cacheable()
      find(id: number): Promise<number> {
        return this.run(id);
      }
    }
    @CacheConfig({ cacheNames: 'users' })
    class Users extends Repository {}
    @CacheConfig({ cacheNames: 'orders' })
    class Orders extends Repository {}

    const { service: users, get, cache } = await tier.start(Users, {}, [Orders]);
    await users.find(7);
    expect(await cache('orders').getEntry(7)).toBeUndefined();
    await get(Orders).find(7);
    await get(Orders).find(8);
    expect([...(await cache('users').getMany([7, 8])).keys()]).toEqual([7]);
    expect([...(await cache('orders').getMany([7, 8])).keys()]).toEqual([7, 8]);
  });
});
