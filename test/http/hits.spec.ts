import { describe, expect, it } from '@jest/globals';
import {
  Controller,
  Get,
  Header,
  HttpCode,
  NotFoundException,
  Param,
  Res,
  UseInterceptors,
} from '@nestjs/common';
import { CacheInterceptor, CacheKey, CacheResponse, CacheTTL, NoCache } from 'nestjs-elasticache';
import { platforms, websites } from '../support/http.application.js';

interface Headers {
  setHeader?(name: string, value: string): void;
  header?(name: string, value: string): void;
  status(code: number): void;
}

@UseInterceptors(CacheInterceptor)
@Controller('articles')
class Articles {
  calls = 0;

  @Get()
  list() {
    return [{ id: 1, call: ++this.calls }];
  }

  @Get('text')
  text() {
    return `Grüße ${++this.calls}`;
  }

  @Get('made')
  @HttpCode(203)
  @Header('X-Decorated', 'by the route')
  made(@Res({ passthrough: true }) response: Headers) {
    const set = response.setHeader ?? response.header!;
    set.call(response, 'X-Made', `${++this.calls}`);
    return { made: true };
  }

  @Get('missing')
  @CacheResponse({ statuses: [200, 404] })
  missing() {
    throw new NotFoundException(`No ${++this.calls}`);
  }

  @Get('gone')
  gone() {
    throw new NotFoundException(`No ${++this.calls}`);
  }

  @Get('nothing')
  @HttpCode(204)
  nothing() {
    this.calls++;
  }

  @Get('short')
  @CacheTTL('2s')
  short() {
    return { call: ++this.calls };
  }

  @Get('keyed/:id')
  @CacheKey('all')
  keyed(@Param('id') id: string) {
    return { id, call: ++this.calls };
  }

  @Get('live')
  @NoCache()
  live() {
    return { call: ++this.calls };
  }
}

describe.each(platforms)('a hit on %s', (platform) => {
  const sites = websites();
  const start = () => sites.start(Articles, { platform });

  it('brings the same bytes, and says so', async () => {
    const { get, controller } = await start();
    const miss = await get('/articles');
    const hit = await get('/articles');
    expect(controller.calls).toBe(1);
    expect(miss.status).toBe(200);
    expect(hit.body).toEqual(miss.body);
    expect(JSON.parse(hit.text)).toEqual([{ id: 1, call: 1 }]);
    expect(miss.headers).toMatchObject({
      'x-cache': 'MISS',
      'cache-status': 'elasticache; fwd=uri-miss; fwd-status=200; stored',
      'cache-control': 'max-age=300',
      age: '0',
    });
    expect(hit.headers).toMatchObject({
      'x-cache': 'HIT',
      'cache-status': 'elasticache; hit; ttl=300',
      'cache-control': 'max-age=300',
      'content-type': miss.headers['content-type'],
      'content-length': `${miss.body.length}`,
      etag: miss.headers.etag,
      age: '0',
    });
    expect(miss.headers.etag).toMatch(/^"[^"]+"$/);
  });

  it('grows older', async () => {
    const { get, clock } = await start();
    const { headers } = await get('/articles');
    clock.advance(42_700);
    expect((await get('/articles')).headers).toMatchObject({
      age: '42',
      'cache-status': 'elasticache; hit; ttl=258',
      date: headers.date,
    });
    clock.advance(257_300);
    expect((await get('/articles')).headers).toMatchObject({
      'x-cache': 'MISS',
      'cache-status': 'elasticache; fwd=uri-miss; fwd-status=200; stored',
    });
  });

  it('is as exact where the body is no ASCII', async () => {
    const { get } = await start();
    const miss = await get('/articles/text');
    const hit = await get('/articles/text');
    expect(hit.text).toBe('Grüße 1');
    expect(hit.body).toEqual(miss.body);
    expect(hit.headers['content-type']).toBe(miss.headers['content-type']);
  });

  it('restores the status and the fields of the route', async () => {
    const { get } = await start();
    const miss = await get('/articles/made');
    const hit = await get('/articles/made');
    expect(hit.headers['x-cache']).toBe('HIT');
    expect(hit.status).toBe(203);
    expect(hit.headers).toMatchObject({ 'x-made': '1', 'x-decorated': 'by the route' });
    expect(hit.headers['x-made']).toBe(miss.headers['x-made']);
  });

  it('may be of a status that was thrown, where that is named', async () => {
    const { get, controller } = await start();
    const miss = await get('/articles/missing');
    const hit = await get('/articles/missing');
    expect([miss.status, hit.status, controller.calls]).toEqual([404, 404, 1]);
    expect(hit.body).toEqual(miss.body);
    expect(hit.headers['x-cache']).toBe('HIT');
    await get('/articles/gone');
    const again = await get('/articles/gone');
    expect(again.status).toBe(404);
    expect(controller.calls).toBe(3);
    expect(again.headers['cache-control']).toBeUndefined();
    expect(again.headers['cache-status']).toBe('elasticache; fwd=uri-miss; fwd-status=404');
  });

  it('may have no body', async () => {
    const { get, controller } = await start();
    await get('/articles/nothing');
    const hit = await get('/articles/nothing');
    expect([hit.status, hit.text, hit.headers['x-cache']]).toEqual([204, '', 'HIT']);
    expect(hit.headers['content-length']).toBeUndefined();
    expect(controller.calls).toBe(1);
  });

  it('lives as long as @CacheTTL says', async () => {
    const { get, clock } = await start();
    expect((await get('/articles/short')).headers['cache-control']).toBe('max-age=2');
    clock.advance(1_999);
    expect((await get('/articles/short')).headers['x-cache']).toBe('HIT');
    clock.advance(1);
    expect((await get('/articles/short')).headers['x-cache']).toBe('MISS');
  });

  it('is found by @CacheKey alone', async () => {
    const { get } = await start();
    const [first, second] = [await get('/articles/keyed/1'), await get('/articles/keyed/2?a=1')];
    expect(second.text).toBe(first.text);
    expect(second.headers['x-cache']).toBe('HIT');
  });

  it('is none under @NoCache', async () => {
    const { get, controller } = await start();
    await get('/articles/live');
    const again = await get('/articles/live');
    expect(controller.calls).toBe(2);
    expect(again.headers['x-cache']).toBe('BYPASS');
    expect(again.headers['cache-status']).toBe('elasticache; fwd=bypass');
    expect(again.headers['cache-control']).toBeUndefined();
  });
});
