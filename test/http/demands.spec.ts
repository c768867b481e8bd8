/** RFC 9111 §5.2.1: what a request asks of the cache, where the route honours it. */
import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Header, HttpException, UseInterceptors } from '@nestjs/common';
import { CacheInterceptor, CacheResponse } from 'nestjs-elasticache';
import { platforms, websites } from '../support/http.application.js';

@UseInterceptors(CacheInterceptor)
@Controller()
class Asked {
  calls = 0;
  @Get('honoured')
  @CacheResponse({ ttl: '60s', staleIfError: '60s', clientCacheControl: 'honour' })
  honoured() {
    return { call: ++this.calls };
  }
  @Get('failing')
  @CacheResponse({ ttl: '10s', staleWhileRevalidate: '60s', clientCacheControl: 'honour' })
  failing() {
    if (++this.calls > 1) throw new HttpException('no', 503);
    return { call: this.calls };
  }
  @Get('forgiven')
  @CacheResponse({
    ttl: '10s',
    staleWhileRevalidate: '60s',
    staleIfError: '20s',
    clientCacheControl: 'honour',
  })
  forgiven() {
    return this.failing();
  }
  @Get('strict')
  @Header('Cache-Control', 'max-age=10, must-revalidate, stale-if-error=60')
  @CacheResponse({ clientCacheControl: 'honour' })
  strict() {
    return { call: ++this.calls };
  }
  @Get('ignored')
  @CacheResponse({ ttl: '60s' })
  ignored() {
    return { call: ++this.calls };
  }
}

describe.each(platforms)('on %s', (platform) => {
  const sites = websites();

  it.each<[Record<string, string>, number, string]>([
    [{ 'cache-control': 'no-cache' }, 10, 'request'],
    [{ 'cache-control': 'No-Cache, foo' }, 10, 'request'],
    [{ 'cache-control': 'max-age=0' }, 10, 'request'],
    [{ 'cache-control': 'max-age=9' }, 10, 'request'],
    [{ 'cache-control': 'max-age=10' }, 10, 'hit'],
    [{ 'cache-control': 'min-fresh=50' }, 10, 'hit'],
    [{ 'cache-control': 'min-fresh=51' }, 10, 'request'],
    [{ 'cache-control': 'max-stale=5' }, 65, 'hit'],
    [{ 'cache-control': 'max-stale' }, 100, 'hit'],
    [{ 'cache-control': 'max-stale=4' }, 65, 'stale'],
    [{ pragma: 'no-cache' }, 10, 'request'],
    [{ pragma: 'no-cache', 'cache-control': 'max-age=100' }, 10, 'hit'],
    [{ 'cache-control': 'only-if-cached' }, 10, 'hit'],
  ])('under %j an entry of %d s is a %s', async (headers, age, outcome) => {
    const { get, clock } = await sites.start(Asked, { platform });
    await get('/honoured');
    clock.advance(age * 1000);
    const { headers: fields } = await get('/honoured', headers);
    const status = String(fields['cache-status']);
    expect(status).toContain(outcome === 'hit' ? '; hit' : `; fwd=${outcome}`);
  });

  it('a forced load is stored for the others', async () => {
    const { get } = await sites.start(Asked, { platform });
    await get('/honoured');
    expect((await get('/honoured', { 'cache-control': 'no-cache' })).text).toBe('{"call":2}');
    expect((await get('/honoured')).text).toBe('{"call":2}');
  });

  it.each<[string, number, number]>([
    ['/failing', 1, 503],
    ['/failing', 15, 503],
    ['/forgiven', 1, 200],
    ['/forgiven', 29, 200],
    ['/forgiven', 30, 503],
  ])('a forced load of %s that fails, at the age of %d s, is %d', async (path, age, status) => {
    const { get, clock } = await sites.start(Asked, { platform });
    await get(path);
    clock.advance(age * 1000);
    expect((await get(path, { 'cache-control': 'no-cache' })).status).toBe(status);
  });

  it.each<[string, string]>([
    ['/failing', 'min-fresh=1'],
    ['/failing', 'max-age=60'],
    ['/strict', 'max-stale=60'],
  ])('what is stale at %s is not sent under %s', async (path, control) => {
    const { get, clock } = await sites.start(Asked, { platform });
    await get(path);
    clock.advance(15_000);
    const { headers } = await get(path, { 'cache-control': control });
    expect(headers['cache-status']).toContain('; fwd=stale');
  });

  it('no-store stores nothing', async () => {
    const { get } = await sites.start(Asked, { platform });
    await get('/honoured', { 'cache-control': 'no-store' });
    expect((await get('/honoured')).headers['x-cache']).toBe('MISS');
  });

  it('only-if-cached is 504 where it is not', async () => {
    const { get, controller } = await sites.start(Asked, { platform });
    const refused = await get('/honoured', { 'cache-control': 'only-if-cached' });
    expect([refused.status, refused.headers['cache-status']]).toEqual([
      504,
      'elasticache; detail="only-if-cached"',
    ]);
    expect(controller.calls).toBe(0);
  });

  it('nobody can force a public endpoint, unless it says so', async () => {
    const { get, controller } = await sites.start(Asked, { platform });
    await get('/ignored');
    for (const control of ['no-cache', 'max-age=0', 'no-store', 'only-if-cached']) {
      expect((await get('/ignored', { 'cache-control': control })).headers['x-cache']).toBe('HIT');
    }
    expect(controller.calls).toBe(1);
  });
});
