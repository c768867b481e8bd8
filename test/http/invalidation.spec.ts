/** RFC 9111 §4.4: a request that may have changed something evicts what is stored for its URI. */
import { request } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import {
  Body,
  type CallHandler,
  Controller,
  Delete,
  type ExecutionContext,
  Get,
  Header,
  HttpException,
  Injectable,
  Param,
  Patch,
  Post,
  Put,
  Query,
  Redirect,
  Res,
  UseInterceptors,
} from '@nestjs/common';
import { CacheEvict, CacheInterceptor, CacheResponse, Cacheable } from 'nestjs-elasticache';
import { mergeMap, Observable } from 'rxjs';
import { gate } from '../support/gate.js';
import { platforms, redisForAll, websites } from '../support/http.application.js';
import { until } from '../support/waiting.js';

interface AnyResponse {
  send(body: unknown): unknown;
}

let truth = 0;
let door = gate();
let isReading = false;
let isWriting = false;

@Injectable()
class Articles {
  @Cacheable('articles', { key: (id: string) => id, tags: (id: string) => [`article:${id}`] })
  async find(id: string) {
    return { id, truth };
  }

  @CacheEvict({ tags: (id: string) => [`article:${id}`] })
  async change(_id: string) {
    truth++;
  }
}

/** Commits after the handler: what is evicted before that is loaded anew, and old. */
class Transactional {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    const commit = async (value: unknown) => {
      await Promise.resolve();
      truth++;
      return value;
    };
    return next.handle().pipe(mergeMap(commit));
  }
}

@UseInterceptors(CacheInterceptor)
@Controller('things')
class Things {
  constructor(private readonly articles: Articles) {}

  @Get(':id')
  async read(@Param('id') id: string, @Query('say') say?: string) {
    isReading = true;
    const seen = truth;
    await door.opened;
    return { id, say, truth: seen };
  }
  @Get(':id/keyed')
  @CacheResponse({ key: 'keyed', tags: ['keyed'] })
  keyed() {
    return { truth };
  }
  @Get(':id/article')
  article(@Param('id') id: string) {
    return this.articles.find(id);
  }
  @Get(':id/tagged')
  @CacheResponse({ tags: (_, body) => [`truth:${(body as { truth: number }).truth}`] })
  tagged() {
    return { truth };
  }
  @Post(':id')
  write() {
    truth++;
    return 'done';
  }
  @Put(':id')
  put(@Res() response: AnyResponse) {
    truth++;
    response.send('done');
  }
  @Patch(':id')
  refuse() {
    truth++;
    throw new HttpException('no', 409);
  }
  @Delete(':id')
  @Redirect('/things/elsewhere', 303)
  remove() {
    truth++;
  }
  @Post('located/:id')
  @Header('Content-Location', '/things/1')
  located() {
    truth++;
  }
  @Post('far/:id')
  @Header('Location', 'http://example.com/things/1')
  far() {
    truth++;
  }
  @Post('twice/:id')
  twice(@Res() response: AnyResponse) {
    truth++;
    response.send('done');
    throw new Error('too late');
  }
  @Post('lasting/:id')
  @Header('Content-Location', '/things/1')
  lasting() {
    return new Observable(() => {
      truth++;
      isWriting = true;
    });
  }
  @Post(':id/article')
  async change(@Param('id') id: string, @Body() _body: unknown) {
    await this.articles.change(id);
  }
}

@UseInterceptors(Transactional, CacheInterceptor)
@Controller('outer')
class Outer {
  @Post(':id')
  @Header('Content-Location', '/things/1')
  write() {
    return 'done';
  }
}

describe('on Redis', () => {
  const sites = websites();
  const redis = redisForAll();

  it.each(platforms)(
    'a write on %s is answered once its eviction is acknowledged',
    async (platform) => {
      truth = 0;
      const options = { defaults: { timeouts: { store: '10s' } } } as const;
      const site = await sites.start(Things, {
        platform,
        redis: redis.server,
        options,
        providers: [Articles],
      });
      redis.server.pause();
      let isAnswered = false;
      const writing = site.send('/things/1', { method: 'POST' }).then(() => (isAnswered = true));
      try {
        await until('the handler has run', () => truth === 1);
        await site.get('/nothing'); // by now an answer would be here
        expect(isAnswered).toBe(false);
      } finally {
        redis.server.resume();
      }
      await writing;
    },
  );
});

describe.each(platforms)('on %s', (platform) => {
  const sites = websites();

  async function start() {
    truth = 0;
    door = gate();
    door.open();
    isReading = false;
    return sites.start(Things, { platform, providers: [Articles], controllers: [Outer] });
  }

  it.each(['POST', 'PUT', 'DELETE'])('%s evicts its URI, whatever the query', async (method) => {
    const { get, send } = await start();
    for (const path of ['/things/1', '/things/1?say=a', '/things/2']) await get(path);
    const write = await send('/things/1?by=me', { method });
    expect(write.status).toBeLessThan(400);
    expect(write.headers['x-cache']).toBe('BYPASS');
    expect((await get('/things/1')).text).toBe('{"id":"1","truth":1}');
    expect((await get('/things/1?say=a')).text).toBe('{"id":"1","say":"a","truth":1}');
    expect((await get('/things/2')).headers['x-cache']).toBe('HIT');
  });

  it('one that fails evicts nothing', async () => {
    const { get, send } = await start();
    await get('/things/1');
    expect((await send('/things/1', { method: 'PATCH' })).status).toBe(409);
    expect((await get('/things/1')).headers['x-cache']).toBe('HIT');
  });

  it('one whose client leaves may have done something, and evicts', async () => {
    const { get, url } = await start();
    await get('/things/1');
    isWriting = false;
    const leaving = request(`${url}/things/lasting/9`, { method: 'POST' });
    leaving.on('error', () => undefined).end();
    await until('the handler writes', () => isWriting);
    leaving.destroy();
    const readAgain = async () => (await get('/things/1')).text === '{"id":"1","truth":1}';
    await until('the old is gone', readAgain);
  });

  it('an error after the answer is no second answer', async () => {
    const { get, send } = await start();
    const { status, text } = await send('/things/twice/1', { method: 'POST' });
    expect([status, text]).toEqual([201, 'done']);
    expect((await get('/things/1')).status).toBe(200);
  });

  it('Location and Content-Location are evicted, too', async () => {
    const { get, send } = await start();
    await get('/things/elsewhere');
    await send('/things/1', { method: 'DELETE' });
    expect((await get('/things/elsewhere')).headers['x-cache']).toBe('MISS');
    await get('/things/1');
    await send('/things/located/9', { method: 'POST' });
    expect((await get('/things/1')).headers['x-cache']).toBe('MISS');
  });

  it('of another origin nothing is', async () => {
    const { get, send } = await start();
    await get('/things/1');
    await send('/things/far/9', { method: 'POST' });
    expect((await get('/things/1')).headers['x-cache']).toBe('HIT');
  });

  it('a load under way when the write ends is not stored', async () => {
    const { get, send } = await start();
    door = gate();
    const old = get('/things/1');
    await until('the handler reads', () => isReading);
    await send('/things/1', { method: 'POST' });
    door.open();
    expect((await old).text).toBe('{"id":"1","truth":0}');
    expect((await old).headers['cache-status']).not.toContain('stored');
    expect((await get('/things/1')).text).toBe('{"id":"1","truth":1}');
  });

  it('what an interceptor outside does after the handler is done by then', async () => {
    const { get, send } = await start();
    await get('/things/1');
    await send('/outer/1', { method: 'POST' });
    expect((await get('/things/1')).text).toBe('{"id":"1","truth":1}');
  });

  it('an entry with a key of its own is reached by its tags', async () => {
    const { get, send, manager } = await start();
    await get('/things/1/keyed');
    await send('/things/1/keyed', { method: 'POST' });
    expect((await get('/things/1/keyed')).headers['x-cache']).toBe('HIT');
    await manager.evictTags('keyed');
    expect((await get('/things/1/keyed')).headers['x-cache']).toBe('MISS');
  });

  it('tags may be those of the body', async () => {
    const { get, manager } = await start();
    await get('/things/1/tagged');
    await manager.evictTags('truth:1');
    expect((await get('/things/1/tagged')).headers['x-cache']).toBe('HIT');
    await manager.evictTags('truth:0');
    expect((await get('/things/1/tagged')).headers['x-cache']).toBe('MISS');
  });

  it('a response is evicted by the tags of the cached calls that it was made of', async () => {
    const { get, manager } = await start();
    await get('/things/1/article');
    expect((await get('/things/1/article')).headers['x-cache']).toBe('HIT');
    truth = 7;
    await manager.evictTags('article:1');
    expect((await get('/things/1/article')).text).toBe('{"id":"1","truth":7}');
  });
});
