import { AsyncLocalStorage } from 'node:async_hooks';

import { describe, expect, it } from '@jest/globals';
import { Injectable, Scope } from '@nestjs/common';
import {
  type Cache,
  CacheableMany,
  Cacheable,
  CacheContext,
  CacheEvict,
  CachePut,
  CacheTransaction,
  glob,
  InjectCache,
  TenantRequiredError,
} from 'nestjs-elasticache';
import { concatMap, defer, lastValueFrom, of, toArray } from 'rxjs';
import { onTier, tiers } from '../support/cache.application.js';

/** Says whose it is in every value, and counts. */
class Database {
  runs: string[] = [];

  read(what: string): { what: string; of: string; by: string } {
    const { tenant = 'nobody', user = 'nobody' } = CacheContext.current() ?? {};
    this.runs.push(`${tenant} ${what}`);
    return { what, of: tenant, by: user };
  }
}

@Injectable()
class Invoices extends Database {
  @Cacheable('invoices', { tags: ['invoices'] })
  async find(id: number) {
    return this.read(`invoice ${id}`);
  }

  @Cacheable('drafts', { tags: ['drafts'] })
  async drafts(id: number) {
    return this.read(`draft ${id}`);
  }

  @Cacheable('countries', { tags: ['countries'] })
  async country(id: number) {
    return this.read(`country ${id}`);
  }

  /** Made of what belongs to everybody, and of what is the tenant's own. */
  @Cacheable('pages')
  async page(id: number) {
    const [invoice, country] = [await this.find(id), await this.country(id)];
    return { invoice, country, own: this.read(`page ${id}`) };
  }

  @CacheableMany('invoices', { keys: (ids: number[]) => ids })
  async findMany(ids: number[]) {
    return ids.map((id) => this.read(`invoice ${id}`));
  }

  @Cacheable('streams', { returns: 'observable' })
  watch(id: number) {
    return defer(() => of(1, 2)).pipe(concatMap(async (n) => this.read(`${id}/${n}`)));
  }

  @CachePut('invoices', { key: (id: number) => id })
  async save(id: number) {
    return this.read(`saved ${id}`);
  }

  @CacheEvict('invoices', { key: (id: number) => id })
  async remove(id: number): Promise<void> {
    this.read(`removed ${id}`);
  }

  @CacheEvict('invoices', { allEntries: true })
  async removeAll(): Promise<void> {}

  @CacheEvict({ tags: ['invoices', 'countries'] })
  async evictTags(): Promise<void> {}

  @CacheEvict('invoices', { pattern: '*' })
  async evictPattern(): Promise<void> {}
}

@Injectable({ scope: Scope.REQUEST })
class RequestScoped extends Database {
  @Cacheable('invoices')
  async find(id: number) {
    return this.read(`invoice ${id}`);
  }
}

const as = <T>(tenant: string, work: () => T, user = 'ann'): T =>
  CacheContext.run({ tenant, user }, work);

const options = {
  tenancy: {},
  caches: { drafts: { scope: 'user' }, countries: { scope: 'global' } },
} as const;

describe.each(tiers)('Caches of tenants, %s', (tier) => {
  const harness = onTier(tier);
  const start = () => harness.start(Invoices, options);

  it('keep the entries of each apart, however they are read', async () => {
    const { service } = await start();
    for (const tenant of ['acme', 'globex', 'acme', 'globex']) {
      await as(tenant, async () => {
        expect((await service.find(7)).of).toBe(tenant);
        expect((await service.findMany([7, 8])).map((one) => one.of)).toEqual([tenant, tenant]);
        const watched = await lastValueFrom(service.watch(7).pipe(toArray()));
        expect(watched.map((one) => one.of)).toEqual([tenant, tenant]);
      });
    }
    expect(service.runs.filter((run) => run.includes('invoice'))).toEqual([
      'acme invoice 7',
      'acme invoice 8',
      'globex invoice 7',
      'globex invoice 8',
    ]);
  });

  it('keep users apart where they are of users, and nobody where they are of everybody', async () => {
    const { service } = await start();
    for (const [tenant, user] of [
      ['acme', 'ann'],
      ['acme', 'bob'],
      ['globex', 'ann'],
    ]) {
      const read = () => Promise.all([service.drafts(1), service.country(1), service.find(1)]);
      const [draft, country, invoice] = await as(tenant!, read, user);
      expect(draft).toMatchObject({ of: tenant, by: user });
      expect(country).toMatchObject({ of: 'acme', by: 'ann' });
      expect(invoice).toMatchObject({ of: tenant, by: 'ann' });
    }
  });

  it('do not run the method for nobody', async () => {
    const { service, cache } = await start();
    const calls = [
      () => service.find(1),
      () => service.drafts(1),
      () => service.findMany([1]),
      () => lastValueFrom(service.watch(1)),
      () => service.save(1),
      () => service.remove(1),
      () => service.removeAll(),
      () => service.evictTags(),
      () => service.evictPattern(),
      () => cache('invoices').get(1),
      () => cache('invoices').getOrLoad(1, async () => service.read('loaded')),
      () => cache('invoices').put(1, 1),
      () => cache('invoices').clear(),
      () => CacheContext.run({ user: 'ann' }, () => service.find(1)),
      () => CacheContext.run({ tenant: 'acme' }, () => service.drafts(1)),
    ];
    for (const call of calls) await expect(call()).rejects.toBeInstanceOf(TenantRequiredError);
    expect(() => cache('invoices').stats()).toThrow(TenantRequiredError);
    expect(service.runs).toEqual([]);
    expect(await service.country(1)).toMatchObject({ of: 'nobody' }); // this one is everybody's
  });

  it('say where and what to do about it', async () => {
    const { service } = await start();
    await expect(service.find(1)).rejects.toThrow(
      "@Cacheable on Invoices.find: no tenant is known here, so nothing was read, run or written. Run it within CacheContext.run({ tenant }, …), see that the option identity or tenancy.resolve finds one, or give the cache the scope 'global'.",
    );
  });

  it('run uncached for nobody where that is allowed, and keep nothing', async () => {
    const { service, cache } = await harness.start(Invoices, {
      ...options,
      tenancy: { required: false },
    });
    await service.find(1);
    await service.find(1);
    await cache('invoices').put(2, 'nobody’s');
    expect(service.runs).toEqual(['nobody invoice 1', 'nobody invoice 1']);
    expect(await cache('invoices').get(2)).toBeUndefined();
    expect(await cache('invoices').clear()).toBe(true);
    await as('acme', () => service.find(1));
    expect(service.runs).toHaveLength(3);
  });

  it('invalidate what is the tenant’s own alone', async () => {
    const { service, cache } = await start();
    const invoices = cache('invoices');
    const writes: (() => Promise<unknown>)[] = [
      () => service.save(1),
      () => service.remove(1),
      () => service.removeAll(),
      () => service.evictTags(),
      () => service.evictPattern(),
      () => invoices.evict(1),
      () => invoices.evictMatching(glob`*`),
      () => invoices.clear(),
      () => CacheTransaction.run(() => service.removeAll()),
      () => CacheTransaction.run(() => service.evictTags()),
    ];
    for (const write of writes) {
      for (const tenant of ['acme', 'globex']) await as(tenant, () => service.find(1));
      await as('acme', write);
      service.runs = [];
      const found = await as('globex', () => service.find(1));
      expect([found.of, service.runs]).toEqual(['globex', []]);
      const own = await as('acme', () => service.find(1));
      expect([own.of, own.what]).toEqual(['acme', write === writes[0] ? 'saved 1' : 'invoice 1']);
    }
  });

  it('evict the tags of the caches that belong to everybody, too, and what was made of them', async () => {
    const { service } = await start();
    for (const tenant of ['acme', 'globex']) await as(tenant, () => service.page(1));
    service.runs = [];
    await as('globex', () => service.evictTags()); // 'invoices' of globex; 'countries' of all
    await as('acme', () => service.page(1));
    expect(service.runs).toEqual(['acme country 1', 'acme page 1']);
    service.runs = [];
    await as('globex', () => service.page(1));
    expect(service.runs).toEqual(['globex invoice 1', 'globex page 1']);
  });

  it('show the tags as the application named them', async () => {
    const { service, cache } = await start();
    await as('acme', () => service.find(1));
    const entry = await as('acme', () => cache('invoices').getEntry(1));
    expect(entry?.tags).toEqual(['invoices']);
    await as('acme', () => service.evictTags());
    const explained = await as('acme', () => cache('invoices').explain(1));
    expect(explained).toMatchObject({ found: 'miss', tags: ['invoices'] });
    expect(explained.miss).toBe('tag invoices');
    expect(explained.parts.scope).toBe('t=acme');
  });

  it('are reached for another tenant, and for all, when that is said', async () => {
    const { service, cache, manager } = await start();
    const invoices = cache('invoices');
    const both = ['acme', 'globex'];
    const fill = async () => {
      for (const tenant of both) {
        await as(tenant, () => Promise.all([service.find(1), service.drafts(1)]));
      }
      service.runs = [];
    };
    const read = async () => {
      for (const tenant of both) await as(tenant, () => service.find(1));
      return service.runs;
    };
    await fill();
    expect(await invoices.forTenant('acme').get(1)).toMatchObject({ of: 'acme' });
    await as('globex', () => invoices.forTenant('acme').clear());
    expect(await read()).toEqual(['acme invoice 1']);
    await fill();
    expect(await invoices.forAllTenants().clear()).toBe(true);
    expect(await read()).toEqual(['acme invoice 1', 'globex invoice 1']);
    await fill();
    expect(await invoices.forAllTenants().evictTags('invoices')).toBe(true);
    expect(await read()).toEqual(['acme invoice 1', 'globex invoice 1']);
    await fill();
    expect(await manager.forAllTenants().clear()).toBe(true);
    await as('acme', () => service.drafts(1));
    expect(await read()).toEqual(['acme draft 1', 'acme invoice 1', 'globex invoice 1']);
  });

  it('count for each tenant, and for all together', async () => {
    const { service, cache, manager } = await start();
    const invoices = cache('invoices');
    for (const tenant of ['acme', 'acme', 'globex']) await as(tenant, () => service.find(1));
    expect(as('acme', () => invoices.stats())).toMatchObject({ hits: 1, misses: 1, hitRate: 0.5 });
    expect(as('globex', () => manager.stats()['invoices'])).toMatchObject({ hits: 0, misses: 1 });
    expect(invoices.forTenant('acme').stats()).toMatchObject({ hits: 1 });
    expect(invoices.forAllTenants().stats()).toMatchObject({ hits: 1, misses: 2 });
    expect(manager.forAllTenants().stats()['invoices']?.hitRate).toBeCloseTo(1 / 3);
  });

  it('have no tenants where they belong to everybody', async () => {
    const { cache } = await start();
    expect(() => cache('countries').forTenant('acme')).toThrow(/belongs to everybody/);
    expect(await cache('countries').forAllTenants().clear()).toBe(true);
  });

  it('are the tenant’s of the call in providers of requests, too', async () => {
    const { resolve } = await harness.start(RequestScoped, options);
    for (const tenant of ['acme', 'globex']) {
      await as(tenant, async () => {
        const instance = await resolve(RequestScoped);
        expect((await instance.find(1)).of).toBe(tenant);
      });
    }
  });

  it('know the tenant by a storage of the application', async () => {
    const storage = new AsyncLocalStorage<string>();
    @Injectable()
    class Reports {
      @Cacheable('reports')
      async find(id: number) {
        return `${storage.getStore()} ${id}`;
      }
    }
    const { service } = await harness.start(Reports, {
      tenancy: { resolve: () => storage.getStore() },
    });
    for (const tenant of ['acme', 'globex', 'acme']) {
      expect(await storage.run(tenant, () => service.find(1))).toBe(`${tenant} 1`);
    }
    await expect(service.find(1)).rejects.toBeInstanceOf(TenantRequiredError);
    // What is said out loud counts more than what the storage holds.
    const other = storage.run('acme', () => as('globex', () => service.find(1)));
    expect(await other).toBe('globex 1');
  });

  it('refuse a tenant that is none, before the method', async () => {
    const answers: unknown[] = ['', 7, {}, 'x'.repeat(257), Promise.resolve('acme')];
    for (const answer of answers) {
      const { service } = await harness.start(Invoices, {
        tenancy: { resolve: () => answer as string },
      });
      await expect(service.find(1)).rejects.toMatchObject({ code: 'CACHE_IDENTITY' });
      expect(service.runs).toEqual([]);
    }
    const failing = () => {
      throw new Error('no request');
    };
    const { service } = await harness.start(Invoices, { tenancy: { resolve: failing } });
    await expect(service.find(1)).rejects.toMatchObject({ code: 'CACHE_OPTION_FAILED' });
    expect(service.runs).toEqual([]);
  });

  it('tell lifetimes whose entry it is', async () => {
    const told: (string | undefined)[] = [];
    const ttl = ({ tenant }: { tenant?: string }) => {
      told.push(tenant);
      return '1m';
    };
    const { service } = await harness.start(Invoices, {
      ...options,
      caches: { invoices: { ttl }, countries: { ttl, scope: 'global' } },
    });
    await as('acme', () => Promise.all([service.find(1), service.country(1)]));
    expect(new Set(told)).toEqual(new Set(['acme', undefined]));
  });

  it('are injected like any other', async () => {
    @Injectable()
    class Reader {
      constructor(@InjectCache('invoices') readonly invoices: Cache<number, string>) {}
    }
    const { service } = await harness.start(Reader, { tenancy: {}, caches: { invoices: {} } });
    for (const tenant of ['acme', 'globex']) {
      await as(tenant, () => service.invoices.put(1, tenant));
    }
    expect(await as('acme', () => service.invoices.get(1))).toBe('acme');
  });
});

describe('A scope that nobody can know', () => {
  const harness = onTier('memory');

  it.each([
    [{ caches: { a: { scope: 'tenant' } } }, 'caches.a.scope', 'tenancy'],
    [{ caches: { a: { scope: 'user' } } }, 'caches.a.scope', 'tenancy or identity'],
    [{ defaults: { scope: 'tenant' } }, 'defaults.scope', 'tenancy'],
    [
      { identity: () => undefined, caches: { a: { scope: 'tenant' } } },
      'caches.a.scope',
      'tenancy',
    ],
  ] as const)('is a fault at start-up: %j', async (options, path, remedy) => {
    const error = (await harness.refusal(() => Invoices, options)) as Error;
    expect(error.message).toContain(`${path}: '`);
    expect(error.message).toContain(`set the option ${remedy} of forRoot`);
  });
});
