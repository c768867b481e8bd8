/** Nest applications that answer with an article, each in its own way. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  CACHE_MANAGER,
  CacheInterceptor as NestsInterceptor,
  CacheModule,
} from '@nestjs/cache-manager';
import {
  Controller,
  type DynamicModule,
  Get,
  type NestInterceptor,
  Module,
  Param,
  type Type,
  UseInterceptors,
} from '@nestjs/common';
import { Cacheable, CacheInterceptor, ElastiCacheModule } from 'nestjs-elasticache';
import { articleOf } from './articles.js';
import type { Article } from './question.js';

/** What a handler waits for, in milliseconds: a database, say. */
const WAIT_MS = 5;
const HOUR_MS = 3_600_000;

export interface Application {
  readonly module: Type | DynamicModule;
  /** How often the slow method has run. */
  readonly loads: () => number;
}

export interface HttpContender {
  readonly name: string;
  readonly peer?: string;
  create(redisUrl: string): Promise<Application>;
}

type Find = (id: number) => Article | Promise<Article>;

let loads = 0;
async function load(id: number): Promise<Article> {
  loads++;
  await delay(WAIT_MS);
  return articleOf(id);
}

function applicationOf(
  find: Find,
  imports: readonly DynamicModule[],
  interceptor?: Type<NestInterceptor>,
) {
  @Controller('articles')
  class Articles {
    @Get(':id')
    find(@Param('id') id: string) {
      return find(Number(id));
    }
  }
  if (interceptor) UseInterceptors(interceptor)(Articles);
  @Module({ imports: [...imports], controllers: [Articles] })
  class Root {}
  return { module: Root, loads: () => loads };
}

function withInterceptor(options: (redisUrl: string) => object): HttpContender['create'] {
  return async (redisUrl) =>
    applicationOf(load, [ElastiCacheModule.forRoot(options(redisUrl))], CacheInterceptor);
}

async function nests(redisUrl: string | undefined): Promise<Application> {
  const stores = [];
  if (redisUrl !== undefined) {
    const { createKeyv } = await import('@keyv/redis');
    stores.push(createKeyv(redisUrl));
  }
  const options = { ttl: HOUR_MS, isGlobal: true, ...(stores.length > 0 && { stores }) };
  return applicationOf(load, [exported(CacheModule.register(options))], NestsInterceptor);
}

/** A module that hands on what it imports. */
function exported(module: DynamicModule): DynamicModule {
  return { ...module, exports: [...(module.exports ?? []), CACHE_MANAGER] };
}

/** In the service behind the handler, as one does it without an interceptor. */
async function inService(): Promise<Application> {
  class Articles {
    @Cacheable('articles', { key: (id: number) => id, ttl: HOUR_MS })
    find(id: number): Promise<Article> {
      return load(id);
    }
  }
  @Controller('articles')
  class Handler {
    constructor(private readonly articles: Articles) {}
    @Get(':id')
    find(@Param('id') id: string) {
      return this.articles.find(Number(id));
    }
  }
  Reflect.defineMetadata('design:paramtypes', [Articles], Handler);
  @Module({
    imports: [ElastiCacheModule.forRoot()],
    controllers: [Handler],
    providers: [Articles],
  })
  class Root {}
  return { module: Root, loads: () => loads };
}

async function layered(): Promise<Application> {
  const { Loader } = await import('layered-loader');
  const loader = new Loader<Article>({
    inMemoryCache: { cacheType: 'lru-object', ttlInMsecs: HOUR_MS, maxItems: 10_000 },
    dataSources: [{ name: 'articles', get: (id: string) => load(Number(id)) } as never],
  });
  const find = async (id: number) => loader.get(`${id}`) as Promise<Article>;
  return applicationOf(find, []);
}

const constant = articleOf(7);
const ttl = { ttl: HOUR_MS };

/** The first is the floor: 1.00. */
export const contenders: readonly HttpContender[] = [
  {
    name: 'a handler that returns a constant',
    create: async () => applicationOf(() => constant, []),
  },
  { name: 'the handler, uncached', create: async () => applicationOf(load, []) },
  {
    name: '**CacheInterceptor**, memory',
    create: withInterceptor(() => ({ caches: { http: ttl } })),
  },
  {
    name: '**CacheInterceptor**, Redis alone',
    create: withInterceptor((connection) => ({
      connection,
      caches: { http: { ...ttl, memory: false } },
    })),
  },
  {
    name: '**CacheInterceptor**, Redis and copies in memory',
    create: withInterceptor((connection) => ({ connection, caches: { http: ttl } })),
  },
  {
    name: "Nest's CacheInterceptor, memory",
    peer: '@nestjs/cache-manager',
    create: () => nests(undefined),
  },
  {
    name: "Nest's CacheInterceptor, @keyv/redis",
    peer: '@nestjs/cache-manager',
    create: nests,
  },
  { name: '**@Cacheable** in the service, memory', create: inService },
  { name: 'in the service: layered-loader, memory', peer: 'layered-loader', create: layered },
];
