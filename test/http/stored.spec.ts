/** What of a response is stored, and what is never. */
import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Controller,
  Get,
  Header,
  Next,
  Query,
  Req,
  Res,
  Sse,
  StreamableFile,
  UseInterceptors,
  type INestApplication,
} from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { CacheInterceptor, CacheResponse } from 'nestjs-elasticache';
import { type Observable, of } from 'rxjs';
import { type Platform, platforms, websites } from '../support/http.application.js';

interface AnyResponse {
  setHeader?(name: string, value: string): void;
  header(name: string, value: string): unknown;
  status(code: number): unknown;
  send(body: unknown): unknown;
}

const setField = (response: AnyResponse, name: string, value: string) =>
  response.setHeader ? response.setHeader(name, value) : void response.header(name, value);

/** Another function in a method's place, with another name: what decorators of tracing do. */
const traced: MethodDecorator = (_, __, descriptor: PropertyDescriptor) => {
  const method = descriptor.value as (...args: unknown[]) => unknown;
  const span = function (this: unknown, ...args: unknown[]) {
    return method.apply(this, args);
  };
  descriptor.value = span;
};

@UseInterceptors(CacheInterceptor)
@Controller()
class Things {
  calls = 0;

  /** Answers with the fields that the query names. */
  @Get('fields')
  @CacheResponse({ ttl: '1m' })
  fields(
    @Query() query: Record<string, string>,
    @Res({ passthrough: true }) response: AnyResponse,
  ) {
    for (const [name, value] of Object.entries(query)) setField(response, name, value);
    return { call: ++this.calls };
  }

  @Get('decorated')
  @Header('Cache-Control', 'no-store')
  decorated() {
    return { call: ++this.calls };
  }

  @Get('by-handler')
  @CacheResponse({ ttl: 'handler' })
  byHandler(
    @Query('say') say: string | undefined,
    @Res({ passthrough: true }) response: AnyResponse,
  ) {
    if (say) setField(response, 'Cache-Control', say);
    return { call: ++this.calls };
  }

  @Get('partial')
  @CacheResponse({ statuses: [200] })
  partial(@Res({ passthrough: true }) response: AnyResponse) {
    response.status(206);
    return { call: ++this.calls };
  }

  @Get('own')
  own(@Res() response: AnyResponse) {
    response.send({ call: ++this.calls });
  }

  @Get('next')
  handed(@Res() response: AnyResponse, @Next() _next: unknown) {
    response.send({ call: ++this.calls });
  }

  @Get('traced')
  @traced
  traced(@Res() response: AnyResponse) {
    response.send({ call: ++this.calls });
  }

  @Get('file')
  file() {
    return new StreamableFile(Readable.from([`call ${++this.calls}`]));
  }

  @Get('buffered-file')
  bufferedFile() {
    return new StreamableFile(Buffer.from(`call ${++this.calls}`));
  }

  @Get('empty-file')
  emptyFile() {
    this.calls++;
    return new StreamableFile(Readable.from([]));
  }

  @Get('web')
  web() {
    return new Response(`call ${++this.calls}`, { headers: { 'x-web': 'yes' } });
  }

  @Get('iterable')
  async *iterable() {
    yield `call ${++this.calls}`;
  }

  @Sse('events')
  events(): Observable<{ data: string }> {
    return of({ data: `call ${++this.calls}` });
  }

  @Get('large')
  @CacheResponse({ maxBodyBytes: 100 })
  large(@Query('bytes') bytes: string) {
    this.calls++;
    return 'x'.repeat(Number(bytes));
  }

  @Get('reflecting')
  reflecting(@Req() request: { headers: Record<string, string> }) {
    return { call: ++this.calls, from: request.headers['x-forwarded-host'] ?? null };
  }
}

describe.each(platforms)('on %s', (platform) => {
  const sites = websites();
  const start = (configure?: (app: INestApplication) => unknown) =>
    sites.start(Things, { platform, ...(configure && { configure }) });

  /** How often the handler runs for two requests. */
  async function runs(path: string, headers: Record<string, string> = {}, sent: object = {}) {
    const { send, controller } = await start();
    const first = await send(path, { headers, ...sent });
    const second = await send(path, { headers, ...sent });
    expect(second.status).toBe(first.status);
    return { runs: controller.calls, first, second };
  }

  it.each([
    'set-cookie=a%3D1',
    'cache-control=no-store',
    'cache-control=No-Cache',
    'cache-control=private',
    'cache-control=private%3D%22x%22,max-age%3D60',
    'cache-control=max-age%3D0',
    'cache-control=max-age%3Dsoon',
    'cache-control=max-age%3D5,max-age%3D6',
    'expires=0',
    'vary=*',
    'content-range=bytes%200-1/2',
    'age=60&cache-control=max-age%3D60',
  ])('a response with %s is not stored', async (query) => {
    const { runs: times, second } = await runs(`/fields?${query}`);
    expect(times).toBe(2);
    expect(second.headers['x-cache']).toBe('MISS');
    expect(second.headers['cache-status']).toBe('elasticache; fwd=uri-miss; fwd-status=200');
    // Nothing is announced of what is not cached.
    const [name, value] = query.split(/=(.*)/s);
    const own = name === 'cache-control' ? decodeURIComponent(value!) : undefined;
    if (!query.includes('&')) expect(second.headers['cache-control']).toBe(own);
  });

  it.each([
    'cache-control=max-age%3D5',
    'cache-control=public',
    'cache-control=MAX-AGE%3D%225%22',
    'x-any=1',
    'vary=accept-language',
  ])('a response with %s is', async (query) => {
    expect((await runs(`/fields?${query}`)).runs).toBe(1);
  });

  it('what @Header says counts as said by the handler', async () => {
    expect((await runs('/decorated')).runs).toBe(2);
  });

  it("under ttl: 'handler' nothing is stored without a lifetime of its own", async () => {
    expect((await runs('/by-handler')).runs).toBe(2);
    expect((await runs('/by-handler?say=public')).runs).toBe(2);
    const { runs: times, second } = await runs('/by-handler?say=max-age%3D10');
    expect(times).toBe(1);
    expect(second.headers['cache-control']).toBe('max-age=10');
  });

  it('partial content is not', async () => {
    expect((await runs('/partial')).runs).toBe(2);
  });

  it.each(['/own', '/next', '/events', '/traced'])(
    '%s answers for itself, and is untouched',
    async (path) => {
      const { runs: times, second } = await runs(path);
      expect(times).toBe(2);
      expect(second.text).toContain('call');
      expect(second.headers['x-cache']).toBeUndefined();
      expect(second.headers['cache-status']).toBeUndefined();
    },
  );

  it.each(['/file', '/buffered-file', '/web', '/iterable'])(
    'the stream of %s passes',
    async (path) => {
      const { runs: times, second } = await runs(path);
      expect([times, second.status, second.text]).toEqual([2, 200, 'call 2']);
      expect(second.headers['cache-control']).toBeUndefined();
      expect(second.headers.etag).toBeUndefined();
    },
  );

  it('a stream of nothing is none the less one', async () => {
    expect((await runs('/empty-file')).runs).toBe(2);
  });

  it('a large body passes', async () => {
    expect((await runs('/large?bytes=100')).runs).toBe(1);
    const { runs: times, second } = await runs('/large?bytes=101');
    expect([times, second.text.length]).toEqual([2, 101]);
  });

  it('a request with content passes', async () => {
    const { send, controller } = await start();
    await send('/fields');
    const json = {
      headers: { 'content-type': 'application/json', 'content-length': '2' },
      body: '{}',
    };
    const fat = await send('/fields', json);
    expect(fat.headers['x-cache']).toBe('BYPASS');
    expect(controller.calls).toBe(2);
    expect((await send('/fields')).headers['x-cache']).toBe('HIT');
  });

  it('a relayed Age counts as spent, a relayed Date and Cache-Status are kept', async () => {
    const { get, clock } = await start();
    const date = 'Thu, 01 Jan 2026 00:00:00 GMT';
    const query = new URLSearchParams({
      'cache-control': 'max-age=60',
      age: '20',
      date,
      'cache-status': 'origin; hit; ttl=9',
    });
    const miss = await get(`/fields?${query.toString()}`);
    expect(miss.headers).toMatchObject({ age: '20', date });
    expect(miss.headers['cache-status']).toMatch(/^origin; hit; ttl=9, elasticache; fwd=uri-miss/);
    clock.advance('10s');
    expect((await get(`/fields?${query.toString()}`)).headers).toMatchObject({
      age: '30',
      date,
      'cache-status': 'origin; hit; ttl=9, elasticache; hit; ttl=30',
    });
    clock.advance('30s');
    expect((await get(`/fields?${query.toString()}`)).headers['x-cache']).toBe('MISS');
  });

  describe("fields that are each request's own", () => {
    let count = 0;
    afterEach(() => {
      count = 0;
    });

    const counting = (app: INestApplication) => {
      if (platform === 'express') {
        app.use((_: unknown, response: AnyResponse, next: () => void) => {
          response.setHeader!('X-Request-Id', `${++count}`);
          response.setHeader!('Vary', 'Origin');
          next();
        });
      } else {
        (app as NestFastifyApplication)
          .getHttpAdapter()
          .getInstance()
          .addHook('onRequest', async (_, reply) => {
            reply.header('X-Request-Id', `${++count}`).header('Vary', 'Origin');
          });
      }
    };

    it('are on hits as middleware sets them', async () => {
      const { get } = await start(counting);
      await get('/fields?x-own=1&vary=accept');
      const hit = await get('/fields?x-own=1&vary=accept');
      expect(hit.headers).toMatchObject({ 'x-cache': 'HIT', 'x-own': '1', 'x-request-id': '2' });
    });

    it('leave a Vary that is theirs and the route’s together', async () => {
      const { get } = await start(counting);
      const path = '/reflecting';
      await get(path);
      expect((await get(path)).headers.vary).toBe('Origin');
    });
  });

  describe('a cookie that comes late', () => {
    it('keeps the response from being stored', async () => {
      const { get, controller } = await start((app) => addLateCookie(app, platform));
      const first = await get('/fields');
      const second = await get('/fields');
      expect(controller.calls).toBe(2);
      expect(first.headers['set-cookie']).toEqual(['session=1']);
      expect(second.headers['cache-status']).not.toContain('stored');
    });

    it('of a hit is the request’s own', async () => {
      let isWanted = false;
      const { get } = await start((app) => addLateCookie(app, platform, () => isWanted));
      await get('/fields');
      expect((await get('/fields')).headers['set-cookie']).toBeUndefined();
      isWanted = true;
      const hit = await get('/fields');
      expect(hit.headers['x-cache']).toBe('HIT');
      expect(hit.headers['set-cookie']).toEqual(['session=1']);
      expect(hit.text).toBe('{"call":1}');
    });
  });
});

/** As session middleware does it: when the head is written. */
function addLateCookie(app: INestApplication, platform: Platform, isWanted = () => true): void {
  if (platform === 'fastify') {
    (app as NestFastifyApplication)
      .getHttpAdapter()
      .getInstance()
      .addHook('onSend', async (_, reply) => {
        if (isWanted()) reply.header('set-cookie', 'session=1');
      });
    return;
  }
  app.use((_: unknown, response: AnyResponse & { writeHead: unknown }, next: () => void) => {
    const writeHead = response.writeHead as (...args: unknown[]) => unknown;
    let isFirst = true;
    // The shape of the package on-headers, which sessions and compression build on.
    response.writeHead = function (this: AnyResponse, status: number, fields?: string[]) {
      for (let i = 0; i < (fields?.length ?? 0); i += 2)
        this.setHeader!(fields![i]!, fields![i + 1]!);
      if (isFirst && isWanted()) response.setHeader!('set-cookie', 'session=1');
      isFirst = false;
      return writeHead.call(this, status);
    };
    next();
  });
}
