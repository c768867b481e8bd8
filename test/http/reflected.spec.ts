/** What a stranger sends in a field that no key knows is not given to others. */
import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Req, Res, UseInterceptors } from '@nestjs/common';
import { CacheInterceptor, CacheResponse } from 'nestjs-elasticache';
import { platforms, websites } from '../support/http.application.js';

interface AnyRequest {
  headers: Record<string, string | undefined>;
}
interface AnyResponse {
  setHeader?(name: string, value: string): void;
  header(name: string, value: string): unknown;
}

@UseInterceptors(CacheInterceptor)
@Controller()
class Reflecting {
  calls = 0;

  @Get('body')
  body(@Req() { headers }: AnyRequest) {
    return { call: ++this.calls, fields: headers };
  }

  @Get('field')
  field(@Req() { headers }: AnyRequest, @Res({ passthrough: true }) response: AnyResponse) {
    const forwarded = /host="?([^";]*)/.exec(headers['forwarded'] ?? '')?.[1];
    const host = headers['x-forwarded-host'] ?? forwarded ?? 'example.com';
    const link = `<${new URL(`https://${host}`).href}>; rel=canonical`;
    if (response.setHeader) response.setHeader('Link', link);
    else response.header('Link', link);
    return { call: ++this.calls };
  }

  @Get('return')
  return(@Req() { headers }: AnyRequest) {
    return { call: ++this.calls, to: `/login?to=${encodeURIComponent(headers['x-back'] ?? '/')}` };
  }

  @Get('known')
  @CacheResponse({ vary: ['x-theme'] })
  known(@Req() { headers }: AnyRequest) {
    return { call: ++this.calls, theme: headers['x-theme'] };
  }

  @Get('keyed')
  @CacheResponse({
    key: (context) => context.switchToHttp().getRequest<AnyRequest>().headers['x-theme'] ?? '',
  })
  keyed(@Req() { headers }: AnyRequest) {
    return { call: ++this.calls, theme: headers['x-theme'] };
  }

  @Get('words')
  words() {
    const words = 'https, 443, en-GB,en;q=0.9, keep-alive, application/json, 2024, abc, node';
    return { call: ++this.calls, words };
  }
}

describe.each(platforms)('on %s', (platform) => {
  const sites = websites();
  const start = () => sites.start(Reflecting, { platform });

  it.each<[string, Record<string, string>]>([
    ['/body', { 'x-forwarded-host': 'evil.example' }],
    ['/body', { 'x-anything': '<b>"quoted"</b>' }],
    ['/body', { 'x-forwarded-for': '6.6.6.6, 10.0.0.1' }],
    ['/body', { 'user-agent': 'Mozilla/5.0 (evil)' }],
    ['/body', { origin: 'https://evil.example' }],
    ['/body', { 'accept-language': '<script>alert(1)</script>' }],
    ['/field', { 'x-forwarded-host': 'evil.example' }],
    ['/field', { 'x-forwarded-host': 'EVIL.example' }],
    ['/field', { 'x-forwarded-host': 'evil.io' }],
    ['/field', { 'x-forwarded-host': 'evil.io:443' }],
    ['/field', { forwarded: 'for=10.0.0.1;host=evil.example;proto=https' }],
    ['/field', { forwarded: 'host="evil.io:443"' }],
    ['/return', { 'x-back': 'https://evil.example/' }],
  ])('%s with %j is not stored', async (path, headers) => {
    const { get, controller } = await start();
    const first = await get(path, headers);
    expect(first.headers['cache-status']).not.toContain('stored');
    const { text, headers: fields } = await get(path);
    expect(text + String(fields['link'])).not.toContain('evil');
    expect(fields['x-cache']).toBe('MISS');
    expect(controller.calls).toBe(2);
  });

  it.each(['/known', '/keyed'])('%s may repeat what tells its answers apart', async (path) => {
    const { get } = await start();
    await get(path, { 'x-theme': 'midnight' });
    const hit = await get(path, { 'x-theme': 'midnight' });
    expect([hit.headers['x-cache'], hit.text]).toEqual(['HIT', '{"call":1,"theme":"midnight"}']);
  });

  it('words that every client sends repeat nobody', async () => {
    const { get } = await start();
    const headers = {
      'x-forwarded-proto': 'https',
      'x-forwarded-port': '443',
      'accept-language': 'en-GB,en;q=0.9',
      accept: 'application/json',
      'x-year': '2024',
      'x-short': 'abc',
      'user-agent': 'node',
    };
    await get('/words', headers);
    expect((await get('/words', headers)).headers['x-cache']).toBe('HIT');
  });
});
