/** What is done to responses further out is done to hits, too, and never stored. */
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import {
  Controller,
  Get,
  Header,
  Headers,
  type INestApplication,
  UseInterceptors,
} from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import compression from 'compression';
import { CacheInterceptor, CacheResponse } from 'nestjs-elasticache';
import { type Platform, platforms, websites } from '../support/http.application.js';
import { until } from '../support/waiting.js';

@UseInterceptors(CacheInterceptor)
@Controller()
class Pages {
  calls = 0;

  @Get('page')
  @CacheResponse({ ttl: '10s', staleWhileRevalidate: '30s', weakEtags: true })
  page() {
    return { call: ++this.calls, text: 'x'.repeat(5_000) };
  }
}

@UseInterceptors(CacheInterceptor)
@Controller()
class Languages {
  calls = 0;

  @Get('told')
  told(@Headers('accept-language') language: string) {
    return { call: ++this.calls, language };
  }

  @Get('decorated')
  @Header('Vary', 'Accept-Language')
  decorated(@Headers('accept-language') language: string) {
    return { call: ++this.calls, language };
  }
}

interface AnyResponse {
  setHeader(name: string, value: string): void;
}

/** Compresses for those who take it. */
function compress(app: INestApplication, platform: Platform): void {
  if (platform === 'express') {
    app.use(compression());
    return;
  }
  (app as NestFastifyApplication)
    .getHttpAdapter()
    .getInstance()
    .addHook('onSend', async (request, reply, payload) => {
      if (request.headers['accept-encoding'] !== 'gzip' || typeof payload === 'undefined') {
        return payload;
      }
      reply.header('content-encoding', 'gzip').removeHeader('content-length');
      return gzipSync(payload as string | Buffer);
    });
}

/** A field that every response has before its route's turn comes. */
function giveAll(name: string, value: string) {
  return (app: INestApplication, platform: Platform): void => {
    if (platform === 'express') {
      app.use((_: unknown, response: AnyResponse, next: () => void) => {
        response.setHeader(name, value);
        next();
      });
      return;
    }
    (app as NestFastifyApplication)
      .getHttpAdapter()
      .getInstance()
      .addHook('onRequest', async (_, reply) => {
        reply.header(name, value);
      });
  };
}

const giveCookies = giveAll('Set-Cookie', 'session=1');

describe.each(platforms)('on %s', (platform) => {
  const sites = websites();

  it('each client has the encoding that it takes', async () => {
    const { get, controller } = await sites.start(Pages, {
      platform,
      configure: (app) => compress(app, platform),
    });
    const plain = await get('/page');
    for (const verdict of ['HIT', 'HIT']) {
      const zipped = await get('/page', { 'accept-encoding': 'gzip' });
      expect(zipped.headers).toMatchObject({ 'content-encoding': 'gzip', 'x-cache': verdict });
      expect(gunzipSync(zipped.body).equals(plain.body)).toBe(true);
      const again = await get('/page');
      expect(again.headers['content-encoding']).toBeUndefined();
      expect(again.body.equals(plain.body)).toBe(true);
    }
    expect(controller.calls).toBe(1);
  });

  it('also where the first takes another', async () => {
    const { get, controller } = await sites.start(Pages, {
      platform,
      configure: (app) => compress(app, platform),
    });
    const zipped = await get('/page', { 'accept-encoding': 'gzip' });
    expect(JSON.parse(gunzipSync(zipped.body).toString())).toMatchObject({ call: 1 });
    const plain = await get('/page');
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(JSON.parse(plain.text)).toMatchObject({ call: 1 });
    expect(plain.headers.etag).toMatch(/^W\//);
    const headers = { 'accept-encoding': 'gzip', 'if-none-match': plain.headers.etag! };
    expect((await get('/page', headers)).status).toBe(304);
    expect(controller.calls).toBe(1);
  });

  it.each([
    ['13s', 'STALE'],
    ['9s', 'HIT'],
  ])('what is renewed after %s is compressed first: %s', async (age, verdict) => {
    const { get, clock, controller } = await sites.start(Pages, {
      platform,
      configure: (app) => compress(app, platform),
      options: { caches: { http: { refreshAhead: 0.8 } } },
    });
    const headers = { 'accept-encoding': 'gzip' };
    await get('/page', headers);
    clock.advance(age);
    const old = await get('/page', headers);
    expect(old.headers).toMatchObject({ 'content-encoding': 'gzip', 'x-cache': verdict });
    expect(JSON.parse(gunzipSync(old.body).toString())).toMatchObject({ call: 1 });
    await until('a new one is there', async () => {
      const { headers: fields, text } = await get('/page');
      return fields.age === '0' && JSON.parse(text).call === 2;
    });
    expect(controller.calls).toBe(2);
  });

  it('a range, which is one of other bytes once they are compressed, is not sent', async () => {
    const { get, controller } = await sites.start(Pages, {
      platform,
      configure: (app) => compress(app, platform),
    });
    const range = 'bytes=0-2999';
    for (const verdict of ['MISS', 'HIT']) {
      const answer = await get('/page', { 'accept-encoding': 'gzip', range });
      expect([answer.status, answer.headers['x-cache']]).toEqual([200, verdict]);
      expect(answer.headers).toMatchObject({ 'content-encoding': 'gzip' });
      expect(answer.headers['content-range']).toBeUndefined();
      expect(JSON.parse(gunzipSync(answer.body).toString())).toMatchObject({ call: 1 });
    }
    expect(controller.calls).toBe(1);
  });

  it('where everybody is given a cookie nothing is stored', async () => {
    const { get, controller } = await sites.start(Pages, {
      platform,
      configure: (app) => giveCookies(app, platform),
    });
    await get('/page');
    const again = await get('/page');
    expect(again.headers['set-cookie']).toEqual(['session=1']);
    expect(controller.calls).toBe(2);
  });

  it.each<[string, string]>([
    ['/told', 'Accept-Language'],
    ['/decorated', 'Origin'],
  ])('what %s is said to vary on before its turn tells its answers apart', async (path, vary) => {
    const { get, controller } = await sites.start(Languages, {
      platform,
      configure: (app) => giveAll('Vary', vary)(app, platform),
    });
    for (const [language, verdict] of [
      ['de', 'MISS'],
      ['fr', 'MISS'],
      ['de', 'HIT'],
      ['fr', 'HIT'],
    ]) {
      const { text, headers } = await get(path, { 'accept-language': language! });
      expect(JSON.parse(text)).toMatchObject({ language });
      expect(headers['x-cache']).toBe(verdict);
      expect(headers.vary).toMatch(/accept-language/i);
    }
    expect(controller.calls).toBe(2);
  });

  it('what CORS varies on is each request’s own', async () => {
    const { get, controller } = await sites.start(Languages, {
      platform,
      configure: (app) => app.enableCors({ origin: ['https://a.example', 'https://b.example'] }),
    });
    for (const origin of ['https://a.example', 'https://b.example']) {
      const { headers } = await get('/told', { origin });
      expect(headers).toMatchObject({ 'access-control-allow-origin': origin, vary: 'Origin' });
    }
    expect(controller.calls).toBe(1);
  });
});
