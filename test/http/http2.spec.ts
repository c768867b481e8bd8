/** Fastify speaks HTTP/2, too, where a request has no Host and a body no length. */
import { connect, type IncomingHttpHeaders } from 'node:http2';
import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Post, UseInterceptors } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { CacheInterceptor } from 'nestjs-elasticache';
import { websites } from '../support/http.application.js';

@UseInterceptors(CacheInterceptor)
@Controller('articles')
class Articles {
  calls = 0;

  @Get()
  list() {
    return { call: ++this.calls, self: '/articles' };
  }
  @Post()
  write() {
    return 'done';
  }
}

interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

function send(url: string, headers: Record<string, string>, body?: string): Promise<Answer> {
  const session = connect(url);
  return new Promise<Answer>((resolve, reject) => {
    session.once('error', reject);
    const stream = session.request(headers, { endStream: body === undefined });
    let fields: IncomingHttpHeaders = {};
    let text = '';
    stream.once('error', reject);
    stream.once('response', (received) => (fields = received));
    stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
    stream.once('end', () => resolve({ headers: fields, text }));
    if (body !== undefined) stream.end(body);
  }).finally(() => session.close());
}

describe('over HTTP/2', () => {
  const sites = websites();

  async function start() {
    const adapter = new FastifyAdapter({ http2: true } as object);
    const { url } = await sites.start(Articles, { platform: 'fastify', adapter });
    return (headers: Record<string, string> = {}, body?: string) =>
      send(url, { ':path': '/articles', ...headers }, body);
  }

  it('hits, 304 and HEAD are what they are over HTTP/1.1', async () => {
    const ask = await start();
    const { text, headers } = await ask();
    expect(headers['cache-status']).toBe('elasticache; fwd=uri-miss; fwd-status=200; stored');
    const hit = await ask();
    expect([hit.text, hit.headers['x-cache']]).toEqual([text, 'HIT']);
    const known = await ask({ 'if-none-match': String(headers['etag']) });
    expect([known.text, known.headers[':status']]).toEqual(['', 304]);
    const head = await ask({ ':method': 'HEAD' });
    expect([head.text, head.headers['content-length']]).toEqual(['', `${text.length}`]);
  });

  it('a write evicts', async () => {
    const ask = await start();
    await ask();
    await ask({ ':method': 'POST' });
    expect((await ask()).text).toBe('{"call":2,"self":"/articles"}');
  });

  it('a GET with content passes, with or without a length', async () => {
    const ask = await start();
    await ask();
    expect((await ask({}, 'content')).headers['x-cache']).toBe('BYPASS');
    expect((await ask({ 'content-length': '7' }, 'content')).headers['x-cache']).toBe('BYPASS');
  });
});
