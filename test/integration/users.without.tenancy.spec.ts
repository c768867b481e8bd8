import { describe, expect, it } from '@jest/globals';
import { Cacheable, CacheContext, CacheEvict } from 'nestjs-elasticache';
import { onTier, tiers } from '../support/cache.application.js';

class Drafts {
  runs = 0;

  @Cacheable('drafts', { tags: ['drafts'] })
  async find(id: number) {
    return { ...CacheContext.current(), id, run: ++this.runs };
  }

  @Cacheable('countries')
  async country(_id: number) {
    return { run: ++this.runs };
  }

  @CacheEvict({ tags: ['drafts'] })
  async evictTags(): Promise<void> {}
}

const options = {
  identity: () => undefined,
  caches: { drafts: { scope: 'user' } },
} as const;

describe.each(tiers)('Caches of users in an application without tenants, %s', (tier) => {
  const harness = onTier(tier);
  const start = () => harness.start(Drafts, options);

  it('keep users apart', async () => {
    const { service, keyOf } = await start();
    for (const user of ['ann', 'bob', 'ann']) {
      expect(await CacheContext.run({ user }, () => service.find(1))).toMatchObject({ user });
    }
    await service.country(1);
    expect(service.runs).toBe(3);
    if (tier === 'memory') return;
    const keys = (await harness.redis.command('KEYS', '*')) as string[];
    expect(keys).toContain(keyOf('drafts', '1').replace(':global:', ':u=ann:'));
    expect(keys).toContain(keyOf('countries', '1'));
  });

  it('keep users apart whose name is one, and whose tenants differ', async () => {
    const { service, cache } = await start();
    const drafts = cache('drafts');
    const identities = ['acme', 'globex'].map((tenant) => ({ tenant, user: '7' }));
    const as = <T>(i: number, work: () => T) => CacheContext.run(identities[i]!, work);
    const read = (i: number) => as(i, () => service.find(1));
    for (const i of [0, 1, 0, 1]) expect(await read(i)).toMatchObject(identities[i]!);
    expect(service.runs).toBe(2);
    expect(await as(1, () => drafts.forTenant('acme').get(1))).toMatchObject(identities[0]!);
    await as(0, () => drafts.clear());
    expect([await read(0), await read(1)]).toMatchObject([{ run: 3 }, { run: 2 }]);
  });

  it('evict tags for all, as nobody else’s are there', async () => {
    const { service } = await start();
    const identities = [{ user: '7' }, { tenant: 'acme', user: '7' }];
    const readAll = () =>
      Promise.all(identities.map((identity) => CacheContext.run(identity, () => service.find(1))));
    await readAll();
    await service.evictTags();
    expect(await readAll()).toMatchObject([{ run: 3 }, { run: 4 }]);
    await CacheContext.run(identities[1]!, () => service.evictTags());
    expect(await readAll()).toMatchObject([{ run: 5 }, { run: 6 }]);
  });
});
