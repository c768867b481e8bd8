import { describe, expect, it } from '@jest/globals';
import { Injectable, Module, type DynamicModule } from '@nestjs/common';
import {
  CacheConfigurationError,
  Cacheable,
  ElastiCacheModule,
  InjectCache,
  UnknownCacheError,
} from 'nestjs-elasticache';
import type {
  Cache,
  ElastiCacheModuleOptions,
  ElastiCacheOptionsFactory,
  FeatureCache,
} from 'nestjs-elasticache';
import { Counter, onTier } from '../support/cache.application.js';

class Articles extends Counter {
  @Cacheable('articles')
  find(id: number): Promise<number> {
    return this.run(id);
  }
}

@Injectable()
class Users {
  constructor(@InjectCache('users') readonly users: Cache<number, unknown>) {}
}

class Nothing {}

const SECRET = 'hunter2';
const NO_TIER = /tier/;

/** Options of any shape, as a caller without types may give them. */
const untyped = (options: object) => options as ElastiCacheModuleOptions;

const memory = onTier('memory');

/** The faults of the options by path. */
async function faultsOf(
  options: object,
  cacheModule?: DynamicModule,
): Promise<Map<string, string>> {
  const outcome = await memory
    .startIn(cacheModule ?? ElastiCacheModule.forRoot(untyped(options)), Nothing)
    .catch((error: unknown) => error);
  if (!(outcome instanceof CacheConfigurationError)) return new Map();
  for (const { path, message } of outcome.faults) {
    expect(outcome.message).toContain(`${path}: ${message}`);
  }
  return new Map(outcome.faults.map(({ path, message }) => [path, message]));
}

const wrongCache = {
  ttl: '0s',
  tti: -1,
  jitter: 2,
  cacheNull: 'sometimes',
  version: '',
  memory: true,
  shared: 'yes',
  serializer: 'yaml',
  compression: 'gzip',
  singleFlight: true,
  tags: ['news', ''],
  staleWhileRevalidate: 0,
  staleIfError: 'an hour',
  refreshAhead: 1,
  consistency: 'eventual',
  onEvictFailure: 'ignore',
  loads: { queue: 5 },
  timeouts: 250,
};
const everythingWrong = {
  connection: 'localhost:6379',
  namespace: '',
  defaults: wrongCache,
  caches: {
    articles: {
      ...wrongCache,
      memory: { maxEntries: 0, maxBytes: 1.5, isolation: 'none' },
      compression: { algorithm: 'lzma', threshold: -1 },
      timeouts: { store: 'soon', wait: 0 },
      loads: { concurrent: 0, queue: -1 },
    },
    users: 'five minutes',
  },
  dynamicCaches: 1,
  keyGenerator: 'id',
  errorHandler: {},
  enabled: 'true',
  isGlobal: 0,
};

describe('Options', () => {
  it('that are all wrong are all reported, once, each with its path', async () => {
    const faults = await faultsOf(everythingWrong);
    const inCache = Object.keys(wrongCache).filter(
      (name) => !['memory', 'compression', 'timeouts', 'loads'].includes(name),
    );
    expect([...faults.keys()]).toEqual(
      expect.arrayContaining([
        ...Object.keys(everythingWrong).filter((name) => !['defaults', 'caches'].includes(name)),
        ...Object.keys(wrongCache).map((name) => `defaults.${name}`),
        ...inCache.map((name) => `caches.articles.${name}`),
        'caches.articles.memory.maxEntries',
        'caches.articles.memory.maxBytes',
        'caches.articles.memory.isolation',
        'caches.articles.compression.algorithm',
        'caches.articles.compression.threshold',
        'caches.articles.timeouts.store',
        'caches.articles.timeouts.wait',
        'caches.articles.loads.concurrent',
        'caches.articles.loads.queue',
        'caches.users',
      ]),
    );
  });

  it('of the wrong kind hide no fault of the others', async () => {
    const paths = [...(await faultsOf({ defaults: 5, caches: { a: { ttl: 0 } } })).keys()];
    expect(paths).toEqual(['defaults', 'caches.a.ttl']);
  });

  it('given as undefined are not given', async () => {
    const nothing = Object.fromEntries(Object.keys(wrongCache).map((name) => [name, undefined]));
    const options = {
      ...nothing,
      memory: { maxEntries: undefined },
      timeouts: { store: undefined, wait: undefined },
      loads: { concurrent: 1, queue: undefined },
    };
    const { cache } = await memory.start(
      Nothing,
      untyped({ defaults: options, caches: { articles: nothing } }),
    );
    await cache('articles').put(7, { n: 1 });
    expect(await cache('articles').get(7)).toEqual({ n: 1 });
  });

  it.each([
    [{ conection: 'redis://h' }, 'conection', 'connection'],
    [{ defaults: { ttll: '5m' } }, 'defaults.ttll', 'ttl'],
    [{ caches: { a: { memory: { maxEntires: 5 } } } }, 'caches.a.memory.maxEntires', 'maxEntries'],
    [{ defaults: { timeouts: { stores: '1s' } } }, 'defaults.timeouts.stores', 'store'],
    [{ defaults: { staleIfErrors: '1s' } }, 'defaults.staleIfErrors', 'staleIfError'],
    [{ connection: { host: 'h', pasword: SECRET } }, 'connection.pasword', 'password'],
  ])('unknown ones are faults that name the nearest: %j', async (options, path, nearest) => {
    const faults = await faultsOf(options);
    expect([...faults.keys()]).toEqual([path]);
    expect(faults.get(path)).toContain(`did you mean '${nearest}'`);
    expect([...faults.values()].join()).not.toContain(SECRET);
  });

  it('zstd needs a runtime that has it', async () => {
    const zlib = await import('node:zlib');
    const faults = await faultsOf({ defaults: { compression: { algorithm: 'zstd' } } });
    const expected = 'zstdCompress' in zlib ? [] : ['defaults.compression.algorithm'];
    expect([...faults.keys()]).toEqual(expected);
    for (const message of faults.values()) expect(message).toMatch(/22\.15.*brotli/);
  });

  it.each([
    [{ defaults: { memory: false } }, 'defaults.memory'],
    [{ caches: { a: { memory: false } } }, 'caches.a.memory'],
    [
      { connection: 'redis://h', caches: { a: { memory: false, shared: false } } },
      'caches.a.memory',
    ],
    [{ connection: 'redis://h', defaults: { memory: false, shared: false } }, 'defaults.memory'],
  ])('no memory and no shared tier is a fault: %j', async (options, path) => {
    const faults = await faultsOf(options);
    expect([...faults.keys()]).toEqual([path]);
    expect(faults.get(path)).toMatch(NO_TIER);
  });

  it('no memory by default and a cache that is not shared is one, too', async () => {
    const caches = { local: { shared: false } };
    const options = { connection: 'redis://h', defaults: { memory: false }, caches };
    const faults = await faultsOf(options);
    expect(faults.size).toBe(1);
    expect([...faults.values()].join()).toMatch(NO_TIER);
  });

  it.each([
    [{ memory: { ttl: 0 } }, 'defaults.memory.ttl'],
    [{ memory: { maxStaleness: 'soon' } }, 'defaults.memory.maxStaleness'],
  ])('of memory are durations: %j', async (defaults, path) => {
    const faults = await faultsOf({ defaults: defaults as never });
    expect([...faults.keys()]).toEqual([path]);
  });

  it.each([
    [{ defaults: { shared: true } }, 'defaults.shared'],
    [{ caches: { a: { shared: true } } }, 'caches.a.shared'],
  ])('a shared tier without a connection is a fault: %j', async (options, path) => {
    const faults = await faultsOf(options);
    expect([...faults.keys()]).toEqual([path]);
    expect(faults.get(path)).toContain('connection');
  });

  it.each([
    [{}],
    [{ port: 6379 }],
    [{ host: undefined }],
    [{ url: undefined }],
    [{ host: '' }],
    [{ host: 'h', port: 70_000 }],
    [{ host: 'h', db: -1 }],
    ['redis://'],
    ['http://h'],
    [''],
    [7],
    [{ url: 'redis://h', password: SECRET }],
    [{ url: 'redis://h', host: 'other' }],
  ])('a connection to nowhere, or to two places, is a fault: %j', async (connection) => {
    const faults = await faultsOf({ connection });
    expect(faults.size).toBeGreaterThan(0);
    for (const path of faults.keys()) expect(path).toMatch(/^connection\b/);
  });

  it('no message holds a secret', async () => {
    const secrets = [
      { connection: `http://user:${SECRET}@h` },
      { connection: { url: `http://user:${SECRET}@h` } },
      { connection: { host: 'h', password: [SECRET], username: [SECRET], tls: SECRET } },
      { connection: [SECRET] },
    ];
    for (const options of secrets) {
      const refusal = await memory.refusal(() => Nothing, untyped(options));
      expect(refusal).toBeInstanceOf(CacheConfigurationError);
      const { message, stack, faults } = refusal as CacheConfigurationError;
      expect([message, stack, JSON.stringify(faults)].join()).not.toContain(SECRET);
    }
  });
});

class OptionsFactory implements ElastiCacheOptionsFactory {
  createElastiCacheOptions() {
    return { caches: { users: { ttl: '7m', jitter: 0 } } };
  }
}

@Module({ providers: [OptionsFactory], exports: [OptionsFactory] })
class OptionsModule {}

describe('forRootAsync', () => {
  const lifetime = async (cache: Cache) => {
    await cache.put(7, 'value');
    const entry = await cache.getEntry(7);
    return Number(entry?.expiresAt) - Number(entry?.createdAt);
  };

  it.each([
    ['useFactory', { useFactory: () => new OptionsFactory().createElastiCacheOptions() }],
    [
      'an async useFactory',
      { useFactory: async () => new OptionsFactory().createElastiCacheOptions() },
    ],
    [
      'useFactory with inject and imports',
      {
        imports: [OptionsModule],
        inject: [OptionsFactory],
        useFactory: (factory: OptionsFactory) => factory.createElastiCacheOptions(),
      },
    ],
    ['useClass', { useClass: OptionsFactory }],
    ['useExisting', { imports: [OptionsModule], useExisting: OptionsFactory }],
  ])('%s makes the options', async (_, options) => {
    const { cache, service } = await memory.startIn(
      ElastiCacheModule.forRootAsync(options),
      Articles,
    );
    expect(await lifetime(cache('users'))).toBe(7 * 60_000);
    expect([await service.find(7), await service.find(7)]).toEqual([1, 1]);
  });

  it('its options are checked as any', async () => {
    const cacheModule = ElastiCacheModule.forRootAsync({
      useFactory: () => untyped({ defaults: { ttl: 0 } }),
    });
    expect([...(await faultsOf({}, cacheModule)).keys()]).toEqual(['defaults.ttl']);
    const none = ElastiCacheModule.forRootAsync({ useFactory: () => untyped(undefined as never) });
    expect((await faultsOf({}, none)).size).toBe(1);
  });
});

/** The cache module with features beside it, as one module to import. */
function withFeatures(
  options: ElastiCacheModuleOptions,
  ...features: FeatureCache[][]
): DynamicModule {
  class Features {}
  const imports = [
    ElastiCacheModule.forRoot(options),
    ...features.map((feature) => ElastiCacheModule.forFeature(feature)),
  ];
  return { module: Features, imports, exports: imports };
}

describe('forFeature', () => {
  it('a bare name makes a cache injectable, with the defaults', async () => {
    const cacheModule = withFeatures({ defaults: { ttl: '9m', jitter: 0 } }, ['users']);
    const { service, cache } = await memory.startIn(cacheModule, Users);
    await service.users.put(7, 'Ann');
    const { createdAt, expiresAt } = (await cache('users').getEntry(7))!;
    expect(expiresAt - createdAt).toBe(9 * 60_000);
  });

  it('a bare name beside a configuration elsewhere injects the configured cache', async () => {
    const cacheModule = withFeatures(
      { caches: { users: { ttl: '9m', jitter: 0 } } },
      ['users'],
      ['users'],
    );
    const { service } = await memory.startIn(cacheModule, Users);
    await service.users.put(7, 'Ann');
    const { createdAt, expiresAt } = (await service.users.getEntry(7))!;
    expect(expiresAt - createdAt).toBe(9 * 60_000);
  });

  it('options configure it, on top of the defaults', async () => {
    const cacheModule = withFeatures({ defaults: { ttl: '9m', jitter: 0 } }, [
      { name: 'users', cacheNull: false },
    ]);
    const { service, manager } = await memory.startIn(cacheModule, Users);
    await service.users.put(7, null);
    expect(await service.users.getEntry(7)).toBeUndefined();
    await service.users.put(7, 'Ann');
    const { createdAt, expiresAt } = (await service.users.getEntry(7))!;
    expect(expiresAt - createdAt).toBe(9 * 60_000);
    expect(manager.cacheNames).toContain('users');
  });

  it('configured twice is a fault, whichever places the two are', async () => {
    const twice = [
      withFeatures({ caches: { users: {} } }, [{ name: 'users', ttl: '1m' }]),
      withFeatures({}, [{ name: 'users', ttl: '1m' }], [{ name: 'users', ttl: '1m' }]),
    ];
    for (const cacheModule of twice) {
      const faults = await faultsOf({}, cacheModule);
      expect([...faults.keys()]).toEqual(["forFeature('users')"]);
      expect(faults.get("forFeature('users')")).toContain('twice');
    }
  });

  it('its faults are all told at once, each with its path', async () => {
    const features = [
      { name: 'users', ttl: 0 },
      { name: 'articles', tll: '1m', memory: false },
    ] as FeatureCache[];
    const faults = await faultsOf({}, withFeatures({}, features));
    expect([...faults.keys()]).toEqual([
      "forFeature('users').ttl",
      "forFeature('articles').tll",
      "forFeature('articles').memory",
    ]);
  });
});

describe('dynamicCaches: false', () => {
  const options = { dynamicCaches: false, caches: { users: {} } };

  it('a name nobody configured is an error that names those there are', async () => {
    const { manager, cache } = await memory.start(Users, options);
    expect(() => manager.getCache('articles')).toThrow(UnknownCacheError);
    expect(() => manager.getCache('articles')).toThrow(/'articles'.*known: users/);
    await cache('users').put(7, 'Ann');
    expect(await cache('users').get(7)).toBe('Ann');
  });

  it('in a decorator or a forFeature, it is a fault at start-up', async () => {
    const refusal = await memory.refusal(() => Articles, options);
    expect(String(refusal)).toMatch(/Articles\.find: .*'articles'/);
    const faults = await faultsOf({}, withFeatures(options, ['articles']));
    expect([...faults.keys()]).toEqual(["forFeature('articles')"]);
  });

  it('a forFeature with options counts as configured', async () => {
    const cacheModule = withFeatures(options, [{ name: 'articles', ttl: '1m' }]);
    const { service } = await memory.startIn(cacheModule, Articles);
    expect([await service.find(7), await service.find(7)]).toEqual([1, 1]);
  });
});
