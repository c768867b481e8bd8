/** Loads within loads, where tags are evicted at the worst moment, nothing can be stored, or a load meets itself. */
import { describe, expect, it } from '@jest/globals';
import { Cacheable, CacheableMany, CacheTransaction } from 'nestjs-elasticache';
import type { Cache, CacheOptions } from 'nestjs-elasticache';
import { from, lastValueFrom, mergeMap } from 'rxjs';
import { gate, onTier, tiers } from '../support/cache.application.js';

const USER = ['user:7'];

class Nothing {}

class Base {
  loads = 0;
  @Cacheable('users', { key: (id) => id, tags: (id) => [`user:${id}`] })
  async find(id: number): Promise<string> {
    return `user ${id}`;
  }
}
class Override extends Base {
  @Cacheable('users', { key: (id) => id, tags: (id) => [`user:${id}`] })
  override async find(id: number): Promise<string> {
    this.loads++;
    return super.find(id);
  }
}
class Batched extends Base {
  @CacheableMany('users', { keys: (ids: number[]) => ids, tags: (id) => [`user:${id}`] })
  async findMany(ids: number[]): Promise<string[]> {
    this.loads++;
    return Promise.all(ids.map((id) => this.find(id)));
  }
}
class Streamed extends Base {
  @Cacheable('pages', { key: () => 'all', returns: 'observable' })
  all() {
    return from(['a', 'b']);
  }
}

describe.each(tiers)('Loads within loads, %s', (name) => {
  const tier = onTier(name);

  async function start(caches: Record<string, CacheOptions> = {}) {
    const { cache, manager } = await tier.start(Nothing, { caches });
    const [users, pages] = [cache('users'), cache('pages')] as Cache<string | number, any>[];
    const row = { name: 'Ann' };
    const evict = async (name: string) => {
      row.name = name;
      await manager.evictTags(...USER);
    };
    return { users: users!, pages: pages!, cache, row, evict };
  }

  it('are stored where a load reads what it loads', async () => {
    const overridden = (await tier.start(Override)).service;
    const batched = (await tier.start(Batched)).service;
    const { cache } = await tier.start(Nothing, { caches: { own: { tags: ['all'] } } });
    let loads = 0;
    const own = cache('own');
    for (let i = 0; i < 3; i++) {
      await overridden.find(7);
      await batched.findMany([7, 8]);
      await own.getOrLoad(7, () => (loads++, own.getOrLoad(7, async () => 'itself')));
    }
    expect([overridden.loads, batched.loads, loads]).toEqual([1, 1, 1]);
  });

  it('are stored where a unit of work stores nothing', async () => {
    const { users, pages } = await start();
    let loads = 0;
    const page = () =>
      pages.getOrLoad(1, () =>
        CacheTransaction.run(async () => {
          loads++;
          return users.getOrLoad(7, async () => 'Ann', { tags: USER });
        }),
      );
    for (let i = 0; i < 3; i++) await page();
    expect(loads).toBe(1);
    expect((await pages.getEntry(1))?.tags).toEqual(USER);
  });

  it('are invalid where the row was read before, and the inner entry after the eviction', async () => {
    const { users, pages, row, evict } = await start();
    const [read, door] = [gate(), gate()];
    const page = () =>
      pages.getOrLoad(
        1,
        async () => {
          const { name } = row;
          read.open();
          await door.opened;
          return [name, await users.getOrLoad(7, async () => row.name, { tags: USER })];
        },
        { tags: () => USER },
      );
    const old = page();
    await read.opened;
    await evict('Bea');
    door.open();
    await old;
    expect(await page()).toEqual(['Bea', 'Bea']);
  });

  it('are invalid where of two inner entries the older one comes last', async () => {
    const { users, pages, row, evict } = await start();
    const [read, door] = [gate(), gate()];
    let isFirst = true;
    const page = () =>
      pages.getOrLoad(1, async () => {
        const slowly = async () => {
          const { name } = row;
          if (!isFirst) return name;
          read.open();
          await door.opened;
          return name;
        };
        const slow = users.getOrLoad('slow', slowly, { tags: USER });
        if (isFirst) await read.opened.then(() => evict('Bea'));
        const fast = await users.getOrLoad('fast', async () => row.name, { tags: USER });
        isFirst = false;
        door.open();
        return `${await slow} and ${fast}`;
      });
    expect(await page()).toBe('Ann and Bea');
    expect(await page()).toBe('Bea and Bea');
  });

  it.each<[string, (users: Cache, name: () => string) => Promise<unknown>]>([
    [
      'whose value is ruled out',
      (users, name) =>
        users.getOrLoad(7, async () => name(), { tags: () => USER, unless: () => true }),
    ],
    [
      'that fails',
      (users, name) => {
        const load = async () => {
          if (name() === 'Ann') throw new Error('not yet');
          return name();
        };
        return users.getOrLoad(7, load, { tags: USER }).catch(() => 'Ann');
      },
    ],
    [
      'that fails of what it has read',
      (users, name) => {
        const load = async () => {
          const user = await users.getOrLoad(7, async () => name(), { tags: USER });
          if (user === 'Ann') throw new Error('not she');
          return user;
        };
        return users.getOrLoad('permit', load).catch(() => 'Ann');
      },
    ],
    [
      'that finds nobody',
      async (users, name) => {
        const load = async () => new Map(name() === 'Ann' ? [] : [[7, name()]]);
        const found = await users.getOrLoadMany([7], load, { tags: USER });
        return found.get(7) ?? 'Ann';
      },
    ],
  ])('are evicted with an inner one %s', async (_, inner) => {
    const { users, pages, row, evict } = await start();
    const page = () => pages.getOrLoad(1, () => inner(users, () => row.name));
    expect(await page()).toBe('Ann');
    await evict('Bea');
    expect(await page()).toBe('Bea');
  });

  it('bear what reaches them through a cache in memory, found there or not', async () => {
    const { users, pages, cache, row, evict } = await start({
      profiles: name === 'memory' ? {} : { shared: false, memory: {} },
    });
    const user = () => users.getOrLoad(7, async () => row.name, { tags: USER });
    const profile = () => cache('profiles').getOrLoad(7, user);
    const both = async () => [
      await pages.getOrLoad('missed', profile),
      await pages.getOrLoad('hit', profile),
    ];
    await both();
    await evict('Bea');
    expect(await both()).toEqual(['Bea', 'Bea']);
  });

  it('bear nothing of another application, nor of what the caller does with an emission', async () => {
    const { service, cache } = await tier.start(Streamed);
    const other = (await tier.start(Nothing)).cache('users');
    let loads = 0;
    const page = () =>
      cache('pages').getOrLoad(1, async () => {
        loads++;
        return other.getOrLoad(7, async () => 'Ann', { tags: USER });
      });
    for (let i = 0; i < 3; i++) await page();
    expect(loads).toBe(1);
    await lastValueFrom(service.all().pipe(mergeMap(() => service.find(7))));
    expect((await cache('pages').getEntry('all'))?.tags).toEqual([]);
  });
});
