import { describe, expect, it } from '@jest/globals';
import { applyDecorators } from '@nestjs/common';
import { CacheEvict, CachePut, Cacheable, Caching, fromResult } from 'nestjs-elasticache';
import type { Cache } from 'nestjs-elasticache';
import { Counter, onTier, tiers } from '../../support/cache.application.js';

/** One operation of each kind, in an order of the source that is not the order of the phases. */
class Phases extends Counter {
  error: Error | undefined;
  duringCall: () => Promise<unknown> = async () => undefined;
  seen: unknown;

  @CacheEvict('late')
  @CachePut('put', { condition: (id: number) => id < 100 })
  @Cacheable('looked')
  @CacheEvict('early', { beforeInvocation: true })
  async find(id: number): Promise<number> {
    this.seen = await this.duringCall();
    if (this.error) throw this.error;
    return this.run(id);
  }
  @CacheEvict('looked', { beforeInvocation: true })
  @Cacheable('looked')
  reload(id: number): Promise<number> {
    return this.run(id);
  }
  @CacheEvict('put')
  @CachePut('put')
  putAndEvict(id: number): Promise<number> {
    return this.run(id);
  }
}

const NAMES = ['early', 'looked', 'put', 'late'];

async function held(cache: (name: string) => Cache, key: number): Promise<string[]> {
  const entries = await Promise.all(NAMES.map((name) => cache(name).getEntry(key)));
  return NAMES.filter((_name, index) => entries[index] !== undefined);
}

describe.each(tiers)('Order and composition, %s', (name) => {
  const tier = onTier(name);

  it('87: on a miss: early evicts, lookups, method, @Cacheable puts, @CachePut puts, late evicts', async () => {
    const { service, cache } = await tier.start(Phases);
    await cache('early').put(7, 0);
    await cache('late').put(7, 0);
    service.duringCall = () => held(cache, 7);
    expect(await service.find(7)).toBe(1);
    expect(service.seen).toEqual(['late']);
    expect(await held(cache, 7)).toEqual(['looked', 'put']);
  });

  it('88: on a hit with a put that applies the method runs between the same phases', async () => {
    const { service, cache } = await tier.start(Phases);
    for (const each of ['early', 'looked', 'late']) await cache(each).put(7, 77);
    service.duringCall = () => held(cache, 7);
    expect(await service.find(7)).toBe(1);
    expect(service.seen).toEqual(['looked', 'late']);
    expect(await held(cache, 7)).toEqual(['looked', 'put']);
    expect(await cache('put').get(7)).toBe(1);
  });

  it('88: on a hit without one the method is skipped, the evicts are not', async () => {
    const { service, cache } = await tier.start(Phases);
    for (const each of NAMES) await cache(each).put(100, 77);
    expect(await service.find(100)).toBe(77);
    expect(await held(cache, 100)).toEqual(['looked', 'put']);
  });

  it('89: when the method throws, only early evicts and lookups have happened', async () => {
    const { service, cache } = await tier.start(Phases);
    await cache('early').put(7, 0);
    await cache('late').put(7, 0);
    const error = (service.error = new Error('own'));
    await expect(service.find(7)).rejects.toBe(error);
    expect(await held(cache, 7)).toEqual(['late']);
    expect(cache('looked').stats()).toMatchObject({ misses: 2, puts: 0 });
  });

  it('90: an early evict of the same key forces a reload', async () => {
    const { service, cache } = await tier.start(Phases);
    await cache('looked').put(7, 77);
    expect(await service.reload(7)).toBe(1);
    expect(await cache('looked').get(7)).toBe(1);
  });

  it('91: put and late evict of the same key leave nothing', async () => {
    const { service, cache } = await tier.start(Phases);
    await service.putAndEvict(7);
    expect(await cache('put').getEntry(7)).toBeUndefined();
  });

  it('92: @Caching holds any number of operations and adds to the plain ones', async () => {
    class Many extends Counter {
      @Caching({
        cacheable: [{ cacheNames: 'a' }],
        put: [{ cacheNames: 'b', key: fromResult((n: number) => n) }, { cacheNames: 'c' }],
        evict: [{ cacheNames: 'd' }, { cacheNames: 'e', allEntries: true }],
      })
      @CacheEvict('f')
      find(id: number): Promise<number> {
        return this.run(id);
      }
    }
    const { service, cache } = await tier.start(Many);
    for (const each of ['d', 'e', 'f']) await cache(each).put(7, 0);
    await service.find(7);
    const left = ['a', 'b', 'c', 'd', 'e', 'f'].map((each) =>
      cache(each).get(each === 'b' ? 1 : 7),
    );
    expect(await Promise.all(left)).toEqual([1, 1, 1, undefined, undefined, undefined]);
  });

  it('93: the order of the decorators in the source does not matter', async () => {
    class EvictAbove extends Counter {
      @CacheEvict('late')
      @Cacheable('looked')
      find(id: number): Promise<number> {
        return this.run(id);
      }
    }
    class EvictBelow extends Counter {
      @Cacheable('looked')
      @CacheEvict('late')
      find(id: number): Promise<number> {
        return this.run(id);
      }
    }
    for (const type of [EvictAbove, EvictBelow]) {
      const { service, cache } = await tier.start<EvictAbove | EvictBelow>(type);
      await cache('late').put(7, 0);
      expect([await service.find(7), await service.find(7)]).toEqual([1, 1]);
      await cache('late').put(7, 0);
      await service.find(7);
      expect(await held(cache, 7)).toEqual(['looked']);
    }
  });

  it('94: of two @Cacheable the first hit wins and fills nothing; a miss of both stores under both', async () => {
    class Nested extends Counter {
      @Cacheable('byId', { key: (id: number) => id })
      @Cacheable('bySlug', { key: (_id: number, slug: string) => slug })
      find(id: number, slug: string): Promise<number> {
        return this.run(id, slug);
      }
    }
    const { service, cache } = await tier.start(Nested);
    await service.find(7, 'seven');
    expect([await cache('byId').get(7), await cache('bySlug').get('seven')]).toEqual([1, 1]);
    expect(await service.find(8, 'seven')).toBe(1);
    expect(await cache('byId').getEntry(8)).toBeUndefined();
    expect(await service.find(7, 'another')).toBe(1);
    expect(await cache('bySlug').getEntry('another')).toBeUndefined();
    expect(service.calls).toBe(1);
  });

  it('95: a false condition of one operation does not stop the others', async () => {
    class Partly extends Counter {
      @Cacheable('looked', { condition: () => false })
      @CacheEvict('late')
      find(id: number): Promise<number> {
        return this.run(id);
      }
    }
    const { service, cache } = await tier.start(Partly);
    await cache('late').put(7, 0);
    await service.find(7);
    expect(await held(cache, 7)).toEqual([]);
  });

  it('96: an empty @Caching is harmless', async () => {
    class Plain extends Counter {
      @Caching({})
      find(id: number): Promise<number> {
        return this.run(id);
      }
    }
    const { service } = await tier.start(Plain);
    expect([await service.find(7), await service.find(7)]).toEqual([1, 2]);
  });

  it('97: decorators of your own, made of ours, contribute their operations, one or many', async () => {
    const CachedArticle = (cacheNames: string) =>
      Cacheable(cacheNames, { key: (id: number) => id });
    const ArticleWrite = (late: string) =>
      applyDecorators(
        CacheEvict(late, { key: (id: number) => id }) as MethodDecorator,
        CacheEvict('early', { key: (id: number) => id }) as MethodDecorator,
      );
    class Composed extends Counter {
      @CachedArticle('looked')
      @ArticleWrite('late')
      find(id: number): Promise<number> {
        return this.run(id);
      }
    }
    const { service, cache } = await tier.start(Composed);
    await cache('early').put(7, 0);
    await cache('late').put(7, 0);
    expect([await service.find(7), await service.find(7)]).toEqual([1, 1]);
    expect(await held(cache, 7)).toEqual(['looked']);
  });
});

describe('Order on the wire', () => {
  const tier = onTier('redis');

  /** What became of entries and the method, in the order the server saw it; leases and versions are not entries. */
  async function trail(): Promise<string[]> {
    const log = (await tier.redis.command('SLOWLOG', 'GET', '-1')) as [0, 0, 0, string[]][];
    const steps = log.reverse().map(([, , , [command = '', key = '']]) => {
      const cache = /:global:(\w+):\w+$/.exec(key)?.[1];
      if (command === 'ECHO' || command === 'echo') return key;
      return cache && /^(mget|set|unlink)$/.test(command) ? `${command} ${cache}` : undefined;
    });
    return steps.filter((step) => step !== undefined);
  }

  it('87, 88, 89: the server sees the phases in their order', async () => {
    const { service, cache } = await tier.start(Phases);
    service.duringCall = () => tier.redis.command('ECHO', 'METHOD');
    await tier.redis.command('CONFIG', 'SET', 'slowlog-log-slower-than', '0');
    await tier.redis.command('CONFIG', 'SET', 'slowlog-max-len', '1000');

    const observe = async (call: () => Promise<unknown>) => {
      await tier.redis.command('SLOWLOG', 'RESET');
      await call().catch(() => undefined);
      return trail();
    };
    const full = ['unlink early', 'mget looked', 'METHOD', 'set looked', 'set put', 'unlink late'];
    expect(await observe(() => service.find(7))).toEqual(full);
    expect(await observe(() => service.find(7))).toEqual(full);
    await cache('looked').put(100, 1);
    expect(await observe(() => service.find(100))).toEqual([
      'unlink early',
      'mget looked',
      'unlink late',
    ]);
    service.error = new Error('own');
    expect(await observe(() => service.find(8))).toEqual(full.slice(0, 3));
  });
});
