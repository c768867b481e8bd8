import { describe, expect, it } from '@jest/globals';
import { Cacheable, CacheableMany, CacheEvict } from 'nestjs-elasticache';
import type { CacheOptions } from 'nestjs-elasticache';
import { gate, onTier, recordFailures, tiers } from '../support/cache.application.js';
import { until } from '../support/waiting.js';

interface Row {
  readonly id: number;
  readonly load: number;
}

class Rows {
  loads = 0;
  asked: number[][] = [];
  door = gate();
  error: Error | undefined;

  private async load(ids: number[]): Promise<Row[]> {
    this.asked.push(ids);
    const load = ++this.loads;
    const { door, error } = this;
    await door.opened;
    if (error) throw error;
    return ids.map((id) => ({ id, load }));
  }
  @Cacheable(['near', 'far'])
  async find(id: number): Promise<Row> {
    return (await this.load([id]))[0]!;
  }
  @CacheableMany(['near', 'far'])
  findInBoth(ids: number[]): Promise<Row[]> {
    return this.load(ids);
  }
  @CacheableMany('far')
  findFar(ids: number[]): Promise<Row[]> {
    return this.load(ids);
  }
  @CacheableMany('far')
  @CacheEvict('lists', { allEntries: true })
  async sync(ids: number[]): Promise<Row[]> {
    return this.load(ids);
  }
}

describe.each(tiers)('A batch over two caches, %s', (name) => {
  const tier = onTier(name);

  async function start(near: CacheOptions = {}, far: CacheOptions = {}) {
    const failures = recordFailures();
    const running = await tier.start(Rows, {
      errorHandler: failures.handle,
      defaults: { jitter: 0, timeouts: { store: '5s', wait: '5m' } },
      caches: { near, far, lists: {} },
    });
    const { cache, service } = running;
    return { ...running, rows: service, failures, near: cache('near'), far: cache('far') };
  }

  it('stores in each with the tags of that one', async () => {
    const { rows, manager, near, far } = await start({ tags: ['n'] }, { tags: ['f'] });
    rows.door.open();
    await rows.findInBoth([7]);
    const tagsOf = async (cache: typeof near) => (await cache.getEntry(7))?.tags;
    expect([await tagsOf(near), await tagsOf(far)]).toEqual([['n'], ['f']]);
    await manager.evictTags('f');
    expect([await near.get(7), await far.get(7)]).toEqual([{ id: 7, load: 1 }, undefined]);
  });

  it('keeps nobody from reading the second while it loads', async () => {
    const { rows, far } = await start();
    const batch = rows.findInBoth([7]);
    await until('the batch loads', () => rows.loads === 1);
    const reading = far.getOrLoad(7, async () => ({ id: 7, load: 99 }));
    rows.door.open();
    await batch;
    expect(await reading).toMatchObject({ id: 7 });
  });

  it('never answers with null for a row that exists, while the second is filled by another load', async () => {
    const { rows, far } = await start();
    rows.door.open();
    for (let id = 0; id < 300; id++) {
      await far.clear();
      const single = rows.find(id);
      for (let n = 0; n < id % 12; n++) await new Promise((resolve) => setImmediate(resolve));
      expect(await rows.findFar([id])).toEqual([expect.objectContaining({ id })]);
      await single;
    }
  });

  it('evicts after its method, also where a load that it waited for has failed first', async () => {
    const { rows, far, cache } = await start();
    await cache('lists').put('all', 'old');
    const failing = gate();
    const other = far.getOrLoad(1, async () => {
      await failing.opened;
      throw new Error('own');
    });
    const refused = other.catch(() => undefined);
    await until('it is being loaded', async () => (await far.explain(1)).lease !== 'none');
    const synced = rows.sync([1, 2]).catch((error: Error) => error.message);
    await until('the method runs', () => rows.loads === 1);
    failing.open();
    await refused;
    rows.door.open();
    expect(await synced).toBe('own');
    expect(await cache('lists').get('all')).toBeUndefined();
  });

  it('gives up the lease of what cannot be stored', async () => {
    const { far, failures } = await start();
    const load = async (ids: number[]) =>
      new Map<number, unknown>(ids.map((id) => [id, id === 2 ? { f: () => 1 } : id]));
    await far.getOrLoadMany([1, 2, 3], load as never);
    expect(failures.seen.map(({ error }) => error.code)).toEqual(['CACHE_SERIALIZATION']);
    // Long before the lease would end by itself.
    const isGivenUp = async () => (await far.explain(2)).lease === 'none';
    await until('it is given up', isGivenUp, 2_000);
  });

  it('renews in the background what is stale in the second alone', async () => {
    const short = { ttl: 1, staleWhileRevalidate: '1h' };
    const { rows, far } = await start({ ttl: 1 }, short);
    rows.door.open();
    await rows.findInBoth([7]);
    await until('it has expired', async () => (await far.getEntry(7))?.stale === true);
    expect(await rows.findInBoth([7])).toEqual([{ id: 7, load: 1 }]);
    await until('it is loaded anew', () => rows.loads > 1);
  });

  it('serves what is stale where there is no room to load', async () => {
    const { rows, far } = await start({}, { ttl: 1, staleIfError: '1h', loads: { concurrent: 1 } });
    rows.door.open();
    await rows.findFar([7]);
    await until('it has expired', async () => (await far.getEntry(7))?.stale === true);
    rows.door = gate();
    const busy = rows.findFar([8]);
    await until('there is no room', () => rows.loads === 2);
    expect(await rows.findFar([7])).toEqual([{ id: 7, load: 1 }]);
    rows.door.open();
    await busy;
    expect(rows.asked).toEqual([[7], [8]]);
  });
});
