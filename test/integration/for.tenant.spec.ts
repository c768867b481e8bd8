import { describe, expect, it } from '@jest/globals';
import { Cacheable, CacheContext, glob, TenantRequiredError } from 'nestjs-elasticache';
import { onTier, tiers } from '../support/cache.application.js';
import { until } from '../support/waiting.js';

class Invoices {
  @Cacheable('totals')
  async total() {
    return { of: CacheContext.current()?.tenant };
  }
}

const options = {
  tenancy: {},
  caches: { reports: {}, drafts: { scope: 'user' } },
} as const;

/** Somebody of globex, who works for acme. */
const ann = { tenant: 'globex', user: 'ann', roles: ['support'] };
const asAnn = <T>(work: () => T): T => CacheContext.run(ann, work);

describe.each(tiers)('A cache for another tenant, %s', (tier) => {
  const harness = onTier(tier);
  const start = () => harness.start(Invoices, options);

  it('loads and makes on behalf of that one, so that what is cached there is its own', async () => {
    const { service, cache } = await start();
    const reports = cache('reports').forTenant('acme');
    const acmes = { of: 'acme' };
    await asAnn(() => service.total());
    const made: unknown[] = await asAnn(async () => [
      await reports.getOrLoad(1, () => service.total()),
      (await reports.getOrLoadMany([2], async () => new Map([[2, await service.total()]]))).get(2),
      await reports.put(3, () => service.total()),
      await reports.get(3),
      CacheContext.current(),
    ]);
    expect(made).toEqual([acmes, acmes, undefined, acmes, ann]);
    const own = cache('reports');
    const found = await CacheContext.run({ tenant: 'acme' }, () => own.getMany([1, 2, 3]));
    expect([...found.values()]).toEqual([acmes, acmes, acmes]);
    expect((await asAnn(() => own.getMany([1, 2, 3]))).size).toBe(0);
  });

  it('asks options on its behalf, for whoever acts', async () => {
    const { cache } = await start();
    const told: unknown[] = [];
    const tell = <T>(answer: T) => {
      told.push(CacheContext.current());
      return answer;
    };
    const asked = { ttl: () => tell('1m'), unless: () => tell(false), tags: () => tell(['a']) };
    const reports = cache('reports').forTenant('acme');
    await asAnn(() => reports.getOrLoad(1, async () => 'loaded', asked));
    expect(told).toEqual(told.map(() => ({ ...ann, tenant: 'acme' })));
    expect(told.length).toBeGreaterThanOrEqual(3);
  });

  it('loads anew behind its reader’s back on its behalf, too', async () => {
    const { service, cache } = await start();
    const reports = cache('reports').forTenant('acme');
    const read = () =>
      asAnn(() =>
        reports.getOrLoad(1, () => service.total(), { ttl: '1m', refreshAhead: 0.000_000_1 }),
      );
    await read();
    await until('it is loaded anew', async () => {
      expect(await read()).toEqual({ of: 'acme' });
      return reports.stats().loads > 2;
    });
    expect(await read()).toEqual({ of: 'acme' });
  });

  it('is of the same user where users are kept apart, and of nobody else', async () => {
    const { cache } = await start();
    const drafts = cache('drafts').forTenant('acme');
    await asAnn(() => drafts.put(1, 'Ann’s'));
    const as = (user: string) =>
      CacheContext.run({ tenant: 'acme', user }, () => cache('drafts').get(1));
    expect([await as('ann'), await as('bob')]).toEqual(['Ann’s', undefined]);
    for (const required of [true, false]) {
      const other = await harness.start(Invoices, { ...options, tenancy: { required } });
      const nobodys = other.cache('drafts').forTenant('acme');
      await expect(nobodys.clear()).rejects.toBeInstanceOf(TenantRequiredError);
      expect(() => nobodys.stats()).toThrow(TenantRequiredError);
    }
  });

  it('is kept for later, and for whoever then calls', async () => {
    const { cache } = await start();
    const reports = cache('reports').forTenant('acme');
    expect(reports.name).toBe('reports');
    await reports.putMany([
      [1, 'a'],
      [2, 'b'],
    ]);
    expect(await reports.putIfAbsent(1, 'c')).toBe('a');
    expect(await asAnn(() => reports.getEntry(1))).toMatchObject({ value: 'a' });
    expect(await reports.explain(1)).toMatchObject({ found: 'fresh' });
    expect(await reports.forTenant('globex').get(1)).toBeUndefined();
    expect(await reports.evict(1)).toBe(true);
    expect(await reports.evictMatching(glob`*`)).toBe(1);
    expect(reports.forAllTenants().stats().evictions).toBe(reports.stats().evictions);
  });
});
