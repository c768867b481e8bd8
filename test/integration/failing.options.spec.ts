import { describe, expect, it } from '@jest/globals';
import { CacheEvict, CachePut, Cacheable, fromResult } from 'nestjs-elasticache';
import { onTier, recordFailures, tiers } from '../support/cache.application.js';

function fail(): never {
  throw new Error('own');
}

class Articles {
  async write(): Promise<string> {
    return 'put';
  }
  @CachePut('articles', { unless: fail })
  saveUnlessFailing(_id: number): Promise<string> {
    return this.write();
  }
  @CachePut('articles', { condition: fromResult(fail) })
  saveIfFailing(_id: number): Promise<string> {
    return this.write();
  }
  @Cacheable('articles', { unless: fail })
  @CachePut('others')
  refreshUnlessFailing(_id: number): Promise<string> {
    return this.write();
  }
  @CachePut('articles', { key: fromResult(() => 7), unless: fail })
  createUnlessFailing(_id: number): Promise<string> {
    return this.write();
  }
  @CacheEvict('articles', { condition: fromResult(fail) })
  removeIfFailing(_id: number): Promise<string> {
    return this.write();
  }
  @CachePut('articles', {
    ttl: fromResult(() => {
      throw new Error('own');
    }),
  })
  saveForHowLong(_id: number): Promise<string> {
    return this.write();
  }
}

describe.each(tiers)('A write, %s,', (name) => {
  const tier = onTier(name);

  it.each([
    'saveForHowLong',
    'saveUnlessFailing',
    'saveIfFailing',
    'refreshUnlessFailing',
    'createUnlessFailing',
    'removeIfFailing',
  ] as const)('whose options fail removes what it should have replaced: %s', async (how) => {
    const failures = recordFailures();
    const { service, cache } = await tier.start(Articles, { errorHandler: failures.handle });
    const articles = cache('articles');
    await articles.put(7, 'old');
    expect(await service[how](7)).toBe('put');
    expect(await articles.getEntry(7)).toBeUndefined();
    expect(failures.seen.map(({ error }) => error.code)).toEqual(['CACHE_OPTION_FAILED']);
  });

  it('whose options fail leaves no lease behind, also where the error handler throws', async () => {
    const errorHandler = (error: Error): never => {
      throw error;
    };
    const { service, cache } = await tier.start(Articles, { errorHandler });
    const articles = cache('articles');
    await articles.put(7, 'old');
    const failed = { code: 'CACHE_OPTION_FAILED' };
    for (const how of ['refreshUnlessFailing', 'removeIfFailing'] as const) {
      await expect(service[how](7)).rejects.toMatchObject(failed);
      expect(await articles.explain(7)).toMatchObject({ found: 'miss', lease: 'none' });
    }
  });
});
