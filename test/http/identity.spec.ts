/** Who is asking: nothing made for one is given to another, unless the route says whose it is. */
import { describe, expect, it } from '@jest/globals';
import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Headers,
  Injectable,
  Query,
  Res,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import {
  CacheContext,
  CacheInterceptor,
  CacheResponse,
  type ElastiCacheModuleOptions,
  entraIdentity,
  fromRequest,
} from 'nestjs-elasticache';
import { platforms, websites } from '../support/http.application.js';

interface AnyRequest {
  headers: Record<string, string>;
  user?: { tenant?: string; id?: string; tid?: string; oid?: string };
}
interface AnyResponse {
  setHeader?(name: string, value: string): void;
  header(name: string, value: string): unknown;
}

function sayTo(response: AnyResponse, control: string): void {
  if (response.setHeader) response.setHeader('Cache-Control', control);
  else response.header('Cache-Control', control);
}

/** Stands in for one that verifies a token: `tenant/user` in X-Principal. */
@Injectable()
class Verified implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<AnyRequest>();
    const [tenant, id] = (request.headers['x-principal'] ?? '').split('/');
    if (tenant) request.user = { tenant, tid: tenant, ...(id && { id, oid: id }) };
    return true;
  }
}

@Controller()
class Open {
  calls = 0;

  @Get('open')
  open() {
    return { call: ++this.calls };
  }
}

@UseInterceptors(CacheInterceptor)
@UseGuards(Verified)
@Controller()
class Account {
  calls = 0;

  @Get('open')
  open(
    @Headers('cookie') cookie?: string,
    @Query('say') say?: string,
    @Res({ passthrough: true }) response?: AnyResponse,
  ) {
    if (say) sayTo(response!, say);
    return { call: ++this.calls, cookie };
  }

  @Get('public')
  @CacheResponse({ scope: 'public' })
  everybodys() {
    return { call: ++this.calls };
  }
}

@UseInterceptors(CacheInterceptor)
@UseGuards(Verified)
@Controller()
class Scoped {
  calls = 0;

  @Get('me')
  @CacheResponse({ scope: 'user' })
  me(@Res({ passthrough: true }) response: AnyResponse, @Query('say') say?: string) {
    if (say) sayTo(response, say);
    if (response.setHeader) response.setHeader('X-Call', `${++this.calls}`);
    else response.header('X-Call', `${++this.calls}`);
    return { call: this.calls };
  }
  @Get('ours')
  @CacheResponse({ scope: 'tenant', tags: ['ours'] })
  ours(@Res({ passthrough: true }) response: AnyResponse, @Query('say') say?: string) {
    if (say) sayTo(response, say);
    return { call: ++this.calls };
  }
  @Get('role')
  @CacheResponse({
    scope: (context) => context.switchToHttp().getRequest<AnyRequest>().headers['x-role'],
  })
  role(@Headers('x-role') role?: string) {
    return { call: ++this.calls, role };
  }
}

@UseInterceptors(CacheInterceptor)
@Controller()
class Undeclared {
  calls = 0;
  @Get('plain')
  plain() {
    return { call: ++this.calls };
  }
}

const identity = fromRequest(
  ({ user }: AnyRequest) => user && { tenant: user.tenant, user: user.id },
);
const principal = (name: string) => ({ 'x-principal': name });

describe.each(platforms)('on %s', (platform) => {
  const sites = websites();

  it.each([{ cookie: 'session=alice' }, { authorization: 'Bearer alice' }])(
    'with %j a request shares nothing, and is answered with nothing shared',
    async (credentials) => {
      const { get, controller } = await sites.start(Account, { platform });
      const alice = await get('/open', credentials);
      const again = await get('/open', credentials);
      const bob = await get('/open');
      expect(controller.calls).toBe(3);
      for (const { headers } of [alice, again]) {
        expect(headers['x-cache']).toBe('BYPASS');
        expect(headers['cache-status']).toMatch(/^elasticache; fwd=bypass/);
        expect(headers['cache-control']).toBeUndefined();
      }
      expect(bob.headers['x-cache']).toBe('MISS');
      await get('/open', credentials);
      expect(controller.calls).toBe(4);
    },
  );

  it.each<[string, ElastiCacheModuleOptions]>([
    ['request.user', {}],
    [
      'an identity',
      { identity: fromRequest(({ headers }: AnyRequest) => ({ user: headers['x-id'] })) },
    ],
  ])('nor does it where a guard knows him by %s, whatever he has sent', async (_, options) => {
    const { get, controller } = await sites.start(Account, { platform, options });
    const alice: Record<string, string> = options.identity
      ? { 'x-id': 'alice' }
      : { 'x-principal': 'acme/alice' };
    expect((await get('/open', alice)).headers['x-cache']).toBe('BYPASS');
    expect((await get('/open')).headers['x-cache']).toBe('MISS');
    expect((await get('/open', alice)).headers['x-cache']).toBe('BYPASS');
    expect(controller.calls).toBe(3);
    await get('/open?say=public', alice);
    expect((await get('/open?say=public', alice)).headers['x-cache']).toBe('HIT');
    await get('/public', alice);
    expect((await get('/public')).headers['x-cache']).toBe('HIT');
  });

  it('nor does it where a middleware has said less of him than the request does', async () => {
    const middleware = (_request: AnyRequest, _response: unknown, next: () => void) =>
      CacheContext.run({ roles: ['guest'] }, next);
    const { get } = await sites.start(Open, {
      platform,
      options: { identity: fromRequest(({ headers }: AnyRequest) => ({ user: headers['x-id'] })) },
      providers: [{ provide: APP_INTERCEPTOR, useClass: CacheInterceptor }], // around the identity
      configure: (app) => app.use(middleware),
    });
    await get('/open', { 'x-id': 'alice' });
    expect((await get('/open', { 'x-id': 'bob' })).text).toBe('{"call":2}');
    expect((await get('/open')).headers['x-cache']).toBe('MISS');
  });

  it.each(['public', 's-maxage=60', 'public, max-age=60'])(
    'with Authorization alone what the handler says is %s is shared (RFC 9111 §3.5)',
    async (say) => {
      const { get, controller } = await sites.start(Account, { platform });
      const path = `/open?say=${encodeURIComponent(say)}`;
      expect((await get(path, { authorization: 'Bearer a' })).headers['x-cache']).toBe('MISS');
      expect((await get(path, { authorization: 'Bearer b' })).headers['x-cache']).toBe('HIT');
      expect((await get(path)).headers['x-cache']).toBe('HIT');
      const withCookie = await get(path, { authorization: 'Bearer a', cookie: 'a=1' });
      expect(withCookie.headers['x-cache']).toBe('BYPASS');
      expect(controller.calls).toBe(2);
    },
  );

  it('a route may say that it is everybody’s', async () => {
    const { get, controller } = await sites.start(Account, { platform });
    await get('/public', { cookie: 'a=1' });
    expect((await get('/public', { authorization: 'Bearer b' })).headers['x-cache']).toBe('HIT');
    expect(controller.calls).toBe(1);
  });

  const optionsOf = (more: ElastiCacheModuleOptions = {}) => ({ identity, ...more });

  it.each<[string, ElastiCacheModuleOptions]>([
    ['an identity', optionsOf()],
    ['tenants', optionsOf({ tenancy: {} })],
    ['Entra', { identity: entraIdentity(), tenancy: { required: true } }],
  ])('by %s every user and every tenant has their own', async (_, options) => {
    const { get, controller } = await sites.start(Scoped, { platform, options });
    const people = ['acme/1', 'acme/2', 'other/1', 'acm/e1'];
    const seen = [];
    for (const name of people) seen.push((await get('/me', principal(name))).text);
    expect(new Set(seen).size).toBe(4);
    for (const [i, name] of people.entries()) {
      const hit = await get('/me', { ...principal(name), cookie: 'session=x' });
      expect(hit.text).toBe(seen[i]);
      expect(hit.headers).toMatchObject({
        'x-cache': 'HIT',
        'cache-control': 'private, max-age=300',
      });
    }
    const ours = async (name: string) => (await get('/ours', principal(name))).text;
    expect(await ours('acme/1')).toBe(await ours('acme/2'));
    expect(await ours('other/1')).not.toBe(await ours('acme/1'));
    expect(controller.calls).toBe(6);
  });

  it('a request whose scope is unknown passes', async () => {
    const { get, controller } = await sites.start(Scoped, { platform, options: optionsOf() });
    for (const path of ['/me', '/ours', '/role']) {
      await get(path);
      expect((await get(path)).headers['x-cache']).toBe('BYPASS');
    }
    expect((await get('/me', principal('acme'))).headers['x-cache']).toBe('BYPASS');
    expect(controller.calls).toBe(7);
  });

  it('a scope may be what a function answers', async () => {
    const { get } = await sites.start(Scoped, { platform, options: optionsOf() });
    const as = async (role: string) => (await get('/role', { 'x-role': role })).text;
    const [editor, reader] = [await as('editor'), await as('reader')];
    expect([await as('editor'), await as('reader')]).toEqual([editor, reader]);
    expect(editor).toContain('"editor"');
  });

  it('a user may have what the handler says is private, and a tenant may not', async () => {
    const { get } = await sites.start(Scoped, { platform, options: optionsOf() });
    for (const [path, verdict] of [
      ['/me?say=private', 'HIT'],
      ['/ours?say=private', 'MISS'],
    ] as const) {
      await get(path, principal('acme/1'));
      expect((await get(path, principal('acme/1'))).headers['x-cache']).toBe(verdict);
    }
  });

  it('what is his is announced for the lifetime of the cache', async () => {
    const options = optionsOf({ caches: { http: { ttl: '1m' } } });
    const { get } = await sites.start(Scoped, { platform, options });
    await get('/me', principal('acme/1'));
    expect((await get('/me', principal('acme/1'))).headers['cache-control']).toBe(
      'private, max-age=60',
    );
  });

  it('a tag evicts what is its own tenant’s', async () => {
    const options = optionsOf({ tenancy: {} });
    const { get, manager } = await sites.start(Scoped, { platform, options });
    await get('/ours', principal('acme/1'));
    await get('/ours', principal('other/1'));
    const { CacheContext } = await import('nestjs-elasticache');
    await CacheContext.run({ tenant: 'acme' }, () => manager.evictTags('ours'));
    expect((await get('/ours', principal('acme/1'))).headers['x-cache']).toBe('MISS');
    expect((await get('/ours', principal('other/1'))).headers['x-cache']).toBe('HIT');
  });

  it('where there are tenants, a route that declares nothing keeps them apart', async () => {
    const tenancy = { resolve: () => tenant };
    let tenant: string | undefined = 'acme';
    const { get, controller } = await sites.start(Undeclared, { platform, options: { tenancy } });
    await get('/plain');
    const hit = await get('/plain');
    expect(hit.headers).toMatchObject({
      'x-cache': 'HIT',
      'cache-control': 'private, max-age=300',
    });
    tenant = 'other';
    expect((await get('/plain')).headers['x-cache']).toBe('MISS');
    tenant = undefined;
    expect((await get('/plain')).headers['x-cache']).toBe('BYPASS');
    expect(controller.calls).toBe(3);
  });

  it('the identity is known also where the interceptor is the application’s', async () => {
    @UseGuards(Verified)
    @Controller()
    class Mine {
      calls = 0;
      @Get('me')
      @CacheResponse({ scope: 'user' })
      me() {
        return { call: ++this.calls };
      }
    }
    const providers = [{ provide: APP_INTERCEPTOR, useClass: CacheInterceptor }];
    const { get, controller } = await sites.start(Mine, {
      platform,
      options: optionsOf(),
      providers,
    });
    await get('/me', principal('acme/1'));
    expect((await get('/me', principal('acme/1'))).headers['x-cache']).toBe('HIT');
    expect((await get('/me', principal('acme/2'))).headers['x-cache']).toBe('MISS');
    expect(controller.calls).toBe(2);
  });
});

describe('at start-up', () => {
  const sites = websites();

  it('a scope that needs to know who is asking is a fault where nothing says so', async () => {
    const starting = sites.start(Scoped, { platform: 'express' });
    await expect(starting).rejects.toMatchObject({
      name: 'CacheConfigurationError',
      faults: [
        {
          path: '@CacheResponse on Scoped.me: scope',
          message: "'user' needs to know who is asking: set the option identity of forRoot",
        },
        {
          path: '@CacheResponse on Scoped.ours: scope',
          message: "'tenant' needs to know who is asking: set the option identity of forRoot",
        },
      ],
    });
  });

  it('options that cannot be are faults, each with its place', async () => {
    @Controller()
    class Wrong {
      @Get()
      @CacheResponse({ ttl: 0, statuses: [206], vary: ['a b'], maxBodyBytes: -1 })
      wrong() {
        return 1;
      }
      @Get('two')
      @CacheResponse({ tt: '1m' } as object)
      two() {
        return 2;
      }
    }
    const starting = sites.start(Wrong, { platform: 'express' });
    const error = (await starting.catch((reason: unknown) => reason)) as {
      faults: { path: string }[];
    };
    expect(error.faults.map(({ path }) => path)).toEqual([
      '@CacheResponse on Wrong.wrong: ttl',
      '@CacheResponse on Wrong.wrong: statuses',
      '@CacheResponse on Wrong.wrong: vary',
      '@CacheResponse on Wrong.wrong: maxBodyBytes',
      '@CacheResponse on Wrong.two: tt',
    ]);
  });
});
