import { describe, expect, it } from '@jest/globals';
import {
  CacheConfigurationError,
  CacheError,
  CacheEvict,
  Cacheable,
  UnknownCacheError,
} from 'nestjs-elasticache';
import { Counter, onTier, tiers } from '../../support/cache.application.js';

describe.each(tiers)('Resolving caches, %s', (name) => {
  const tier = onTier(name);

  it('106: a cacheResolver that is none is found at start-up', async () => {
    const refusal = await tier.refusal(() => {
      class Unknown extends Counter {
        @Cacheable({ cacheResolver: 'unknownResolver' as never })
        find(id: number): Promise<number> {
          return this.run(id);
        }
      }
      return Unknown;
    });
    expect(refusal).toBeInstanceOf(CacheConfigurationError);
    expect(String(refusal)).toMatch(/Unknown\.find[^]*cacheResolver/);
  });

  it('107: a cacheResolver decides the caches; no cache name is needed, and one given is told to it', async () => {
    class Resolved extends Counter {
      @Cacheable({ cacheResolver: () => ['resolved'] })
      find(id: number): Promise<number> {
        return this.run(id);
      }
      @Cacheable('named', {
        cacheResolver: ({ cacheNames }) => cacheNames.map((each) => `my-${each}`),
      })
      findNamed(id: number): Promise<number> {
        return this.run(id);
      }
    }
    const { service, cache } = await tier.start(Resolved);
    await service.find(7);
    await service.findNamed(7);
    expect(await cache('resolved').get(7)).toBe(1);
    expect(await cache('my-named').get(7)).toBe(2);
    expect(await cache('named').getEntry(7)).toBeUndefined();
  });

  it('108: it can choose by the arguments, and is asked once per operation and call', async () => {
    const asked: unknown[] = [];
    class ByArgument extends Counter {
      @Cacheable({
        cacheResolver: ({ kind, target, methodName, args }) => {
          asked.push([kind, target.constructor.name, methodName, args]);
          return [String(args[1])];
        },
        key: (id: number) => id,
      })
      find(id: number, cache: string): Promise<number> {
        return this.run(id, cache);
      }
    }
    const { service, cache } = await tier.start(ByArgument);
    await service.find(7, 'primary');
    await service.find(7, 'secondary');
    expect([await cache('primary').get(7), await cache('secondary').get(7)]).toEqual([1, 2]);
    expect(asked).toEqual([
      ['cacheable', 'ByArgument', 'find', [7, 'primary']],
      ['cacheable', 'ByArgument', 'find', [7, 'secondary']],
    ]);
  });

  it('109: a resolver that yields nothing is an error naming operation and method, which does not run', async () => {
    class Nowhere extends Counter {
      @Cacheable({ cacheResolver: () => [] })
      find(id: number): Promise<number> {
        return this.run(id);
      }
      @CacheEvict({ cacheResolver: () => undefined as never })
      drop(id: number): Promise<number> {
        return this.run(id);
      }
    }
    const { service } = await tier.start(Nowhere);
    for (const [method, operation] of [
      ['find', /cacheable/i],
      ['drop', /evict/i],
    ] as const) {
      const error = await service[method](7).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(CacheError);
      expect(String(error)).toContain(`Nowhere.${method}`);
      expect(String(error)).toMatch(operation);
    }
    expect(service.calls).toBe(0);
  });

  it('111: an unknown name with dynamicCaches: false is found at start-up, or before the method where a resolver gave it', async () => {
    const options = { dynamicCaches: false, caches: { known: {} } };
    const refusal = await tier.refusal(() => {
      class Misspelt extends Counter {
        @CacheEvict('knwon', { condition: () => false })
        drop(id: number): Promise<number> {
          return this.run(id);
        }
      }
      return Misspelt;
    }, options);
    expect(refusal).toBeInstanceOf(CacheError);
    expect(String(refusal)).toContain('knwon');

    class Resolved extends Counter {
      @Cacheable({ cacheResolver: () => ['knwon'] })
      find(id: number): Promise<number> {
        return this.run(id);
      }
    }
    const { service } = await tier.start(Resolved, options);
    await expect(service.find(7)).rejects.toBeInstanceOf(UnknownCacheError);
    expect(service.calls).toBe(0);
  });

  it('112: a dynamic manager creates caches on demand, always the same one; a fixed one throws (api.md)', async () => {
    class Plain {}
    const dynamic = await tier.start(Plain, { caches: { known: {} } });
    expect(dynamic.manager.cacheNames).toEqual(['known']);
    expect(dynamic.cache('other')).toBe(dynamic.cache('other'));
    expect(dynamic.manager.cacheNames).toEqual(['known', 'other']);

    const fixed = await tier.start(Plain, { caches: { known: {} }, dynamicCaches: false });
    expect(fixed.cache('known')).toBe(fixed.cache('known'));
    expect(() => fixed.cache('other')).toThrow(UnknownCacheError);
    expect(fixed.manager.cacheNames).toEqual(['known']);
  });

  it('116: disabled, any name works, nothing is kept, methods always run', async () => {
    class Cached extends Counter {
      @Cacheable('any')
      find(id: number): Promise<number> {
        return this.run(id);
      }
    }
    const { service, cache } = await tier.start(Cached, { enabled: false });
    expect([await service.find(7), await service.find(7)]).toEqual([1, 2]);
    await cache('any').put(7, 77);
    expect(await cache('any').get(7)).toBeUndefined();
    expect(await cache('any').getEntry(7)).toBeUndefined();
    expect(await cache('any').evict(7)).toBe(true);
    expect(await cache('any').clear()).toBe(true);
  });
});
