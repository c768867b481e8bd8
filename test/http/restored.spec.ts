/** A hit is the stored bytes: whatever made them is not asked again, in whatever process. */
import { describe, expect, it } from '@jest/globals';
import {
  type CallHandler,
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Header,
  HttpCode,
  Injectable,
  Param,
  ParseIntPipe,
  type PipeTransform,
  Redirect,
  Res,
  Scope,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { CacheInterceptor, CacheResponse, type ElastiCacheModuleOptions } from 'nestjs-elasticache';
import type { Observable } from 'rxjs';
import { type Platform, platforms, redisForAll, websites } from '../support/http.application.js';

interface AnyResponse {
  setHeader?(name: string, value: string | string[]): void;
  header(name: string, value: string | string[]): unknown;
}

const ran: string[] = [];

class Guard implements CanActivate {
  canActivate() {
    ran.push('guard');
    return true;
  }
}
class Inner {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    ran.push('inner');
    return next.handle();
  }
}
class Pipe implements PipeTransform {
  transform(value: unknown) {
    ran.push('pipe');
    return value;
  }
}

@UseGuards(Guard)
@UseInterceptors(CacheInterceptor, Inner)
@Controller()
class Pages {
  calls = 0;

  @Get('page/:id')
  @UsePipes(Pipe)
  page(@Param('id', ParseIntPipe) id: number) {
    ran.push('handler');
    return { id, call: ++this.calls };
  }

  @Get('large')
  large() {
    return { call: ++this.calls, text: 'ü'.repeat(100_000) };
  }

  @Get('made')
  @HttpCode(203)
  @Header('X-Decorated', 'yes')
  made(@Res({ passthrough: true }) response: AnyResponse) {
    const links = ['</a>; rel=next', '</b>; rel=prev'];
    if (response.setHeader) response.setHeader('Link', links);
    else response.header('Link', links);
    return { call: ++this.calls, text: 'Grüße, 世界 \u{1F600}' };
  }

  @Get('moved')
  @Redirect('/page/1', 301)
  @CacheResponse({ statuses: [301] })
  moved() {
    this.calls++;
  }

  @Get('options')
  @CacheResponse({ cacheName: 'pages' })
  options() {
    return { call: ++this.calls };
  }
}

let calls = 0;

@Injectable({ scope: Scope.REQUEST })
@UseInterceptors(CacheInterceptor)
@Controller()
class Anew {
  @Get('anew')
  anew() {
    return { call: ++calls };
  }
}

describe.each(platforms)('a hit on %s', (platform) => {
  const sites = websites();
  const start = (options?: ElastiCacheModuleOptions) =>
    sites.start(Pages, { platform, ...(options && { options }) });

  it('runs the guards, and nothing else', async () => {
    const { get } = await start();
    ran.length = 0;
    await get('/page/1');
    expect(ran.splice(0)).toEqual(['guard', 'inner', 'pipe', 'handler']);
    expect((await get('/page/1')).headers['x-cache']).toBe('HIT');
    expect(ran.splice(0)).toEqual(['guard']);
  });

  it('of a large body is the same', async () => {
    const { get } = await start();
    const miss = await get('/large');
    const hit = await get('/large');
    expect(hit.headers['x-cache']).toBe('HIT');
    expect(hit.body.equals(miss.body)).toBe(true);
  });

  it('may be a redirection, where its status is named', async () => {
    const { get, controller } = await start();
    await get('/moved');
    const hit = await get('/moved');
    expect([hit.status, hit.headers.location, hit.headers['x-cache']]).toEqual([
      301,
      '/page/1',
      'HIT',
    ]);
    expect(controller.calls).toBe(1);
  });

  it('has the lifetime of the cache it is in, which no jitter shortens', async () => {
    const { get, manager } = await start({ caches: { pages: { ttl: '1m', jitter: 1 } } });
    await get('/options');
    const hit = await get('/options');
    expect(hit.headers).toMatchObject({
      'cache-control': 'max-age=60',
      'cache-status': 'elasticache; hit; ttl=60',
    });
    const { hits, misses, loads, puts } = manager.stats()['pages']!;
    expect({ hits, misses, loads, puts }).toEqual({ hits: 1, misses: 1, loads: 1, puts: 1 });
  });

  it('is one, too, where the controller is made anew for each request', async () => {
    const { get } = await sites.start(Pages, { platform, controllers: [Anew] });
    calls = 0;
    await get('/anew');
    expect((await get('/anew')).text).toBe('{"call":1}');
    expect(calls).toBe(1);
  });
});

describe('a hit from Redis', () => {
  const sites = websites();
  const redis = redisForAll();

  const key = Buffer.alloc(32, 7);
  it.each<[string, ElastiCacheModuleOptions]>([
    ['msgpack', {}],
    ['json', { defaults: { serializer: 'json' } }],
    ['compressed', { defaults: { compression: { threshold: 1 } } }],
    ['sealed', { keys: { secret: [{ id: 'k', key }] }, encryption: { keys: [{ id: 'e', key }] } }],
  ])('is the same in another process, on another platform: %s', async (name, more) => {
    const options = {
      namespace: `restored-${name}`,
      ...more,
      defaults: { timeouts: { store: '5s' }, ...more.defaults },
    } as const;
    const start = (platform: Platform) =>
      sites.start(Pages, { platform, redis: redis.server, options });
    const [express, fastify] = [await start('express'), await start('fastify')];
    const miss = await express.get('/made');
    const hit = await fastify.get('/made');
    expect(hit.headers['x-cache']).toBe('HIT');
    expect([hit.status, hit.body]).toEqual([203, miss.body]);
    for (const field of ['content-type', 'etag', 'date', 'link', 'x-decorated', 'cache-control']) {
      expect([field, hit.headers[field]]).toEqual([field, miss.headers[field]]);
    }
    expect(fastify.controller.calls).toBe(0);
  });
});
