/** RFC 9111 §4.4 among tenants: a write evicts what its own tenant has, in all scopes, and what is everybody's. */
import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Headers, Post, Query, UseInterceptors } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { CacheContext, CacheInterceptor, CacheResponse, fromRequest } from 'nestjs-elasticache';
import { platforms, websites } from '../support/http.application.js';

interface AnyRequest {
  headers: Record<string, string | undefined>;
}

const identity = fromRequest(({ headers }: AnyRequest) => ({
  ...(headers['x-tenant'] && { tenant: headers['x-tenant'] }),
  ...(headers['x-user'] && { user: headers['x-user'] }),
}));

/** Cached by who is asked to globally. */
@Controller('prices')
class Open {
  @Get('whose')
  @CacheResponse({ scope: 'tenant' })
  whose() {
    return CacheContext.current()?.tenant;
  }
}

@UseInterceptors(CacheInterceptor)
@Controller('prices')
class Prices extends Open {
  @Get('public')
  @CacheResponse({ scope: 'public' })
  open() {
    return 'open';
  }
  @Get('mine')
  @CacheResponse({ scope: 'user' })
  mine() {
    return 'mine';
  }
  @Get('ours')
  @CacheResponse({ scope: 'tenant', vary: ['accept-language'] })
  ours(@Headers('accept-language') language: string, @Query('page') page: string) {
    return `${language} ${page}`;
  }
  @Get('roles')
  @CacheResponse({
    scope: (context) => context.switchToHttp().getRequest<AnyRequest>().headers['x-role'],
  })
  roles() {
    return 'roles';
  }
  @Post(':which')
  write() {
    return 'done';
  }
}

const acme = { 'x-tenant': 'acme', 'x-user': 'ann', 'x-role': 'editor' };
const other = { 'x-tenant': 'other', 'x-user': 'ann', 'x-role': 'editor' };

describe.each(platforms)('on %s', (platform) => {
  const sites = websites();
  const start = () => sites.start(Prices, { platform, options: { identity, tenancy: {} } });

  it.each(['mine', 'roles'])('a write to %s leaves what another tenant has', async (path) => {
    const { get, send } = await start();
    const url = `/prices/${path}`;
    const verdict = async (headers: Record<string, string>) =>
      (await get(url, headers)).headers['x-cache'];
    for (const headers of [acme, { ...acme, 'x-user': 'bob', 'x-role': 'reader' }, other]) {
      expect([await verdict(headers), await verdict(headers)]).toEqual(['MISS', 'HIT']);
    }
    await send(url, { method: 'POST', headers: acme });
    expect(await verdict(other)).toBe('HIT');
    expect(await verdict(acme)).toBe('MISS');
    expect(await verdict({ ...acme, 'x-user': 'bob', 'x-role': 'reader' })).toBe('MISS');
  });

  it('all variants go, whatever the query', async () => {
    const { get, send } = await start();
    const languages = ['en', 'de'].map((language) => ({ ...acme, 'accept-language': language }));
    const verdicts = async () => {
      const all = [];
      for (const headers of languages) {
        for (const page of [1, 2]) {
          all.push((await get(`/prices/ours?page=${page}`, headers)).headers['x-cache']);
        }
      }
      return new Set(all);
    };
    expect(await verdicts()).toEqual(new Set(['MISS']));
    expect(await verdicts()).toEqual(new Set(['HIT']));
    await send('/prices/ours?by=me', { method: 'POST', headers: acme });
    expect(await verdicts()).toEqual(new Set(['MISS']));
  });

  it('what is everybody’s goes by whoever writes', async () => {
    const { get, send } = await start();
    for (const headers of [acme, {}]) {
      await get('/prices/public');
      expect((await get('/prices/public', other)).headers['x-cache']).toBe('HIT');
      await send('/prices/public', { method: 'POST', headers });
      expect((await get('/prices/public')).headers['x-cache']).toBe('MISS');
    }
  });

  it('a write of nobody known evicts for all', async () => {
    const { get, send } = await start();
    await get('/prices/mine', acme);
    await get('/prices/mine', other);
    await send('/prices/mine', { method: 'POST' });
    for (const headers of [acme, other]) {
      expect((await get('/prices/mine', headers)).headers['x-cache']).toBe('MISS');
    }
  });

  it.each([
    ['around the identity', true],
    ['within it', false],
  ])('a response is its maker’s, whatever a middleware takes him for, %s', async (_, isOuter) => {
    // As by a host's name: anybody may call it, with a token of another tenant.
    const middleware = (request: AnyRequest, _response: unknown, next: () => void) =>
      CacheContext.run({ tenant: request.headers['x-host']! }, next);
    const { get } = await sites.start(isOuter ? Open : Prices, {
      platform,
      options: { identity, tenancy: {} },
      providers: isOuter ? [{ provide: APP_INTERCEPTOR, useClass: CacheInterceptor }] : [],
      configure: (app) => app.use(middleware),
    });
    const of = async (tenant: string) => {
      const answer = await get('/prices/whose', { 'x-host': 'acme', 'x-tenant': tenant });
      return [answer.text, answer.headers['x-cache']];
    };
    const told = [await of('other'), await of('acme'), await of('other'), await of('acme')];
    expect(told).toEqual([
      ['other', 'MISS'],
      ['acme', 'MISS'],
      ['other', 'HIT'],
      ['acme', 'HIT'],
    ]);
  });
});
