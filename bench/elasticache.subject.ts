/** This library, as an application has it: a Nest context, the module, a decorated provider. */
import 'reflect-metadata';
import { Inject, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Cacheable, CacheableMany, CacheManager, ElastiCacheModule } from 'nestjs-elasticache';
import type { CacheOptions, ElastiCacheModuleOptions } from 'nestjs-elasticache';
import { ARTICLES, drawBatches } from './articles.js';
import type { Article, Subject, World } from './question.js';

const LOAD = Symbol('load');
const TTL = '1h';

type Options = ElastiCacheModuleOptions | ((world: World) => ElastiCacheModuleOptions);
type Tags = string[] | ((id: number) => string[]);

/** The options of a cache in Redis alone, unless there are more. */
export function inRedis(serializer: 'msgpack' | 'json', more: CacheOptions = {}) {
  return ({ redisUrl }: Pick<World, 'redisUrl'>): ElastiCacheModuleOptions => ({
    connection: redisUrl,
    // On a machine with too much to do an answer may take longer than the default 250 ms, and the call is no hit.
    caches: { articles: { serializer, memory: false, ...more, timeouts: { store: '10s' } } },
  });
}

/** The decorated method. */
export function decorated(options: Options, tags: Tags = []) {
  return async (world: World): Promise<Subject> => {
    const { service } = await start(options, { ...world, tags });
    return { call: (id) => service.findOne(id) };
  };
}

/** `get` of the cache that the decorated method has filled. */
export function programmatic(options: Options) {
  return async (world: World): Promise<Subject> => {
    const { service, cache } = await start(options, world);
    for (let id = 1; id <= ARTICLES; id++) await service.findOne(id);
    return { call: (id) => cache.get(id) };
  };
}

/** The decorated method for many. */
export function decoratedMany(options: Options) {
  return async (world: World): Promise<Subject> => {
    const [{ service }, idsOf] = [await start(options, world), drawBatches()];
    return { call: (batch) => service.findMany(idsOf(batch)) };
  };
}

/** `getMany` of the cache that the decorated method has filled. */
export function programmaticMany(options: Options) {
  return async (world: World): Promise<Subject> => {
    const [{ service, cache }, idsOf] = [await start(options, world), drawBatches()];
    for (let id = 1; id <= ARTICLES; id++) await service.findOne(id);
    return { call: async (batch) => [...(await cache.getMany(idsOf(batch))).values()] };
  };
}

/** An application of its own, and what one works with. */
export async function start(
  options: Options,
  world: World & { readonly tags?: Tags },
): Promise<{ service: Service; manager: CacheManager; cache: ArticleCache }> {
  const ArticlesService = serviceWith(world.tags ?? []);
  @Module({
    imports: [ElastiCacheModule.forRoot(typeof options === 'function' ? options(world) : options)],
    providers: [ArticlesService, { provide: LOAD, useValue: world.load }],
  })
  class BenchModule {}
  const application = await NestFactory.createApplicationContext(BenchModule, {
    logger: ['error'],
  });
  const manager = application.get(CacheManager);
  return { service: application.get(ArticlesService), manager, cache: cacheOf(manager) };
}

const cacheOf = (manager: CacheManager) => manager.getCache<number, Article>('articles');
type ArticleCache = ReturnType<typeof cacheOf>;

interface Service {
  findOne(id: number): Promise<Article>;
  findMany(ids: readonly number[]): Promise<Article[]>;
}

function serviceWith(tags: Tags) {
  @Injectable()
  class ArticlesService implements Service {
    constructor(@Inject(LOAD) private readonly load: World['load']) {}

    @Cacheable('articles', { ttl: TTL, tags })
    findOne(id: number): Promise<Article> {
      return this.load(id);
    }

    @CacheableMany('articles', { ttl: TTL, keys: (ids: readonly number[]) => ids })
    findMany(ids: readonly number[]): Promise<Article[]> {
      return Promise.all(ids.map((id) => this.load(id)));
    }
  }
  return ArticlesService;
}
