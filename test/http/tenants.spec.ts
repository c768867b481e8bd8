/** RFC 9111 §4.4 among tenants: a write evicts what its own tenant has, in all scopes, and what is everybody's. */
import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Headers, Post, Query, UseInterceptors } from '@nestjs/common';
import { CacheInterceptor, CacheResponse, fromRequest } from 'nestjs-elasticache';
import { platforms, websites } from '../support/http.application.js';

interface AnyRequest {
  headers: Record<string, string | undefined>;
}

const identity = fromRequest(({ headers }: AnyRequest) => ({
  ...(headers['x-tenant'] && { tenant: headers['x-tenant'] }),
  ...(headers['x-user'] && { user: headers['x-user'] }),
}));

@UseInterceptors(CacheInterceptor)
@Controller('prices')
class Prices {
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
});
