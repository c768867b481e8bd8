/** RFC 9211: what is said of a request that was not answered from the cache, and why. */
import { Readable } from 'node:stream';
import { connect } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import {
  Body,
  Controller,
  Get,
  Header,
  Post,
  Query,
  StreamableFile,
  UseInterceptors,
} from '@nestjs/common';
import { type CacheError, CacheInterceptor, CacheResponse, NoCache } from 'nestjs-elasticache';
import { platforms, websites } from '../support/http.application.js';

const broken = () => {
  throw new Error('broken');
};

@CacheResponse({ explain: true, vary: ['Accept-Language'] })
@UseInterceptors(CacheInterceptor)
@Controller()
class Explained {
  calls = 0;

  @Get('plain')
  plain() {
    return { call: ++this.calls };
  }
  @Get('stream')
  stream() {
    return new StreamableFile(Readable.from(['stream']));
  }
  @Get('no-store')
  @Header('Cache-Control', 'no-store')
  noStore() {
    return 1;
  }
  @Get('off')
  @NoCache()
  off() {
    return 1;
  }
  @Get('by-key')
  @CacheResponse({ key: broken })
  byKey() {
    return { call: ++this.calls };
  }
  @Get('by-scope')
  @CacheResponse({ scope: broken })
  byScope() {
    return { call: ++this.calls };
  }
  @Get('tagged')
  @CacheResponse({ tags: broken })
  tagged() {
    return { call: ++this.calls };
  }
  @Get('secret')
  secret(@Query('name') name: string) {
    return { nested: [{ [name]: 'hunter2' }] };
  }
  @Post('plain')
  change(@Body() _body: unknown) {
    return 1;
  }
}

describe.each(platforms)('on %s', (platform) => {
  const sites = websites();
  const start = () => sites.start(Explained, { platform });

  it.each<[string, Record<string, string>, string]>([
    ['/no-store', {}, 'fwd=uri-miss; fwd-status=200; detail="no-store"'],
    ['/off', {}, 'fwd=bypass; detail="not cached"'],
    ['/plain', { cookie: 'a=1' }, 'fwd=bypass; detail="Cookie"'],
    ['/plain', { authorization: 'a' }, 'fwd=bypass; fwd-status=200; detail="Authorization"'],
    ['/stream', {}, 'fwd=uri-miss'],
  ])('%s with %j is elasticache; %s', async (path, headers, said) => {
    const { get } = await start();
    const { headers: fields } = await get(path, headers);
    expect(fields['cache-status']).toBe(`elasticache; ${said}`);
    expect(String(fields.vary).toLowerCase()).toContain('accept-language');
  });

  it('a HEAD that misses depends on the same fields', async () => {
    const { send } = await start();
    const head = await send('/plain', { method: 'HEAD' });
    expect(String(head.headers.vary).toLowerCase()).toContain('accept-language');
  });

  it('a request that may change something is no miss', async () => {
    const { send } = await start();
    const { headers } = await send('/plain', { method: 'POST' });
    expect([headers['cache-status'], headers['x-cache']]).toEqual([
      'elasticache; fwd=method',
      'BYPASS',
    ]);
  });

  it.each(['/by-key', '/by-scope', '/tagged'])(
    'of %s the function that fails is reported, and the request answered',
    async (path) => {
      const errors: CacheError[] = [];
      const errorHandler = (error: CacheError) => void errors.push(error);
      const { get } = await sites.start(Explained, { platform, options: { errorHandler } });
      for (const call of [1, 2]) {
        const { status, text } = await get(path);
        expect([status, text]).toEqual([200, `{"call":${call}}`]);
      }
      expect(errors.map(({ code }) => code)).toEqual([
        'CACHE_OPTION_FAILED',
        'CACHE_OPTION_FAILED',
      ]);
      expect(errors[0]!.cause).toMatchObject({ message: 'broken' });
    },
  );

  it.each(['refuse', 'strip'] as const)('under %s nothing sensitive is stored', async (action) => {
    const options = { sensitive: { fields: ['password'], action } };
    const { get } = await sites.start(Explained, { platform, options });
    const secret = await get('/secret?name=password');
    expect(secret.text).toContain('hunter2');
    expect(secret.headers['cache-status']).toBe(
      'elasticache; fwd=uri-miss; fwd-status=200; detail="sensitive"',
    );
    await get('/secret?name=word');
    expect((await get('/secret?name=word')).headers['x-cache']).toBe('HIT');
  });

  it('a client of HTTP/1.0, which names no host, is answered, too', async () => {
    const { url, controller } = await start();
    const ask = (method: string) =>
      new Promise<string>((resolve, reject) => {
        let text = '';
        const { port } = new URL(url);
        const socket = connect(Number(port), '127.0.0.1', () =>
          socket.write(`${method} /plain HTTP/1.0\r\n\r\n`),
        );
        socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
        socket.on('end', () => resolve(text));
        socket.on('error', reject);
      });
    expect(await ask('GET')).toMatch(/^HTTP\/1.1 200[^]*x-cache: MISS/i);
    expect(await ask('GET')).toMatch(/^HTTP\/1.1 200[^]*x-cache: HIT/i);
    expect(await ask('POST')).toMatch(/^HTTP\/1.1 201/i);
    expect(await ask('GET')).toMatch(/x-cache: MISS/i);
    expect(controller.calls).toBe(2);
  });
});
