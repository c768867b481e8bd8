/** What is done to responses further out is done to hits, too, and never stored. */
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { Controller, Get, type INestApplication, UseInterceptors } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import compression from 'compression';
import { CacheInterceptor, CacheResponse } from 'nestjs-elasticache';
import { type Platform, platforms, websites } from '../support/http.application.js';

@UseInterceptors(CacheInterceptor)
@Controller()
class Pages {
  calls = 0;

  @Get('page')
  @CacheResponse({ weakEtags: true })
  page() {
    return { call: ++this.calls, text: 'x'.repeat(5_000) };
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

/** A session that everybody gets. */
function giveCookies(app: INestApplication, platform: Platform): void {
  if (platform === 'express') {
    app.use((_: unknown, response: AnyResponse, next: () => void) => {
      response.setHeader('Set-Cookie', 'session=1');
      next();
    });
    return;
  }
  (app as NestFastifyApplication)
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', async (_, reply) => {
      reply.header('Set-Cookie', 'session=1');
    });
}

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
});
