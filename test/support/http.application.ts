/** Nest applications that listen, on either platform, for the specs under test/http. */
import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { DynamicModule, INestApplication, Provider, Type } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { CacheManager, ElastiCacheModule, type ElastiCacheModuleOptions } from 'nestjs-elasticache';
import { ElastiCacheTestingModule, FakeClock } from 'nestjs-elasticache/testing';
import { type RedisServer, startRedis } from './redis.server.js';

export const platforms = ['express', 'fastify'] as const;
export type Platform = (typeof platforms)[number];

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

export interface Sent {
  readonly method?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string;
}

export interface Website<C> {
  readonly app: INestApplication;
  readonly controller: C;
  readonly manager: CacheManager;
  readonly clock: FakeClock;
  readonly url: string;
  /** How many requests have come. */
  readonly requests: number;
  /** One request on a socket, its fields as they are given and no others. */
  send(path: string, sent?: Sent): Promise<Answer>;
  get(path: string, headers?: Record<string, string | string[]>): Promise<Answer>;
}

export interface WebsiteOptions {
  readonly platform: Platform;
  readonly options?: ElastiCacheModuleOptions;
  readonly providers?: Provider[];
  readonly controllers?: Type[];
  readonly imports?: (Type | DynamicModule)[];
  /** Redis behind it, by the clock on the wall. */
  readonly redis?: RedisServer;
  /** Before it listens: middleware, hooks, global interceptors. */
  readonly configure?: (app: INestApplication) => unknown;
  readonly adapter?: ExpressAdapter | FastifyAdapter;
}

let namespaces = 0;

/** Call inside a `describe`: what it starts is closed after each test. */
export function websites() {
  const running: INestApplication[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((app) => app.close()));
  });
  return {
    async start<C>(controller: Type<C>, wanted: WebsiteOptions): Promise<Website<C>> {
      const site = await open(controller, wanted);
      running.push(site.app);
      return site;
    },
  };
}

/** A server for all tests of a `describe`. */
export function redisForAll(): { readonly server: RedisServer } {
  let server: RedisServer | undefined;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server?.stop());
  return {
    get server() {
      return server!;
    },
  };
}

async function open<C>(controller: Type<C>, wanted: WebsiteOptions): Promise<Website<C>> {
  const { platform, options, redis, providers = [], controllers = [], configure } = wanted;
  const { imports = [] } = wanted;
  const namespace = `web${++namespaces}`;
  const module = redis
    ? ElastiCacheModule.forRoot({ namespace, connection: redis.url, ...options })
    : ElastiCacheTestingModule.forRoot({ namespace, ...options });
  const testing = await Test.createTestingModule({
    imports: [module, ...imports],
    controllers: [controller, ...controllers],
    providers,
  }).compile();
  const adapter =
    wanted.adapter ?? (platform === 'express' ? new ExpressAdapter() : new FastifyAdapter());
  const app = testing.createNestApplication(adapter, {
    logger: false,
    forceCloseConnections: true,
  });
  await configure?.(app);
  await app.listen(0, '127.0.0.1');
  let requests = 0;
  app.getHttpServer().on('request', () => requests++);
  const { port } = app.getHttpServer().address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const send = (path: string, sent: Sent = {}) => exchange(port, path, sent);
  return {
    app,
    controller: app.get(controller),
    manager: app.get(CacheManager),
    get clock() {
      return app.get(FakeClock);
    },
    get requests() {
      return requests;
    },
    url,
    send,
    get: (path, headers = {}) => send(path, { headers }),
  };
}

function exchange(port: number, path: string, sent: Sent): Promise<Answer> {
  const { method = 'GET', headers = {}, body } = sent;
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, host: '127.0.0.1', path, method, headers, agent: false });
    request.once('error', reject);
    request.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        const whole = Buffer.concat(chunks);
        const { statusCode = 0, headers: fields } = response;
        resolve({ status: statusCode, headers: fields, body: whole, text: whole.toString() });
      });
    });
    request.end(body);
  });
}
