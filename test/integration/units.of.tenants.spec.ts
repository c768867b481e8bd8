import { describe, expect, it } from '@jest/globals';
import { CacheContext, CachePut, CacheTransaction, fromResult } from 'nestjs-elasticache';
import { onTier, tiers } from '../support/cache.application.js';

const told: unknown[] = [];
const tell = <T>(answer: T): T => {
  told.push(CacheContext.current());
  return answer;
};

class Prices {
  @CachePut('prices', {
    key: (id: number) => id,
    ttl: () => tell('1m'),
    tags: fromResult(() => tell(['prices'])),
  })
  async save(id: number) {
    return `${CacheContext.current()?.tenant} ${id}`;
  }
}

const acme = { tenant: 'acme', user: 'ann', roles: ['editor'] };
const globex = { tenant: 'globex', user: 'bob', roles: ['reader'] };

describe.each(tiers)('A unit of work of a tenant, %s', (tier) => {
  const harness = onTier(tier);

  it('asks options on behalf of who has written, whoever commits', async () => {
    const { service, cache } = await harness.start(Prices, { tenancy: {} });
    const prices = cache('prices');
    const ttl = () => tell('1m' as const);
    const write = async () => {
      await service.save(1);
      await prices.put(2, 'bare', { ttl });
      await prices.put(3, () => 'made', { ttl, tags: () => tell(['prices']) });
    };
    const unit = CacheTransaction.begin();
    await CacheContext.run(acme, () => unit.run(write));
    told.length = 0;
    // As a pooled connection does, whose hooks run where it was opened.
    await CacheContext.run(globex, () => unit.commit());
    expect(told.length).toBeGreaterThanOrEqual(5);
    expect(told).toEqual(told.map(() => acme));
    const read = () => prices.getMany([1, 2, 3]);
    expect([...(await CacheContext.run(acme, read)).values()]).toEqual(['acme 1', 'bare', 'made']);
    expect((await CacheContext.run(globex, read)).size).toBe(0);
  });

  it('may be of several, each of whose writes stay its own', async () => {
    const { service, cache } = await harness.start(Prices, { tenancy: {} });
    const prices = cache('prices');
    const all = [acme, globex];
    const read = (identity: typeof acme) => CacheContext.run(identity, () => prices.get(1));
    await CacheTransaction.run(async () => {
      for (const identity of all) await CacheContext.run(identity, () => service.save(1));
    });
    expect(await Promise.all(all.map(read))).toEqual(['acme 1', 'globex 1']);
    await CacheTransaction.run(async () => {
      await CacheContext.run(acme, () => prices.evict(1));
      expect(await Promise.all(all.map(read))).toEqual([undefined, 'globex 1']);
    });
    expect(await Promise.all(all.map(read))).toEqual([undefined, 'globex 1']);
  });
});
