/** RFC 5861: what is stale, sent while it is renewed, and where the handler fails. */
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type ArgumentsHost,
  Catch,
  Controller,
  type ExceptionFilter,
  Get,
  HttpException,
  Res,
  StreamableFile,
  UseFilters,
  UseInterceptors,
} from '@nestjs/common';
import { CacheInterceptor, CacheResponse } from 'nestjs-elasticache';
import { type Observable, from } from 'rxjs';
import { gate } from '../support/gate.js';
import { platforms, websites } from '../support/http.application.js';
import { until } from '../support/waiting.js';

interface AnyResponse {
  setHeader?(name: string, value: string): void;
  header(name: string, value: string): unknown;
  status(code: number): unknown;
}

@Catch()
class Teapot implements ExceptionFilter {
  catch(_: unknown, host: ArgumentsHost) {
    const response = host.switchToHttp().getResponse<AnyResponse & { send(body: string): void }>();
    response.status(418);
    response.send('teapot');
  }
}

const windows = { ttl: '10s', staleWhileRevalidate: '30s', staleIfError: '60s' } as const;

@UseInterceptors(CacheInterceptor)
@Controller()
class News {
  calls = 0;
  door = gate();
  failure: Error | undefined;
  control: string | undefined;
  status: number | undefined;
  isStream = false;

  private async next(): Promise<unknown> {
    const call = ++this.calls;
    if (call > 1) await this.door.opened;
    if (this.failure !== undefined) throw this.failure;
    return this.isStream ? new StreamableFile(Buffer.from('stream')) : { call };
  }

  @Get('renewed')
  @CacheResponse({ ttl: '10s', staleWhileRevalidate: '30s' })
  async renewed(@Res({ passthrough: true }) response: AnyResponse) {
    const body = await this.next();
    this.say(response);
    return body;
  }

  @Get('watched')
  @CacheResponse({ ttl: '10s', staleWhileRevalidate: '30s' })
  watched(): Observable<unknown> {
    return from(this.next());
  }

  @Get('kept')
  @CacheResponse({ ttl: '10s', staleIfError: '60s' })
  async kept(@Res({ passthrough: true }) response: AnyResponse) {
    this.say(response);
    return this.next();
  }

  @Get('filtered')
  @CacheResponse({ ttl: '10s', staleIfError: '60s' })
  @UseFilters(Teapot)
  filtered() {
    return this.next();
  }

  @Get('both')
  @CacheResponse(windows)
  async both(@Res({ passthrough: true }) response: AnyResponse) {
    this.say(response);
    return this.next();
  }

  @Get('plain')
  @CacheResponse({ ttl: '10s' })
  async plain(@Res({ passthrough: true }) response: AnyResponse) {
    this.say(response);
    return this.next();
  }

  private say(response: AnyResponse): void {
    if (this.status !== undefined) response.status(this.status);
    if (this.control === undefined) return;
    if (response.setHeader) response.setHeader('Cache-Control', this.control);
    else response.header('Cache-Control', this.control);
  }
}

describe.each(platforms)('on %s', (platform) => {
  const sites = websites();
  let door = gate();
  afterEach(() => door.open());

  async function start() {
    const site = await sites.start(News, { platform });
    door = site.controller.door;
    return site;
  }

  it.each(['/renewed', '/watched'])('%s is sent stale, and renewed behind that', async (path) => {
    const { get, clock, controller } = await start();
    const first = await get(path);
    clock.advance('13s');
    const stale = await get(path);
    expect(stale.text).toBe('{"call":1}');
    expect(stale.headers).toMatchObject({
      'x-cache': 'STALE',
      'cache-status': 'elasticache; hit; ttl=-3',
      age: '13',
      etag: first.headers.etag,
      'content-type': first.headers['content-type'],
    });
    await until('the handler runs again', () => controller.calls === 2);
    expect((await get(path)).headers['x-cache']).toBe('STALE');
    expect(controller.calls).toBe(2);
    controller.door.open();
    const renewed = await until('the new response', async () => {
      const answer = await get(path);
      return answer.headers['x-cache'] === 'HIT' && answer;
    });
    expect(renewed.text).toBe('{"call":2}');
    expect(renewed.headers).toMatchObject({
      age: '0',
      'cache-control': 'max-age=10',
      'content-type': first.headers['content-type'],
    });
  });

  it('a renewal that is no answer to keep leaves the old one for its time', async () => {
    const { get, clock, controller } = await start();
    await get('/renewed');
    controller.door.open();
    clock.advance('13s');
    for (const failure of [new HttpException('no', 404), new Error('broken')]) {
      controller.failure = failure;
      const { calls } = controller;
      expect((await get('/renewed')).headers['x-cache']).toBe('STALE');
      await until('the handler has failed', () => controller.calls > calls);
    }
    controller.failure = undefined;
    controller.isStream = true;
    expect((await get('/renewed')).text).toBe('{"call":1}');
    clock.advance('27s');
    expect((await get('/renewed')).text).toBe('stream');
  });

  it('no longer than it is allowed to', async () => {
    const { get, clock, controller } = await start();
    await get('/renewed');
    controller.door.open();
    clock.advance('40s');
    const { text, headers } = await get('/renewed');
    expect(text).toBe('{"call":2}');
    expect(headers['cache-status']).toBe('elasticache; fwd=uri-miss; fwd-status=200; stored');
  });

  it.each<[string, unknown, number | undefined]>([
    ['a thrown 500', new HttpException('no', 500), undefined],
    ['a thrown 503', new HttpException('no', 503), undefined],
    ['an error', new Error('broken'), undefined],
    ['a returned 502', undefined, 502],
    ['a returned 504', undefined, 504],
  ])('in place of %s the old response is sent', async (_, failure, status) => {
    const { get, clock, controller } = await start();
    const first = await get('/kept');
    controller.door.open();
    Object.assign(controller, { failure, status });
    clock.advance('13s');
    const instead = await get('/kept');
    expect([instead.status, instead.text]).toEqual([200, '{"call":1}']);
    expect(instead.headers).toMatchObject({
      'x-cache': 'STALE',
      age: '13',
      etag: first.headers.etag,
      'cache-status': `elasticache; fwd=stale; fwd-status=${status ?? statusOf(failure)}; ttl=-3`,
    });
    clock.advance('57s');
    expect((await get('/kept')).status).toBe(status ?? statusOf(failure));
  });

  it('in place of an error that a filter makes something else of, too', async () => {
    const { get, clock, controller } = await start();
    await get('/filtered');
    controller.door.open();
    controller.failure = new Error('broken');
    clock.advance('13s');
    expect((await get('/filtered')).text).toBe('{"call":1}');
    clock.advance('57s');
    expect((await get('/filtered')).status).toBe(418);
  });

  it.each([400, 404, 501])('%d is an answer', async (code) => {
    const { get, clock, controller } = await start();
    await get('/kept');
    controller.door.open();
    controller.failure = new HttpException('no', code);
    clock.advance('13s');
    expect((await get('/kept')).status).toBe(code);
  });

  it.each<[string, string]>([
    ['max-age=10, stale-while-revalidate=30', 'STALE'],
    ['max-age=10, must-revalidate, stale-while-revalidate=30', 'STALE'],
    ['max-age=10', 'MISS'],
  ])('the handler may ask for it: %s', async (control, verdict) => {
    const { get, clock, controller } = await start();
    controller.door.open();
    controller.control = control;
    await get('/plain');
    clock.advance('13s');
    expect((await get('/plain')).headers['x-cache']).toBe(verdict);
  });

  it.each(['must-revalidate', 'proxy-revalidate', 's-maxage=10'])(
    'and forbid it: %s',
    async (directive) => {
      const { get, clock, controller } = await start();
      controller.door.open();
      controller.control = `max-age=10, ${directive}`;
      await get('/both');
      controller.failure = new HttpException('no', 503);
      clock.advance('13s');
      expect((await get('/both')).status).toBe(503);
    },
  );

  it('an eviction ends what is stale, too', async () => {
    const { get, clock, controller, manager } = await start();
    await get('/both');
    controller.door.open();
    clock.advance('13s');
    await manager.getCache('http').clear();
    expect((await get('/both')).headers['x-cache']).toBe('MISS');
  });

  it('HEAD is answered stale, and renews nothing', async () => {
    const { get, send, clock, controller } = await start();
    await get('/renewed');
    controller.door.open();
    clock.advance('13s');
    const head = await send('/renewed', { method: 'HEAD' });
    expect([head.status, head.headers['x-cache']]).toEqual([200, 'STALE']);
    expect(controller.calls).toBe(1);
    expect((await get('/renewed')).text).toBe('{"call":1}');
    await until('the renewal', () => controller.calls === 2);
  });

  it('304 may be stale', async () => {
    const { get, clock, controller } = await start();
    const { headers } = await get('/renewed');
    controller.door.open();
    clock.advance('13s');
    const stale = await get('/renewed', { 'if-none-match': headers.etag! });
    expect([stale.status, stale.headers['x-cache']]).toEqual([304, 'STALE']);
  });
});

function statusOf(failure: unknown): number {
  return failure instanceof HttpException ? failure.getStatus() : 500;
}
