import { describe, expect, it } from '@jest/globals';
import {
  CacheConfigurationError,
  CacheEvict,
  CacheManager,
  Cacheable,
  fromResult,
} from 'nestjs-elasticache';
import { Injectable } from '@nestjs/common';
import { Counter, onTier, tiers } from '../../support/cache.application.js';

@Injectable()
class Articles extends Counter {
  error: Error | undefined;
  /** What the cache held for key 7 while the method ran. */
  duringCall: unknown;

  constructor(private readonly manager: CacheManager) {
    super();
  }

  @CacheEvict('articles')
  remove(id: number): Promise<number> {
    return this.write(id);
  }
  @CacheEvict('articles', { beforeInvocation: true })
  removeEarly(id: number): Promise<number> {
    return this.write(id);
  }
  @CacheEvict('articles', { allEntries: true })
  removeAll(): Promise<number> {
    return this.write();
  }
  @CacheEvict('articles', { allEntries: true, beforeInvocation: true })
  removeAllEarly(): Promise<number> {
    return this.write();
  }
  @CacheEvict('articles', {
    key: fromResult((result: number) => result),
    condition: fromResult((result: number) => result > 1),
  })
  removeByResult(): Promise<number> {
    return this.write();
  }
  @CacheEvict('articles', {
    beforeInvocation: true,
    condition: (...args: [number]) => args.length === 1,
  })
  removeEarlyIf(id: number): Promise<number> {
    return this.write(id);
  }
  @CacheEvict('articles', { key: (id: number) => id })
  @CacheEvict('lists', { key: (_id: number, page: number) => page })
  removeBoth(id: number, page: number): Promise<number> {
    return this.write(id, page);
  }
  @CacheEvict(['articles', 'lists'])
  removeFromBoth(id: number): Promise<number> {
    return this.write(id);
  }
  @Cacheable('articles')
  @CacheEvict('lists', { allEntries: true })
  find(id: number): Promise<number> {
    return this.write(id);
  }

  private async write(...args: unknown[]): Promise<number> {
    this.duringCall = await this.manager.getCache('articles').get(7);
    if (this.error) throw this.error;
    return this.run(args);
  }
}

describe.each(tiers)('@CacheEvict, %s', (name) => {
  const tier = onTier(name);

  async function filled() {
    const running = await tier.start(Articles);
    await running.cache('articles').putMany([
      [7, 'seven'],
      [8, 'eight'],
    ]);
    await running.cache('lists').put(0, 'first page');
    const keys = async () => [...(await running.cache('articles').getMany([7, 8])).keys()];
    return { ...running, keys };
  }

  it('74: after a successful run the key is removed, and no other', async () => {
    const { service, keys } = await filled();
    expect(await service.remove(7)).toBe(1);
    expect(await keys()).toEqual([8]);
  });

  it('75: when the method throws, a late eviction is skipped', async () => {
    const { service, keys } = await filled();
    const error = (service.error = new Error('refused'));
    await expect(service.remove(7)).rejects.toBe(error);
    await expect(service.removeAll()).rejects.toBe(error);
    expect(await keys()).toEqual([7, 8]);
  });

  it('76: beforeInvocation evicts first, whatever the outcome', async () => {
    const { service, keys } = await filled();
    const error = (service.error = new Error('refused'));
    await expect(service.removeEarly(7)).rejects.toBe(error);
    expect(await keys()).toEqual([8]);
  });

  it('77: allEntries empties the cache and no other, late or early', async () => {
    const late = await filled();
    await late.service.removeAll();
    expect(await late.keys()).toEqual([]);
    expect(await late.cache('lists').get(0)).toBe('first page');

    const early = await filled();
    const error = (early.service.error = new Error('refused'));
    await expect(early.service.removeAllEarly()).rejects.toBe(error);
    expect(await early.keys()).toEqual([]);
    expect(await early.cache('lists').get(0)).toBe('first page');
  });

  it('78: allEntries and key are exclusive (api.md; Spring ignores the key)', async () => {
    const refusal = await tier.refusal(() => {
      class Both extends Counter {
        @CacheEvict('articles', { allEntries: true, key: (id: number) => id } as never)
        remove(id: number): Promise<number> {
          return this.run(id);
        }
      }
      return Both;
    });
    expect(refusal).toBeInstanceOf(CacheConfigurationError);
    expect(String(refusal)).toContain('Both.remove');
  });

  it('79: a late condition and key see the result', async () => {
    const { service, cache } = await filled();
    await cache('articles').putMany([
      [1, 'one'],
      [2, 'two'],
    ]);
    await service.removeByResult();
    expect(await cache('articles').get(1)).toBe('one');
    await service.removeByResult();
    expect(await cache('articles').get(2)).toBeUndefined();
  });

  it('80: an early condition sees the arguments only; fromResult with beforeInvocation is refused (api.md)', async () => {
    const { service, keys } = await filled();
    await service.removeEarlyIf(7);
    expect(await keys()).toEqual([8]);
    const refusal = await tier.refusal(() => {
      class Early extends Counter {
        @CacheEvict('articles', { beforeInvocation: true, key: fromResult(() => 7) } as never)
        remove(id: number): Promise<number> {
          return this.run(id);
        }
      }
      return Early;
    });
    expect(refusal).toBeInstanceOf(CacheConfigurationError);
  });

  it('81: several evictions with their own keys and caches all apply', async () => {
    const { service, cache, keys } = await filled();
    await service.removeBoth(7, 0);
    expect(await keys()).toEqual([8]);
    expect(await cache('lists').get(0)).toBeUndefined();
  });

  it('82: an early eviction has happened when the method starts, a late one only after it', async () => {
    const { service, keys } = await filled();
    await service.remove(7);
    expect(service.duringCall).toBe('seven');
    expect(await keys()).toEqual([8]);

    const early = await filled();
    await early.service.removeEarly(7);
    expect(early.service.duringCall).toBeUndefined();
  });

  it('83: evicting an absent key is no error', async () => {
    const { service, cache } = await filled();
    expect(await service.remove(99)).toBe(1);
    expect(await cache('articles').evict(99)).toBe(true);
  });

  it('84: beside @Cacheable, a late eviction also runs when a hit skipped the method', async () => {
    const { service, cache } = await filled();
    expect(await service.find(7)).toBe('seven');
    expect(service.calls).toBe(0);
    expect(await cache('lists').get(0)).toBeUndefined();
  });

  it('86: an eviction has a condition and no unless', async () => {
    const refusal = await tier.refusal(() => {
      class Unless extends Counter {
        @CacheEvict('articles', { unless: () => true } as never)
        remove(id: number): Promise<number> {
          return this.run(id);
        }
      }
      return Unless;
    });
    expect(refusal).toBeInstanceOf(CacheConfigurationError);
    expect(String(refusal)).toContain('unless');
  });
});

describe('@CacheEvict and a failing store', () => {
  const tier = onTier('redis');

  it('85: evicting from one cache fails and the handler rethrows: the others are evicted all the same', async () => {
    const { service, cache, keyOf } = await tier.start(Articles, {
      errorHandler: (error) => {
        throw error;
      },
    });
    await cache('articles').put(7, 'seven');
    await cache('lists').put(7, 'page');
    await tier.acl('resetkeys', '%R~*', '~*lists*');
    await expect(service.removeFromBoth(7)).rejects.toThrow();
    const keys = [keyOf('articles', '7'), keyOf('lists', '7')];
    const there = keys.map((key) => tier.redis.command('EXISTS', key));
    expect(await Promise.all(there)).toEqual([1, 0]);
  });
});
