import { describe, expect, it } from '@jest/globals';
import { Module, type DynamicModule } from '@nestjs/common';
import { CacheManager, Cacheable, ElastiCacheModule } from 'nestjs-elasticache';
import { Counter, onTier } from '../support/cache.application.js';

class Articles extends Counter {
  @Cacheable('articles')
  find(id: number): Promise<number> {
    return this.run(id);
  }
}

class Nothing {}

const memory = onTier('memory');

describe('isGlobal: false', () => {
  @Module({ providers: [Articles], exports: [Articles] })
  class FeatureModule {}

  const app = (isGlobal: boolean, imported: boolean): DynamicModule => {
    class App {}
    const cacheModule = ElastiCacheModule.forRoot({ isGlobal });
    const feature = { module: FeatureModule, imports: imported ? [cacheModule] : [] };
    return { module: App, imports: [cacheModule, feature], exports: [cacheModule, feature] };
  };

  it('a module sees the cache only if it imports it', async () => {
    const refusal = await memory.startIn(app(false, false), Nothing).catch((error) => error);
    expect(String(refusal)).toContain('ElastiCacheModule.forRoot()');
    const { get } = await memory.startIn(app(false, true), Nothing);
    const articles = get(Articles);
    expect([await articles.find(7), await articles.find(7)]).toEqual([1, 1]);
  });

  it('by default every module sees it', async () => {
    const articles = (await memory.startIn(app(true, false), Nothing)).get(Articles);
    expect([await articles.find(7), await articles.find(7)]).toEqual([1, 1]);
  });
});

describe('Two applications', () => {
  it('share nothing', async () => {
    const [one, two] = [await memory.start(Articles), await memory.start(Articles)];
    expect([await one.service.find(7), await two.service.find(7)]).toEqual([1, 1]);
    await one.cache('articles').clear();
    expect([await one.service.find(7), await two.service.find(7)]).toEqual([2, 1]);
    expect(one.get(CacheManager)).not.toBe(two.get(CacheManager));
  });
});
