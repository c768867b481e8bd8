import { describe, expect, it } from '@jest/globals';
import {
  Cacheable,
  CacheableMany,
  CachePut,
  type ElastiCacheModuleOptions,
} from 'nestjs-elasticache';
import { concat, lastValueFrom, of } from 'rxjs';
import { onTier, tiers } from '../support/cache.application.js';

const HASH = '$2b$10$never-to-be-seen';

class Users {
  runs = 0;
  reads = 0;

  @Cacheable('users')
  async find(id: number) {
    return { id, run: ++this.runs, account: [{ name: 'ann', passwordHash: HASH }] };
  }

  @Cacheable('maps')
  async map(id: number) {
    return { run: ++this.runs, of: new Map([['ann@example.org', new Set([{ token: HASH, id }])]]) };
  }

  @Cacheable('keyed')
  async keyed(id: number) {
    return { run: ++this.runs, of: new Map([[{ id, password: HASH }, id]]) };
  }

  /** Of two ways into each object, where every way leads on without end. */
  @Cacheable('circles')
  async circle(_id: number) {
    const reads = () => {
      if (++this.reads > 10_000) throw new Error('read too often');
    };
    const account = {
      get left(): object {
        reads();
        return account;
      },
      get right(): object {
        reads();
        return account;
      },
    };
    return account;
  }

  @Cacheable('plain')
  async plain(id: number) {
    return {
      id,
      run: ++this.runs,
      at: new Date(id),
      bytes: Buffer.from('password'),
      text: 'password',
    };
  }

  @Cacheable('streams', { returns: 'observable' })
  watch(id: number) {
    return concat(of({ id }), of({ secret: HASH, run: ++this.runs }));
  }

  @CacheableMany('users', { keys: (ids: number[]) => ids })
  async findMany(ids: number[]) {
    return ids.map((id) =>
      id === 1 ? { id, apiKey: HASH, run: ++this.runs } : { id, run: ++this.runs },
    );
  }

  @CachePut('users', { key: (id: number) => id })
  async save(id: number) {
    return { id, password: HASH };
  }
}

describe.each(tiers)('Sensitive fields, %s', (tier) => {
  const harness = onTier(tier);
  const start = (sensitive?: ElastiCacheModuleOptions['sensitive']) =>
    harness.start(Users, sensitive && { sensitive });

  it('keep a value from being stored, wherever they are in it', async () => {
    const { service, cache } = await start({});
    for (let i = 1; i <= 2; i++) {
      expect(await service.find(1)).toMatchObject({ account: [{ passwordHash: HASH }] });
      await service.map(1);
      await lastValueFrom(service.watch(1));
      await service.findMany([1, 2]);
    }
    expect(service.runs).toBe(9); // of them only 2 of findMany was stored
    expect(await cache('users').get(1)).toBeUndefined();
    expect(await cache('users').get(2)).toMatchObject({ id: 2 });
  });

  it('keep a Map from being stored that has them in its keys', async () => {
    const { service } = await start({});
    for (let i = 0; i < 2; i++) await service.keyed(1);
    expect(service.runs).toBe(2);
  });

  it.each(['refuse', 'strip'] as const)(
    'are looked for once in each object, however it is entangled, to %s',
    async (action) => {
      const { service, log } = await start({ action });
      await service.circle(1);
      expect(service.reads).toBeLessThan(10_000); // the serializer goes 500 levels deep
      expect(log.join()).toContain('holds itself, a cycle');
    },
  );

  it('are told once a method, by the path and never the value', async () => {
    const { service, log } = await start({});
    for (let i = 0; i < 3; i++) {
      await service.find(i);
      await service.map(i);
      await lastValueFrom(service.watch(i));
    }
    expect(log.map((line) => line.replace(/ ElastiCacheModule$/, ''))).toEqual([
      'Users.find: the value at $.account[0].passwordHash keeps it from being cached (sensitive.fields). Leave it out.',
      'Users.map: the value at $.of[…][0].token keeps it from being cached (sensitive.fields). Leave it out.',
      'Users.watch: the value at $[1].secret keeps it from being cached (sensitive.fields). Leave it out.',
    ]);
    expect(log.join()).not.toContain(HASH);
    expect(log.join()).not.toContain('ann@example.org');
  });

  it('take along what a put should have replaced', async () => {
    const { service, cache } = await start({ fields: ['password'] });
    for (const put of [
      () => service.save(3),
      () => cache('users').put(3, { password: HASH }),
      () => cache('users').putMany([[3, { password: HASH }]]),
      () => cache('users').put(3, async () => ({ password: HASH })),
    ]) {
      await cache('users').put(3, 'older');
      await put();
      expect(await cache('users').get(3)).toBeUndefined();
    }
    await cache('users').putIfAbsent(3, { password: HASH });
    expect(await cache('users').get(3)).toBeUndefined();
  });

  it('are left out of what is stored, where that is asked for', async () => {
    const { service, log } = await start({ action: 'strip' });
    expect(await service.find(1)).toMatchObject({ account: [{ passwordHash: HASH }] });
    expect(await service.find(1)).toEqual({ id: 1, run: 1, account: [{ name: 'ann' }] });
    await service.map(1);
    expect((await service.map(1)).of.get('ann@example.org')).toEqual(new Set([{ id: 1 }]));
    await service.keyed(1);
    expect((await service.keyed(1)).of).toEqual(new Map([[{ id: 1 }, 1]]));
    expect(log).toHaveLength(3);
    expect(log[0]).toContain('Users.find: the value at $.account[0].passwordHash is left out');
  });

  it('are stored where nobody asked, or it is off', async () => {
    for (const sensitive of [undefined, { action: 'off' } as const]) {
      const { service, log } = await start(sensitive);
      await service.find(1);
      expect(await service.find(1)).toMatchObject({ run: 1, account: [{ passwordHash: HASH }] });
      expect(log).toEqual([]);
    }
  });

  it('are names of properties: what values hold is no matter', async () => {
    const { service } = await start({});
    await service.plain(1);
    expect(await service.plain(1)).toMatchObject({ run: 1, text: 'password' });
  });
});
