/** What strangers try in order to have others get their answers. */
import { connect } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import {
  Controller,
  Get,
  Headers,
  Param,
  Query,
  Req,
  type Type,
  UseInterceptors,
} from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { CacheInterceptor, CacheKey, CacheResponse } from 'nestjs-elasticache';
import { platforms, redisForAll, websites } from '../support/http.application.js';

interface AnyRequest {
  hostname: string;
  originalUrl: string;
}

/** Two controllers of one name, as applications have them for the public and for themselves. */
function articlesAt(path: string): Type {
  @UseInterceptors(CacheInterceptor)
  @Controller(path)
  class Articles {
    @Get()
    @CacheKey('all')
    list() {
      return { path };
    }
  }
  return Articles;
}

@UseInterceptors(CacheInterceptor)
@Controller()
class Reflecting {
  calls = 0;

  @Get('host')
  host(@Req() { hostname }: AnyRequest, @Headers('host') host: string) {
    return { call: ++this.calls, hostname, host };
  }

  @Get('header')
  @CacheResponse({ vary: ['X-Theme'] })
  header(@Headers('x-theme') theme?: string) {
    return { call: ++this.calls, theme };
  }

  @Get('query')
  query(@Query() query: Record<string, unknown>) {
    return { call: ++this.calls, query };
  }

  @Get('tracked')
  @CacheResponse({ query: { ignore: ['utm_source'] } })
  tracked(@Query('id') id: string) {
    return { call: ++this.calls, id };
  }

  @Get('path/*')
  path(@Req() { originalUrl }: AnyRequest) {
    return { call: ++this.calls, originalUrl };
  }

  @Get('keyed/:name')
  @CacheResponse({ key: (context) => context.switchToHttp().getRequest().params.name })
  keyed(@Param('name') name: string) {
    return { call: ++this.calls, name };
  }
}

describe.each(platforms)('on %s', (platform) => {
  const sites = websites();
  const start = () => sites.start(Reflecting, { platform });
  const bodyOf = async (answer: Promise<{ text: string }>) =>
    JSON.parse((await answer).text) as Record<string, unknown>;

  it('X-Forwarded-Host is nobody’s host where no proxy is trusted', async () => {
    const { get } = await start();
    const poisoned = await bodyOf(get('/host', { 'x-forwarded-host': 'evil.example' }));
    expect(poisoned['hostname']).toBe('127.0.0.1');
    expect(await bodyOf(get('/host'))).toEqual(poisoned);
  });

  it('every host has its own, and every port that it is asked under', async () => {
    const { get, controller } = await start();
    for (const host of ['a.example', 'b.example', 'a.example:81', 'a.example']) {
      expect((await bodyOf(get('/host', { host })))['host']).toBe(host);
    }
    expect(controller.calls).toBe(3);
  });

  it('a header that the route declares has variants, in bounded number', async () => {
    const { get, controller } = await start();
    for (let i = 0; i < 150; i++) {
      const theme = `theme-${i}`;
      expect((await bodyOf(get('/header', { 'x-theme': theme })))['theme']).toBe(theme);
    }
    for (let i = 149; i >= 0; i--) {
      const theme = `theme-${i}`;
      expect((await bodyOf(get('/header', { 'x-theme': theme })))['theme']).toBe(theme);
    }
    // No more than 64 of them could be kept: the others had to be made again.
    expect(controller.calls).toBeGreaterThanOrEqual(300 - 64);
  });

  it('says that it knew another variant', async () => {
    const { get } = await start();
    await get('/header', { 'x-theme': 'dark' });
    const other = await get('/header', { 'x-theme': 'light' });
    expect(other.headers['cache-status']).toMatch(/^elasticache; fwd=vary-miss/);
    expect(other.headers.vary?.toLowerCase()).toContain('x-theme');
  });

  it.each<[string, string, boolean]>([
    ['a=1&b=2', 'b=2&a=1', true],
    ['a=1&a=2', 'a=2&a=1', false],
    ['a', 'a=', false],
    ['a', '', false],
    ['a=1', 'a=1&a=1', false],
    ['a=1&b=2', 'a=1%26b=2', false],
    ['a[]=1&a=2', 'a=2&a[]=1', false],
  ])('?%s and ?%s are one: %p', async (one, other, isOne) => {
    const { get, controller } = await start();
    await get(`/query?${one}`);
    await get(`/query?${other}`);
    expect(controller.calls).toBe(isOne ? 1 : 2);
  });

  it('a parameter that is ignored is no part of the key', async () => {
    const { get } = await start();
    await get('/tracked?id=1&utm_source=mail');
    expect((await get('/tracked?utm_source=evil&id=1')).headers['x-cache']).toBe('HIT');
    expect((await get('/tracked?id=2')).headers['x-cache']).toBe('MISS');
  });

  it('a parameter that the parser no longer reads is not read into the key', async () => {
    const { get } = await start();
    await get(`/query?${'&'.repeat(1_000)}page=2`);
    const { query } = await bodyOf(get('/query?page=2'));
    expect(query).toEqual({ page: '2' });
  });

  it('a Host does not reach into the path', async () => {
    const { url } = await start();
    const port = Number(new URL(url).port);
    const get = (path: string, host: string) =>
      raw(port, [`GET ${path} HTTP/1.1`, `Host: ${host}`, 'Connection: close']);
    await get('/path/b', 'a.example/path');
    expect(await get('/path/path/b', 'a.example')).toContain('"originalUrl":"/path/path/b"');
  });

  it.each<[string, string]>([
    ['/path/a%2Fb', '/path/a/b'],
    ['/path/a%2fb', '/path/a%2Fb'],
    ['/path/a//b', '/path/a/b'],
    ['/path/a;x=1', '/path/a'],
    ['/path/A', '/path/a'],
    ['/path/a/', '/path/a'],
    ['/path/a%3Fb=1', '/path/a?b=1'],
    ['/path/a%00', '/path/a'],
  ])('%s is not %s', async (one, other) => {
    const { get } = await start();
    const [first, second] = [await get(one), await get(other)];
    expect(JSON.parse(first.text)).toMatchObject({ originalUrl: one });
    expect(JSON.parse(second.text)).toMatchObject({ originalUrl: other });
  });

  it('a key that somebody chose reaches no other', async () => {
    const { get } = await start();
    const names = ['a', 'a:b', "a'", '*', '{a}', 'a\r\nX-Evil: 1', '__proto__', 'x'.repeat(99)];
    for (const name of names) {
      const { text, headers } = await get(`/keyed/${encodeURIComponent(name)}`);
      expect(JSON.parse(text)).toMatchObject({ name });
      expect(headers['x-evil']).toBeUndefined();
      expect(headers['cache-status']).not.toContain('key');
    }
  });

  it('a key reaches no other controller of that name', async () => {
    const controllers = [articlesAt('articles'), articlesAt('admin/articles')];
    const { get } = await sites.start(Reflecting, { platform, controllers });
    expect((await get('/admin/articles')).text).toBe('{"path":"admin/articles"}');
    expect((await get('/articles')).text).toBe('{"path":"articles"}');
  });

  it('a giant URL passes', async () => {
    const { get } = await start();
    const giant = `/query?a=${'x'.repeat(8_000)}`;
    await get(giant);
    const again = await get(giant);
    expect([again.status, again.headers['x-cache']]).toEqual([200, 'BYPASS']);
  });

  it('a URL in absolute form passes', async () => {
    const { url, controller, get } = await start();
    await get('/query');
    const { port } = new URL(url);
    const text = await raw(Number(port), [
      `GET http://evil.example/query HTTP/1.1`,
      'Host: 127.0.0.1',
      'Connection: close',
    ]);
    expect(text).toMatch(/x-cache: BYPASS/i);
    expect(controller.calls).toBeLessThanOrEqual(2);
  });

  it('a field that is sent twice is another variant', async () => {
    const { get } = await start();
    await get('/header', { 'x-theme': 'dark' });
    const twice = await get('/header', { 'x-theme': ['dark', 'light'] });
    expect(twice.headers['x-cache']).toBe('MISS');
  });
});

describe('in Redis', () => {
  const sites = websites();
  const redis = redisForAll();

  it('a URL has no more entries than there are places for variants', async () => {
    const options = { namespace: 'variants', defaults: { timeouts: { store: '5s' } } } as const;
    const { get } = await sites.start(Reflecting, {
      platform: 'express',
      redis: redis.server,
      options,
    });
    for (let i = 0; i < 200; i++) await get('/header', { 'x-theme': `theme-${i}` });
    const entries = await redis.server.keys('variants:v1:*');
    expect(entries.length).toBeGreaterThan(10);
    expect(entries.length).toBeLessThanOrEqual(64);
  });
});

describe('behind a proxy that is trusted', () => {
  const sites = websites();

  it('the host is the one it forwards', async () => {
    const { get } = await sites.start(Reflecting, {
      platform: 'express',
      configure: (app) => (app as NestExpressApplication).set('trust proxy', true),
    });
    for (const host of ['a.example', 'b.example']) {
      const { text, headers } = await get('/host', { 'x-forwarded-host': host });
      expect(JSON.parse(text)).toMatchObject({ hostname: host });
      expect(headers['x-cache']).toBe('MISS');
    }
  });
});

/** What a server answers to lines that no client library would send. */
function raw(port: number, lines: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(`${lines.join('\r\n')}\r\n\r\n`));
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.on('end', () => resolve(text));
    socket.on('error', reject);
  });
}
