import { describe, expect, it } from '@jest/globals';
import { Cacheable, CacheableMany, CacheContext, CacheEvict } from 'nestjs-elasticache';
import { onTier } from '../support/cache.application.js';

const options = {
  tenancy: {},
  caches: { own: {}, other: {}, drafts: { scope: 'user' }, all: { scope: 'global' } },
} as const;

const whose = async (): Promise<string | undefined> => CacheContext.current()?.tenant;
const as = <T>(tenant: string, work: () => T): T => CacheContext.run({ tenant, user: 'ann' }, work);

class Named {
  @Cacheable(['own', 'all'])
  async find(_id: number) {
    return whose();
  }

  @CacheableMany(['drafts', 'own'], { keys: (ids: number[]) => ids })
  async findMany(ids: number[]) {
    return Promise.all(ids.map(whose));
  }
}

class Stacked {
  @Cacheable('own')
  @Cacheable('all')
  async find(_id: number) {
    return whose();
  }
}

const isGuest = () => CacheContext.current()?.roles?.includes('guest') ?? false;

class Allowed {
  @Cacheable(['own', 'other'])
  async find(_id: number) {
    return whose();
  }

  /** One or the other. */
  @Cacheable('own', { condition: () => !isGuest() })
  @Cacheable('all', { condition: isGuest })
  async either(_id: number) {
    return isGuest() ? 'a guest' : whose();
  }

  @CacheEvict(['own', 'all', 'drafts'], { key: (id: number) => id })
  async remove(_id: number): Promise<void> {}
}

class Resolved {
  runs = 0;

  @Cacheable({ cacheResolver: () => ['own', 'all'] })
  async find(_id: number) {
    this.runs++;
    return whose();
  }

  @Cacheable('own', { condition: () => true })
  @Cacheable('all', { condition: () => true })
  async both(_id: number) {
    this.runs++;
    return whose();
  }
}

class Stacking extends Resolved {
  @Cacheable({ cacheResolver: () => ['own'] })
  @Cacheable('all')
  async stacked(_id: number) {
    this.runs++;
    return whose();
  }
}

describe('What one call reads from and stores in caches of different scopes', () => {
  const harness = onTier('memory');

  it('is a fault at start-up, as what is one tenant’s would be given to all', async () => {
    const error = (await harness.refusal(() => Named, options)) as Error;
    const problem =
      'of different scopes: what it stores for one tenant or user would be read by others';
    expect(error.message).toContain(
      `@Cacheable on Named.find: its caches 'own' and 'all' are ${problem}`,
    );
    expect(error.message).toContain(
      `@CacheableMany on Named.findMany: its caches 'drafts' and 'own' are ${problem}`,
    );
    const stacked = (await harness.refusal(() => Stacked, options)) as Error;
    expect(stacked.message).toContain(`Stacked.find: its caches 'own' and 'all' are ${problem}`);
  });

  it('is refused before the method runs where it is known no earlier', async () => {
    const { service } = await harness.start(Stacking, options);
    const calls = [() => service.find(1), () => service.both(1), () => service.stacked(1)];
    for (const call of calls) {
      await expect(as('acme', call)).rejects.toMatchObject({ code: 'CACHE_CONFIGURATION' });
    }
    expect(service.runs).toBe(0);
  });

  it('is no matter where the scope is one, one of both is asked, or entries are evicted', async () => {
    const { service } = await harness.start(Allowed, options);
    expect(await as('acme', () => service.find(1))).toBe('acme');
    expect(await as('globex', () => service.find(1))).toBe('globex');
    expect(await as('acme', () => service.either(1))).toBe('acme');
    const guest = { tenant: 'globex', user: 'bob', roles: ['guest'] };
    expect(await CacheContext.run(guest, () => service.either(1))).toBe('a guest');
    expect(await as('globex', () => service.either(1))).toBe('globex');
    await as('acme', () => service.remove(1));
  });

  it('is no matter where caching is off, or nobody is kept apart', async () => {
    for (const given of [{ ...options, enabled: false }, {}]) {
      const { service } = await harness.start(Named, given);
      expect(await as('acme', () => service.find(1))).toBe('acme');
    }
  });
});
