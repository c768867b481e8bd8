/** This library, as an application has it: a Nest context, the module, a decorated provider. */
import 'reflect-metadata';
import { Inject, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Cacheable, CacheManager, ElastiCacheModule } from 'nestjs-elasticache';
import type { ElastiCacheModuleOptions } from 'nestjs-elasticache';
import { ARTICLES } from './articles.js';
import type { Article, Subject, World } from './question.js';

const LOAD = Symbol('load');

@Injectable()
class ArticlesService {
  constructor(@Inject(LOAD) private readonly load: World['load']) {}

  @Cacheable('articles', { ttl: '1h' })
  findOne(id: number): Promise<Article> {
    return this.load(id);
  }
}

type Options = ElastiCacheModuleOptions | ((world: World) => ElastiCacheModuleOptions);

/** The decorated method. */
export function decorated(options: Options) {
  return async (world: World): Promise<Subject> => {
    const service = (await start(options, world)).get(ArticlesService);
    return { call: (id) => service.findOne(id) };
  };
}

/** `get` of the cache that the decorated method has filled. */
export function programmatic(options: Options) {
  return async (world: World): Promise<Subject> => {
    const application = await start(options, world);
    const service = application.get(ArticlesService);
    const cache = application.get(CacheManager).getCache<number, Article>('articles');
    for (let id = 1; id <= ARTICLES; id++) await service.findOne(id);
    return { call: (id) => cache.get(id) };
  };
}

async function start(options: Options, world: World) {
  const settings = typeof options === 'function' ? options(world) : options;
  @Module({
    imports: [ElastiCacheModule.forRoot(settings)],
    providers: [ArticlesService, { provide: LOAD, useValue: world.load }],
  })
  class BenchModule {}
  return NestFactory.createApplicationContext(BenchModule, { logger: ['error'] });
}
