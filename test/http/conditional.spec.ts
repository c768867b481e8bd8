/** RFC 9110 §13 and §14: conditional requests, HEAD and ranges, answered from entries. */
import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Header, HttpCode, UseGuards, UseInterceptors } from '@nestjs/common';
import { CacheInterceptor, CacheResponse } from 'nestjs-elasticache';
import { platforms, websites } from '../support/http.application.js';

class Closed {
  static isClosed = false;
  canActivate() {
    return !Closed.isClosed;
  }
}

@UseInterceptors(CacheInterceptor)
@Controller()
class Pages {
  calls = 0;

  @Get('page')
  @Header('Content-Location', '/page.json')
  @Header('X-Page', 'yes')
  page() {
    this.calls++;
    return { page: 'one' };
  }

  @Get('tagged')
  @Header('ETag', 'W/"of-the-handler"')
  @Header('Last-Modified', 'Wed, 31 Dec 2025 12:00:00 GMT')
  tagged() {
    this.calls++;
    return { page: 'two' };
  }

  @Get('weak')
  @CacheResponse({ weakEtags: true })
  weak() {
    return { page: 'three' };
  }

  @Get('text')
  @Header('Content-Type', 'text/plain')
  text() {
    this.calls++;
    return '0123456789';
  }

  @Get('other')
  @HttpCode(203)
  other() {
    return { page: 'four' };
  }

  @Get('closed')
  @UseGuards(Closed)
  closed() {
    return { page: 'five' };
  }
}

describe.each(platforms)('on %s', (platform) => {
  const sites = websites();
  const start = () => sites.start(Pages, { platform });

  it('who has the response already gets 304 and what RFC 9110 §15.4.5 asks for', async () => {
    const { get, controller } = await start();
    const { headers, text } = await get('/page');
    const again = await get('/page', { 'if-none-match': headers.etag! });
    expect([again.status, again.text]).toEqual([304, '']);
    expect(again.headers).toMatchObject({
      etag: headers.etag,
      date: headers.date,
      'cache-control': 'max-age=300',
      'content-location': '/page.json',
      'cache-status': 'elasticache; hit; ttl=300',
      'x-cache': 'HIT',
    });
    for (const name of ['content-type', 'content-length']) {
      expect(again.headers[name]).toBeUndefined();
    }
    expect((await get('/page')).text).toBe(text);
    expect(controller.calls).toBe(1);
  });

  it('also on the request that brings the response in', async () => {
    const { get, app } = await start();
    const { headers } = await get('/page');
    await sites.start(Pages, { platform }); // one more, for the same bytes
    const fresh = await sites.start(Pages, { platform });
    expect(app).not.toBe(fresh.app);
    const first = await fresh.get('/page', { 'if-none-match': headers.etag! });
    expect(first.status).toBe(304);
    expect(first.headers['cache-status']).toBe('elasticache; fwd=uri-miss; fwd-status=200; stored');
    expect((await fresh.get('/page')).text).toBe('{"page":"one"}');
  });

  it.each<[string, number]>([
    ['*', 304],
    ['"other"', 200],
    ['"a", "b"', 200],
    ['W/"other", $', 304],
    ['W/$', 304],
    [' $ ', 304],
  ])('If-None-Match: %s (by weak comparison) brings %d', async (condition, status) => {
    const { get } = await start();
    const { headers } = await get('/page');
    const ifNoneMatch = condition.replace('$', headers.etag!);
    expect((await get('/page', { 'if-none-match': ifNoneMatch })).status).toBe(status);
  });

  it("the handler's own ETag stands, weak as it is", async () => {
    const { get } = await start();
    expect((await get('/tagged')).headers.etag).toBe('W/"of-the-handler"');
    const hit = await get('/tagged');
    expect(hit.headers.etag).toBe('W/"of-the-handler"');
    expect((await get('/tagged', { 'if-none-match': '"of-the-handler"' })).status).toBe(304);
  });

  it('an ETag of ours is strong unless that is not wanted', async () => {
    const { get } = await start();
    expect((await get('/page')).headers.etag).toMatch(/^"/);
    expect((await get('/weak')).headers.etag).toMatch(/^W\/"/);
  });

  it.each<[string, string, number]>([
    ['/tagged', 'Wed, 31 Dec 2025 12:00:00 GMT', 304],
    ['/tagged', 'Wed, 31 Dec 2025 11:59:59 GMT', 200],
    // Without Last-Modified the entry's Date serves: it was made at the start of 2026.
    ['/page', 'Thu, 01 Jan 2026 00:00:00 GMT', 304],
    ['/page', 'Wed, 31 Dec 2025 23:59:59 GMT', 200],
    ['/page', 'whenever', 200],
    ['/page', '2027-01-01', 200],
  ])('%s, If-Modified-Since: %s: %d', async (path, since, status) => {
    const { get } = await start();
    await get(path);
    expect((await get(path, { 'if-modified-since': since })).status).toBe(status);
  });

  it('If-None-Match counts before If-Modified-Since', async () => {
    const { get } = await start();
    await get('/tagged');
    const since = { 'if-modified-since': 'Thu, 01 Jan 2026 00:00:00 GMT' };
    expect((await get('/tagged', { ...since, 'if-none-match': '"no"' })).status).toBe(200);
  });

  it('of other statuses than 200 nothing is conditional', async () => {
    const { get } = await start();
    await get('/other');
    expect((await get('/other', { 'if-none-match': '*' })).status).toBe(203);
  });

  it('a guard comes first', async () => {
    const { get } = await start();
    await get('/closed');
    Closed.isClosed = true;
    const refused = await get('/closed', { 'if-none-match': '*' });
    Closed.isClosed = false;
    expect(refused.status).toBe(403);
  });

  it('HEAD is answered from what GET has stored', async () => {
    const { get, send, controller } = await start();
    const { headers } = await get('/page');
    const head = await send('/page', { method: 'HEAD' });
    expect([head.status, head.text]).toEqual([200, '']);
    expect(head.headers).toMatchObject({
      'content-length': headers['content-length'],
      'content-type': headers['content-type'],
      etag: headers.etag,
      'x-page': 'yes',
      'x-cache': 'HIT',
    });
    const conditional = { method: 'HEAD', headers: { 'if-none-match': headers.etag! } };
    expect((await send('/page', conditional)).status).toBe(304);
    expect(controller.calls).toBe(1);
  });

  it('HEAD that misses runs the handler and stores nothing', async () => {
    const { get, send, controller } = await start();
    const head = await send('/page', { method: 'HEAD' });
    expect([head.status, head.headers['x-cache']]).toEqual([200, 'MISS']);
    expect(head.headers['cache-status']).toBe('elasticache; fwd=uri-miss');
    await send('/page', { method: 'HEAD' });
    expect((await get('/page')).headers['x-cache']).toBe('MISS');
    expect(controller.calls).toBe(3);
  });

  it.each<[string, number, string, string | undefined]>([
    ['bytes=0-3', 206, '0123', 'bytes 0-3/10'],
    ['bytes=8-', 206, '89', 'bytes 8-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=-30', 206, '0123456789', 'bytes 0-9/10'],
    ['bytes=5-99', 206, '56789', 'bytes 5-9/10'],
    ['bytes=10-', 200, '0123456789', undefined],
    ['bytes=3-1', 200, '0123456789', undefined],
    ['bytes=0-1,3-4', 200, '0123456789', undefined],
    ['lines=0-1', 200, '0123456789', undefined],
    ['bytes=-', 200, '0123456789', undefined],
    ['bytes=-0', 200, '0123456789', undefined],
  ])('a hit under Range: %s is %d, %s', async (range, status, text, contentRange) => {
    const { get, controller } = await start();
    await get('/text');
    const part = await get('/text', { range });
    expect([part.status, part.text, part.headers['content-range']]).toEqual([
      status,
      text,
      contentRange,
    ]);
    expect(part.headers['content-length']).toBe(`${text.length}`);
    expect((await get('/text')).text).toBe('0123456789');
    expect(controller.calls).toBe(1);
  });

  it('If-Range has the whole sent where it is not what the client has', async () => {
    const { get } = await start();
    const { headers } = await get('/text');
    const statusOf = async (ifRange: string) =>
      (await get('/text', { range: 'bytes=0-1', 'if-range': ifRange })).status;
    expect(await statusOf(headers.etag!)).toBe(206);
    expect(await statusOf('"other"')).toBe(200);
    expect(await statusOf(`W/${headers.etag!}`)).toBe(200);
    expect(await statusOf('Thu, 01 Jan 2026 00:00:00 GMT')).toBe(200);
  });

  it('a Range does not keep the whole from being stored', async () => {
    const { get } = await start();
    const miss = await get('/text', { range: 'bytes=0-1' });
    expect(miss.headers['x-cache']).toBe('MISS');
    expect((await get('/text')).text).toBe('0123456789');
    expect((await get('/text')).headers['x-cache']).toBe('HIT');
  });
});
