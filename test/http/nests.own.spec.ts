/** The failings of Nest's own interceptor, each shown with it, and then not with ours. */
import { CacheInterceptor as NestsInterceptor, CacheModule } from '@nestjs/cache-manager';
import { describe, expect, it } from '@jest/globals';
import {
  type ArgumentsHost,
  ClassSerializerInterceptor,
  type CallHandler,
  Controller,
  Get,
  Headers,
  HttpCode,
  type INestApplication,
  Module,
  Res,
  type Type,
  UseInterceptors,
} from '@nestjs/common';
import { Exclude } from 'class-transformer';
import { CacheInterceptor } from 'nestjs-elasticache';
import { map, mergeMap, type Observable, Subject, takeUntil, throwError } from 'rxjs';
import { times } from '../support/cache.application.js';
import { gate } from '../support/gate.js';
import { platforms, redisForAll, type Website, websites } from '../support/http.application.js';
import { until } from '../support/waiting.js';

interface AnyResponse {
  setHeader?(name: string, value: string): void;
  header(name: string, value: string): unknown;
  status(code: number): unknown;
  send(body: string): unknown;
}

class User {
  id = 1;
  @Exclude() password = 'hunter2';
}

let seen: unknown[] = [];
let door = gate();
const tooLate = new Subject<void>();

/** Looks at what comes out, and wraps it. */
class Envelope {
  intercept(_: unknown, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(
      map((data: unknown) => {
        seen.push(data);
        return { data };
      }),
    );
  }
}

/** The same routes for both. */
function controllerWith(interceptor: Type): Type<{ calls: number }> {
  @UseInterceptors(interceptor)
  @Controller()
  class Routes {
    calls = 0;

    @Get('me')
    me(@Headers('authorization') who?: string) {
      return { call: ++this.calls, who };
    }
    @Get('missing')
    missing(@Res({ passthrough: true }) response: AnyResponse) {
      response.status(404);
      if (response.setHeader) response.setHeader('X-Route', 'yes');
      else response.header('X-Route', 'yes');
      return { call: ++this.calls };
    }
    @Get('made')
    @HttpCode(203)
    made(@Res({ passthrough: true }) response: AnyResponse) {
      if (response.setHeader) response.setHeader('X-Route', 'yes');
      else response.header('X-Route', 'yes');
      return { call: ++this.calls };
    }
    @Get('slow')
    async slow() {
      const call = ++this.calls;
      await door.opened;
      return { call };
    }
  }
  return Routes as Type<{ calls: number }>;
}

@UseInterceptors(Envelope, CacheInterceptor)
@Controller()
class Wrapped {
  calls = 0;
  @Get('wrapped')
  wrapped() {
    return { call: ++this.calls, at: new Date(0) };
  }
  @Get('instance')
  instance() {
    return new User();
  }
}

/** As one that waits for no more than so long. */
class Impatient {
  intercept(_: unknown, next: CallHandler): Observable<unknown> {
    const failing = tooLate.pipe(mergeMap(() => throwError(() => new Error('too late'))));
    return next.handle().pipe(takeUntil(failing));
  }
}

/** Answers whatever has been before. */
class Late {
  readonly ends: unknown[] = [];

  catch(error: unknown, host: ArgumentsHost): void {
    try {
      (host.switchToHttp().getResponse<AnyResponse>().status(500) as AnyResponse).send('late');
      this.ends.push('sent');
    } catch {
      this.ends.push(error);
    }
  }
}

@UseInterceptors(Impatient, CacheInterceptor)
@Controller()
class Hurried {
  @Get('instance')
  instance() {
    return new User();
  }
}

@UseInterceptors(ClassSerializerInterceptor, CacheInterceptor)
@Controller()
class Serialized {
  @Get('user')
  user() {
    return new User();
  }
}

@Module({
  imports: [CacheModule.register({ ttl: 60_000, isGlobal: true })],
  exports: [CacheModule],
})
class NestsModule {}

describe.each(platforms)('on %s', (platform) => {
  const sites = websites();
  const both = {
    nests: () =>
      sites.start(controllerWith(NestsInterceptor), { platform, imports: [NestsModule] }),
    ours: () => sites.start(controllerWith(CacheInterceptor), { platform }),
  };

  it('it gives what was made for one user to another', async () => {
    const alices = async (get: (path: string, headers: object) => Promise<{ text: string }>) => {
      await get('/me', { authorization: 'Bearer alice' });
      return (await get('/me', { authorization: 'Bearer bob' })).text;
    };
    expect(await alices((await both.nests()).get as never)).toContain('alice');
    expect(await alices((await both.ours()).get as never)).toContain('bob');
  });

  it('it forgets the status, and the fields', async () => {
    const nests = await both.nests();
    await nests.get('/missing');
    const wrong = await nests.get('/missing');
    expect([wrong.status, wrong.headers['x-route']]).toEqual([200, undefined]);

    const { get } = await both.ours();
    await get('/missing');
    expect((await get('/missing')).status).toBe(404);
    await get('/made');
    const hit = await get('/made');
    expect([hit.status, hit.headers['x-route'], hit.headers['x-cache']]).toEqual([
      203,
      'yes',
      'HIT',
    ]);
  });

  it('it runs the handler 200 times for 200 identical requests', async () => {
    const runs = async (site: Website<{ calls: number }>) => {
      door = gate();
      const asking = times(200, () => site.get('/slow'));
      await until('all have come', () => site.requests === 200);
      door.open();
      await Promise.all(asking);
      return site.controller.calls;
    };
    expect([await runs(await both.nests()), await runs(await both.ours())]).toEqual([200, 1]);
  });

  describe('an interceptor outside', () => {
    it('sees on a hit what it saw on the miss, and is in the bytes once', async () => {
      seen = [];
      const { get, controller } = await sites.start(Wrapped, { platform });
      const miss = await get('/wrapped');
      const hit = await get('/wrapped');
      expect(hit.text).toBe('{"data":{"call":1,"at":"1970-01-01T00:00:00.000Z"}}');
      expect(hit.body).toEqual(miss.body);
      expect(controller.calls).toBe(1);
      expect(seen[1]).toEqual(seen[0]);
      expect((seen[1] as { at: unknown }).at).toBeInstanceOf(Date);
    });

    it('is not run where that cannot be had: of an instance of a class only data would be left', async () => {
      seen = [];
      const { get } = await sites.start(Wrapped, { platform });
      await get('/instance');
      const hit = await get('/instance');
      expect(hit.headers['x-cache']).toBe('HIT');
      expect(hit.text).toBe('{"data":{"id":1,"password":"hunter2"}}');
      expect(seen).toHaveLength(1);
    });

    it('that gives up on what it is not shown answers nobody', async () => {
      const late = new Late();
      const configure = (app: INestApplication) => void app.useGlobalFilters(late);
      const { get } = await sites.start(Hurried, { platform, configure });
      await get('/instance');
      const hit = await get('/instance');
      expect(hit.headers['x-cache']).toBe('HIT');
      tooLate.next();
      await until('the filter has answered', () => late.ends.length > 0);
      expect(late.ends).toEqual(['sent']);
    });

    it('that serialises is in the bytes: nothing it left out comes back', async () => {
      const { get } = await sites.start(Serialized, { platform });
      expect((await get('/user')).text).toBe('{"id":1}');
      const hit = await get('/user');
      expect([hit.text, hit.headers['x-cache']]).toEqual(['{"id":1}', 'HIT']);
    });
  });
});

describe('with Redis gone', () => {
  const sites = websites();
  const redis = redisForAll();

  it.each(platforms)('a request on %s is answered as if there were no cache', async (platform) => {
    const options = {
      defaults: { timeouts: { store: '100ms' } },
      errorHandler: () => undefined,
    } as const;
    door.open();
    const { get, controller } = await sites.start(controllerWith(CacheInterceptor), {
      platform,
      redis: redis.server,
      options,
    });
    expect((await get('/slow')).status).toBe(200);
    redis.server.pause();
    try {
      const answer = await get('/slow?anew');
      expect([answer.status, answer.text]).toEqual([200, '{"call":2}']);
      expect(controller.calls).toBe(2);
    } finally {
      redis.server.resume();
    }
  });
});
