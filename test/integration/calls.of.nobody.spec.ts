import { describe, expect, it } from '@jest/globals';
import { Cacheable, CacheableMany, CacheContext } from 'nestjs-elasticache';
import { lastValueFrom, of } from 'rxjs';
import { onTier, tiers } from '../support/cache.application.js';

/** Whose tenant is known, but not who: to a cache of users they are nobody, each by himself. */
const as = <T>(tenant: string, work: () => T): T => CacheContext.run({ tenant }, work);
const whose = async (): Promise<string> => CacheContext.current()?.tenant ?? 'nobody';

class Drafts {
  @Cacheable('drafts')
  async plain(_id: number) {
    return whose();
  }

  @Cacheable('drafts', { condition: () => true })
  async conditional(_id: number) {
    return whose();
  }

  @Cacheable('drafts', { singleFlight: 'process' })
  async shared(_id: number) {
    return whose();
  }

  @CacheableMany('drafts', { keys: (ids: number[]) => ids })
  async many(ids: number[]) {
    const found = await whose();
    return ids.map(() => found);
  }

  @CacheableMany('drafts', { keys: (ids: number[]) => ids, singleFlight: 'process' })
  async sharedMany(ids: number[]) {
    const found = await whose();
    return ids.map(() => found);
  }

  @Cacheable('drafts', { singleFlight: 'process', returns: 'observable' })
  watch(_id: number) {
    return of(CacheContext.current()?.tenant);
  }
}

const options = { tenancy: { required: false }, caches: { drafts: { scope: 'user' } } } as const;
const process = { singleFlight: 'process' } as const;

describe.each(tiers)('Calls that nobody is known for, %s', (tier) => {
  const harness = onTier(tier);

  it.each([
    ['as they are', options],
    ['where caching is off', { ...options, enabled: false }],
  ])('share nothing, whatever they ask for, %s', async (_, given) => {
    const { service, cache } = await harness.start(Drafts, given);
    const drafts = cache('drafts');
    const reads: Record<string, () => Promise<unknown>> = {
      plain: () => service.plain(1),
      conditional: () => service.conditional(1),
      shared: () => service.shared(1),
      many: async () => (await service.many([1]))[0],
      sharedMany: async () => (await service.sharedMany([1]))[0],
      watch: () => lastValueFrom(service.watch(1)),
      getOrLoad: () => drafts.getOrLoad(1, whose),
      'getOrLoad of all': () => drafts.getOrLoad(1, whose, process),
      getOrLoadMany: async () =>
        (await drafts.getOrLoadMany([1], async () => new Map([[1, await whose()]]), process)).get(
          1,
        ),
    };
    const tenants = ['acme', 'globex', 'acme', 'initech'];
    for (const [name, read] of Object.entries(reads)) {
      const found = await Promise.all(tenants.map((tenant) => as(tenant, read)));
      expect([name, ...found]).toEqual([name, ...tenants]);
    }
  });
});
