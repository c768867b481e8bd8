/** A crowd runs the handler once, and nobody gets what does not fit him. */
import { request } from 'node:http';
import { connect } from 'node:net';
import { deserialize, serialize } from 'node:v8';
import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Headers, HttpException, Res, UseInterceptors } from '@nestjs/common';
import { CacheInterceptor, CacheResponse } from 'nestjs-elasticache';
import { times } from '../support/cache.application.js';
import { gate } from '../support/gate.js';
import { type Answer, platforms, redisForAll, websites } from '../support/http.application.js';
import { until } from '../support/waiting.js';

interface AnyResponse {
  setHeader?(name: string, value: string): void;
  header(name: string, value: string): unknown;
}

@UseInterceptors(CacheInterceptor)
@Controller()
class Crowded {
  calls = 0;
  door = gate();
  failures: Error[] = [];

  private async next(): Promise<number> {
    const call = ++this.calls;
    await this.door.opened;
    const failure = this.failures.shift();
    if (failure) throw failure;
    return call;
  }

  @Get('shared')
  async shared() {
    return { call: await this.next() };
  }

  @Get('refused')
  async refused(@Res({ passthrough: true }) response: AnyResponse) {
    const call = await this.next();
    if (response.setHeader) response.setHeader('Set-Cookie', `call=${call}`);
    else response.header('Set-Cookie', `call=${call}`);
    return { call };
  }

  @Get('varied')
  @CacheResponse({ vary: ['accept-language'] })
  async varied(@Headers('accept-language') language: string) {
    return { language, call: await this.next() };
  }

  @Get('found-to-vary')
  async foundToVary(
    @Headers('accept-language') language: string,
    @Res({ passthrough: true }) response: AnyResponse,
  ) {
    if (response.setHeader) response.setHeader('Vary', 'Accept-Language');
    else response.header('Vary', 'Accept-Language');
    return { language, call: await this.next() };
  }
}

const verdicts = (answers: readonly Answer[]) => answers.map(({ headers }) => headers['x-cache']);

describe.each(platforms)('a crowd on %s', (platform) => {
  const sites = websites();
  const start = () => sites.start(Crowded, { platform });

  it('of 200 runs the handler once', async () => {
    const site = await start();
    const { get, controller } = site;
    const asking = times(200, () => get('/shared'));
    await until('all have come', () => site.requests === 200);
    controller.door.open();
    const answers = await Promise.all(asking);
    expect(controller.calls).toBe(1);
    expect(new Set(answers.map(({ text }) => text))).toEqual(new Set(['{"call":1}']));
    const status = (answer: Answer) => String(answer.headers['cache-status']);
    expect(answers.filter((answer) => status(answer).includes('stored'))).toHaveLength(1);
    const collapsed = answers.filter((answer) => status(answer).includes('collapsed'));
    expect(collapsed).toHaveLength(199);
    for (const answer of collapsed) expect(status(answer)).not.toContain('hit');
  });

  it('of whom each gets his own where nothing may be stored', async () => {
    const { get, controller } = await start();
    const asking = times(10, () => get('/refused'));
    await until('the handler runs', () => controller.calls > 0);
    controller.door.open();
    const answers = await Promise.all(asking);
    expect(controller.calls).toBe(10);
    const cookies = answers.map(({ headers }) => headers['set-cookie']?.[0]);
    expect(new Set(cookies).size).toBe(10);
    for (const [i, { text }] of answers.entries()) {
      expect(`call=${(JSON.parse(text) as { call: number }).call}`).toBe(cookies[i]);
    }
  });

  it('does not queue up where the first has shown that nothing may be stored', async () => {
    const site = await start();
    const { get, controller } = site;
    const asking = times(10, () => get('/refused'));
    await until('all have come', () => site.requests === 10);
    const first = controller.door;
    controller.door = gate();
    first.open();
    await until('all the others run at a time', () => controller.calls === 10);
    controller.door.open();
    await Promise.all(asking);
  });

  it('goes on with another where the handler fails', async () => {
    const { get, controller } = await start();
    controller.failures.push(new HttpException('not now', 503));
    const asking = times(10, () => get('/shared'));
    await until('the handler runs', () => controller.calls > 0);
    controller.door.open();
    const answers = await Promise.all(asking);
    expect(answers.filter(({ status }) => status === 503)).toHaveLength(1);
    expect(answers.filter(({ text }) => text === '{"call":2}')).toHaveLength(9);
    expect(controller.calls).toBe(2);
  });

  it('goes on with another where the first one’s client leaves', async () => {
    const site = await start();
    const { get, controller, url } = site;
    const leaving = request(`${url}/shared`).on('error', () => undefined);
    leaving.end();
    await until('the handler runs', () => controller.calls === 1);
    const asking = times(5, () => get('/shared'));
    await until('all have come', () => site.requests === 6);
    leaving.destroy();
    await until('another has taken its place', () => controller.calls === 2);
    controller.door.open();
    const answers = await Promise.all(asking);
    expect(answers.map(({ text }) => text)).toEqual(times(5, () => '{"call":2}'));
  });

  it.each(['/varied', '/found-to-vary'])('at %s is one for each variant', async (path) => {
    const { get, controller } = await start();
    const languages = times(20, (i) => ['en', 'de'][i % 2]!);
    const asking = languages.map((language) => get(path, { 'accept-language': language }));
    await until('the handler runs', () => controller.calls > 0);
    controller.door.open();
    const answers = await Promise.all(asking);
    const seen = answers.map(({ text }) => (JSON.parse(text) as { language: string }).language);
    expect(seen).toEqual(languages);
    expect(controller.calls).toBeLessThanOrEqual(3);
  });

  it('is none for whom an invalidation comes in between', async () => {
    const { get, controller, manager } = await start();
    const before = get('/shared');
    await until('the handler runs', () => controller.calls === 1);
    await manager.getCache('http').clear();
    const after = get('/shared');
    await until('the handler runs again', () => controller.calls === 2);
    controller.door.open();
    expect([(await before).text, (await after).text]).toEqual(['{"call":1}', '{"call":2}']);
    expect((await get('/shared')).text).toBe('{"call":2}');
    expect(verdicts([await get('/shared')])).toEqual(['HIT']);
  });
});

describe('a crowd at two processes', () => {
  const sites = websites();
  const redis = redisForAll();

  it('runs the handler once', async () => {
    const options = { namespace: 'crowd', defaults: { timeouts: { store: '5s' } } } as const;
    const [one, other] = await Promise.all(
      platforms.map((platform) => sites.start(Crowded, { platform, redis: redis.server, options })),
    );
    const asking = times(40, (i) => (i % 2 ? one! : other!).get('/shared'));
    const calls = () => one!.controller.calls + other!.controller.calls;
    await until('the handler runs', () => calls() > 0);
    one!.controller.door.open();
    other!.controller.door.open();
    const answers = await Promise.all(asking);
    expect(calls()).toBe(1);
    expect(new Set(answers.map(({ text }) => text))).toEqual(new Set(['{"call":1}']));
  });
});

describe.each(platforms)('a crowd in one turn, on %s and Redis', (platform) => {
  const sites = websites();
  const redis = redisForAll();
  let reads = 0;
  const serializer = {
    serialize: (value: unknown) => serialize(value),
    deserialize: (bytes: Uint8Array): unknown => (reads++, deserialize(bytes)),
  };

  async function start() {
    const options = { caches: { http: { memory: false, serializer } } } as const;
    const site = await sites.start(Crowded, { platform, redis: redis.server, options });
    site.controller.door.open();
    return site;
  }

  /** Requests that come as one piece. */
  function together(url: string, languages: readonly string[]): Promise<string[]> {
    const piece = languages.map(
      (language) => `GET /varied HTTP/1.1\r\nHost: x\r\nAccept-Language: ${language}\r\n\r\n`,
    );
    return new Promise((resolve, reject) => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1', () =>
        socket.write(piece.join('')),
      );
      let text = '';
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const answers = text.match(/(?<=x-cache: )[A-Z]+|(?<=\r\n\r\n)\{[^}]*\}/gi) ?? [];
        if (answers.length < 2 * languages.length) return;
        socket.destroy();
        resolve(answers);
      });
      socket.on('error', reject);
    });
  }

  it('takes one copy of what is there, and each hit counts', async () => {
    const { url, manager, controller } = await start();
    await together(url, ['de']);
    reads = 0;
    const answers = await together(url, Array<string>(16).fill('de'));
    expect(new Set(answers)).toEqual(new Set(['HIT', '{"language":"de","call":1}']));
    expect(reads).toBe(1);
    expect(manager.stats()['http']).toMatchObject({ hits: 16, misses: 1 });
    expect(controller.calls).toBe(1);
  });

  it('each gets what fits him, and whoever finds nothing looks for himself', async () => {
    const { url, controller } = await start();
    const languages = ['de', 'fr', 'de', 'fr', 'fr', 'de'];
    const own = (answers: string[]) =>
      answers.flatMap((text) => (text.startsWith('{') ? [JSON.parse(text).language] : []));
    expect(own(await together(url, languages))).toEqual(languages);
    expect(controller.calls).toBe(2);
    expect(own(await together(url, languages))).toEqual(languages);
    expect(controller.calls).toBe(2);
  });
});
