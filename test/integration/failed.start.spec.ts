import { describe, expect, it } from '@jest/globals';
import { ConsoleLogger, Injectable, type DynamicModule, type OnModuleInit } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  CacheConfig,
  CacheConfigurationError,
  Cacheable,
  Caching,
  ElastiCacheModule,
} from 'nestjs-elasticache';
import type { FeatureCache } from 'nestjs-elasticache';
import { Counter, onTier } from '../support/cache.application.js';

class Nothing {}

class Articles extends Counter {
  @Cacheable('articles')
  find(id: number): Promise<number> {
    return this.run(id);
  }
}

/** What no compiler would let pass, as a caller without types may give it. */
const untyped = (value: unknown) => value as never;

const SECRET = 'hunter2';

class OptionsClass {
  get url(): string {
    return `redis://:${SECRET}@127.0.0.1:1`;
  }
}

/** The root module with one `forFeature` beside it. */
function withFeature(...caches: unknown[]): DynamicModule {
  class Features {}
  const feature = ElastiCacheModule.forFeature(caches as FeatureCache[]);
  return { module: Features, imports: [ElastiCacheModule.forRoot(), feature] };
}

function twice(): DynamicModule {
  class Twice {}
  const imports = ['a', 'b'].map((name) => ElastiCacheModule.forRoot({ caches: { [name]: {} } }));
  return { module: Twice, imports };
}

const memory = onTier('memory');

/** The faults of a module, or of the class decorated, whether told while it is declared or started. */
async function faultsOf(declare: () => DynamicModule, type: new () => object = Nothing) {
  const outcome = await Promise.resolve()
    .then(() => memory.startIn(declare(), type))
    .catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(CacheConfigurationError);
  expect(String(outcome)).not.toContain(SECRET);
  return (outcome as CacheConfigurationError).faults;
}

describe('Options that mean nothing are faults of the start', () => {
  it.each<[string, () => DynamicModule, string]>([
    ['no options', () => ElastiCacheModule.forRoot(untyped(null)), 'options'],
    ['two roots', twice, 'ElastiCacheModule.forRoot()'],
    ['no way to make options', () => ElastiCacheModule.forRootAsync({}), 'forRootAsync'],
    ['a cache without a name', () => ElastiCacheModule.forRoot({ caches: { '': {} } }), 'caches'],
    ['a feature without a name', () => withFeature({ ttl: '1m' }), 'forFeature[0]'],
    ['a feature named by a number', () => withFeature('a', { name: 7 }), 'forFeature[1]'],
    ['an empty feature', () => withFeature(''), 'forFeature[0]'],
    ['no feature', () => withFeature(null), 'forFeature[0]'],
    ['features that are no list', () => ElastiCacheModule.forFeature(untyped('a')), 'forFeature'],
    [
      'a URL object',
      () =>
        ElastiCacheModule.forRoot({ connection: untyped(new URL(`redis://:${SECRET}@127.0.0.1`)) }),
      'connection',
    ],
    [
      'an instance of a class of settings',
      () => ElastiCacheModule.forRoot({ connection: untyped(new OptionsClass()) }),
      'connection',
    ],
    [
      'a lifetime beyond all numbers',
      () => ElastiCacheModule.forRoot({ defaults: { ttl: 1e19 } }),
      'defaults.ttl',
    ],
    [
      'more entries than there is room for',
      () => ElastiCacheModule.forRoot({ defaults: { memory: { maxEntries: 1e10 } } }),
      'defaults.memory.maxEntries',
    ],
  ])('%s', async (_, declare, path) => {
    expect((await faultsOf(declare)).map((fault) => fault.path)).toEqual([path]);
  });

  it('a cache that one forFeature configures twice, and what is wrong with either', async () => {
    const features = [{ name: 'a', tll: 5, ttl: 'x' }, { name: 'a' }, { name: 'a' }];
    const faults = await faultsOf(() => withFeature(...features));
    expect(new Set(faults.map(({ path }) => path))).toEqual(
      new Set(["forFeature('a').tll", "forFeature('a').ttl", "forFeature('a')"]),
    );
  });

  it('what @CacheConfig does not know, or cannot use', async () => {
    @CacheConfig(untyped({ cacheNams: 'x', ttl: 'banana', cacheNames: 7, keyGenerator: 'id' }))
    class Configured {
      @Cacheable('articles')
      async find(id: number): Promise<number> {
        return id;
      }
    }
    const faults = await faultsOf(() => ElastiCacheModule.forRoot(), Configured);
    expect(faults.map(({ path }) => path)).toEqual(
      ['cacheNams', 'ttl', 'cacheNames', 'keyGenerator'].map(
        (name) => `@CacheConfig on Configured: ${name}`,
      ),
    );
  });

  it('what @Caching does not know', async () => {
    const declare = () => {
      class Misspelt {
        @Caching({ evicts: [{ cacheNames: 'articles', allEntries: true }], evict: [] } as object)
        async update(id: number): Promise<number> {
          return id;
        }
      }
      return memory.startIn(ElastiCacheModule.forRoot(), Misspelt);
    };
    const error: unknown = await Promise.resolve()
      .then(declare)
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CacheConfigurationError);
    expect(String(error)).toContain('evicts');
  });

  it('caches that are named before the options and in them', () => {
    expect(() => Cacheable('a', untyped({ cacheNames: 'b' }))).toThrow(CacheConfigurationError);
  });
});

/** As a class of another's that fails once the cache is there. */
@Injectable()
class Failing implements OnModuleInit {
  onModuleInit(): never {
    throw new Error('own');
  }
}

describe('A start that fails for another reason', () => {
  const tier = onTier('redis');

  /** Where every application's connection is told from the server's own. */
  const clients = async () =>
    String(await tier.redis.command('CLIENT', 'LIST')).match(/.*user=app.*/g)?.length ?? 0;

  it('leaves no connection once the application is closed', async () => {
    const cacheModule = ElastiCacheModule.forRoot({ ...tier.connection() });
    const application = await Test.createTestingModule({
      imports: [cacheModule],
      providers: [Articles, Failing],
    })
      .setLogger(new ConsoleLogger({ logLevels: [] }))
      .compile();
    await expect(application.init()).rejects.toThrow('own');
    await application.close();
    expect(await clients()).toBe(0);
  });

  it('before the cache is there makes none', async () => {
    const before = await received();
    const providers = [{ provide: 'wrong', useFactory: () => new Failing().onModuleInit() }];
    const cacheModule = ElastiCacheModule.forRoot({ ...tier.connection() });
    await expect(tier.startIn(cacheModule, Articles, { providers })).rejects.toThrow('own');
    for (let i = 0; i < 20; i++) {
      await tier.redis.command('PING');
      await new Promise(setImmediate);
    }
    expect(await received()).toBe(before);
  });

  const received = async () =>
    /total_connections_received:(\d+)/.exec(String(await tier.redis.command('INFO', 'stats')))?.[1];
});
