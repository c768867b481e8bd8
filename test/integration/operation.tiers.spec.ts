/** Two applications on one Redis, with operations that go without one of their cache's tiers. */
import { describe, expect, it } from '@jest/globals';
import { Cacheable, CacheableMany, CacheEvict, CachePut, fromResult } from 'nestjs-elasticache';
import type { CacheOptions } from 'nestjs-elasticache';
import { onTier, type Running } from '../support/cache.application.js';
import { commandsDuring } from '../support/command.counts.js';
import { gate } from '../support/gate.js';
import { until } from '../support/waiting.js';

interface Row {
  readonly id: number;
  readonly title: string;
}

class Rows {
  /** The database, for all instances. */
  static titles = new Map<number, string>();
  static hold: Promise<void> | undefined;
  loads = 0;

  @Cacheable('rows')
  find(id: number): Promise<Row> {
    return this.load(id);
  }
  @Cacheable('rows', { memory: false })
  findShared(id: number): Promise<Row> {
    return this.load(id);
  }
  @Cacheable('rows', { key: (id) => id, shared: false, tags: (id) => [`row:${id}`] })
  findHere(id: number): Promise<Row> {
    return this.load(id);
  }
  @CacheableMany('rows', { memory: false })
  findManyShared(ids: number[]): Promise<Row[]> {
    return Promise.all(ids.map((id) => this.load(id)));
  }
  @CacheableMany('rows', { shared: false })
  findManyHere(ids: number[]): Promise<Row[]> {
    return Promise.all(ids.map((id) => this.load(id)));
  }
  @Cacheable('pages', { key: (id) => id })
  async page(id: number): Promise<string> {
    return `<h1>${(await this.findHere(id)).title}</h1>`;
  }
  @CachePut('rows', { key: (id) => id, shared: false, tags: (id) => [`row:${id}`] })
  async saveHere(id: number, title: string): Promise<Row> {
    return this.write(id, title);
  }
  @CachePut('rows', { key: fromResult(({ id }: Row) => id), shared: false })
  async createHere(id: number, title: string): Promise<Row> {
    return this.write(id, title);
  }
  @CacheEvict('rows', { key: (id) => id })
  async rename(id: number, title: string): Promise<void> {
    Rows.titles.set(id, title);
  }

  private async write(id: number, title: string): Promise<Row> {
    Rows.titles.set(id, title);
    await Rows.hold;
    return { id, title };
  }
  private async load(id: number): Promise<Row> {
    this.loads++;
    await Rows.hold;
    return { id, title: Rows.titles.get(id) ?? 'first' };
  }
}

describe('An operation', () => {
  const tier = onTier('redis');
  let namespaces = 0;

  async function startTwo(more: CacheOptions = {}) {
    const options = {
      namespace: `tiers${++namespaces}`,
      defaults: { jitter: 0, memory: {}, timeouts: { store: '5s' } },
      caches: { rows: { ...more } },
    };
    Rows.titles.clear();
    Rows.hold = undefined;
    return [await tier.start(Rows, options), await tier.start(Rows, options)] as const;
  }

  /** How often Redis was asked for entries or versions. */
  async function reads(work: () => Promise<unknown>): Promise<number> {
    return (await commandsDuring(tier.redis, work)).of['mget'] ?? 0;
  }

  async function inMemory(find: () => Promise<unknown>): Promise<void> {
    await until('a hit in memory', async () => {
      await find();
      return (await reads(find)) === 0;
    });
  }

  const inRedis = async ({ keyOf }: Running<Rows>, id: number) =>
    Number(await tier.redis.command('EXISTS', keyOf('rows', String(id)))) === 1;

  describe('without memory', () => {
    it('asks Redis, whatever there is a copy of', async () => {
      const [one] = await startTwo();
      await inMemory(() => one.service.find(7));
      const cache = one.cache('rows');
      const ways = [
        () => one.service.findShared(7),
        () => one.service.findManyShared([7]),
        () => cache.getOrLoad(7, async () => ({}), { memory: false }),
        () => cache.getOrLoadMany([7], async () => new Map(), { memory: false }),
      ];
      for (const way of ways) expect(await reads(way)).toBe(1);
      expect(one.service.loads).toBe(1);
    });

    it('leaves no copy: of what it finds, nor of what it loads', async () => {
      const [one, two] = await startTwo();
      await inMemory(() => one.service.find(1)); // copies are taken
      await inMemory(() => two.service.find(1));
      await one.service.findShared(7);
      await one.service.findManyShared([8]);
      expect(await reads(() => one.service.find(7))).toBe(1);
      expect(await reads(() => one.service.find(8))).toBe(1);
      await two.service.findShared(7);
      await two.service.findManyShared([8]);
      expect(await reads(() => two.service.find(7))).toBe(1);
      expect(await reads(() => two.service.find(8))).toBe(1);
      expect(await reads(() => two.service.find(7))).toBe(0);
    });
  });

  describe('without the shared tier', () => {
    it.each<[string, (one: Running<Rows>) => Promise<unknown>]>([
      ['@Cacheable', ({ service }) => service.findHere(7)],
      ['@CacheableMany', ({ service }) => service.findManyHere([7])],
      ['@CachePut', ({ service }) => service.saveHere(7, 'first')],
      [
        'getOrLoad',
        ({ cache }) => cache('rows').getOrLoad(7, async () => row('first'), { shared: false }),
      ],
      [
        'getOrLoadMany',
        ({ cache }) => {
          const load = async () => new Map([[7, row('first')]]);
          return cache('rows').getOrLoadMany([7], load, { shared: false });
        },
      ],
      [
        'a put of what a function makes',
        ({ cache }) => cache('rows').put(7, async () => row('first'), { shared: false }),
      ],
      ['a put', ({ cache }) => cache('rows').put(7, row('first'), { shared: false })],
      ['putMany', ({ cache }) => cache('rows').putMany([[7, row('first')]], { shared: false })],
    ])('%s keeps it in its process alone', async (_, keep) => {
      const [one, two] = await startTwo();
      await inMemory(() => one.service.find(1));
      await keep(one);
      const { loads } = one.service;
      expect(await inRedis(one, 7)).toBe(false);
      expect(await reads(() => one.service.find(7))).toBe(0);
      expect(await one.service.find(7)).toEqual(row('first'));
      expect(one.service.loads).toBe(loads);
      expect(await two.cache('rows').get(7)).toBeUndefined();
    });

    it.each<[string, (two: Running<Rows>) => Promise<unknown>]>([
      ['an eviction', ({ service }) => service.rename(7, 'second')],
      ['an eviction of a tag', ({ manager }) => manager.evictTags('row:7')],
      ['clearing', ({ cache }) => cache('rows').clear()],
      ['a put like it', ({ service }) => service.saveHere(7, 'second')],
    ])('what it kept ends with %s elsewhere', async (_, invalidate) => {
      const [one, two] = await startTwo();
      await inMemory(() => one.service.findHere(7));
      Rows.titles.set(7, 'second');
      await invalidate(two);
      await until('the new title', async () => (await one.service.find(7)).title === 'second');
    });

    it('a put removes what it replaces, in Redis and from the memory of others', async () => {
      const [one, two] = await startTwo();
      await inMemory(() => one.service.find(7));
      await inMemory(() => two.service.find(7));
      await one.service.saveHere(7, 'second');
      expect(await inRedis(one, 7)).toBe(false);
      await until('the new title', async () => (await two.service.find(7)).title === 'second');
      expect((await one.service.find(7)).title).toBe('second');
    });

    it.each<[string, (one: Running<Rows>) => Promise<unknown>]>([
      ['a load', ({ service }) => service.findHere(7)],
      ['a put', ({ service }) => service.saveHere(7, 'first')],
    ])('%s keeps nothing that was evicted meanwhile', async (_, keep) => {
      const [one] = await startTwo();
      await inMemory(() => one.service.find(1));
      const { opened, open } = gate();
      Rows.hold = opened;
      const keeping = keep(one);
      await until('it is under way', async () => (await leaseOf(one, 7)) !== null);
      await one.cache('rows').evict(7);
      Rows.titles.set(7, 'second');
      open();
      await keeping;
      expect((await one.service.find(7)).title).toBe('second');
    });

    it('a put whose result names the key keeps it, unless another write comes between', async () => {
      const [one, two] = await startTwo();
      await inMemory(() => one.service.find(1));
      const { opened, open } = gate();
      const kept = async () => (await reads(() => one.cache('rows').get(7))) === 0;
      await one.service.createHere(7, 'first');
      expect(await kept()).toBe(true);
      await one.cache('rows').evict(7);
      Rows.hold = opened;
      const creating = one.service.createHere(7, 'second');
      await until('it is under way', () => Rows.titles.get(7) === 'second');
      await two.cache('rows').evict(8);
      open();
      await creating;
      expect(await kept()).toBe(false);
    });

    it('a put keeps nothing of which a tag was evicted meanwhile', async () => {
      const [one] = await startTwo();
      await inMemory(() => one.service.find(1));
      const { opened, open } = gate();
      Rows.hold = opened;
      const saving = one.service.saveHere(7, 'first');
      await until('it is under way', async () => (await leaseOf(one, 7)) !== null);
      await one.manager.evictTags('row:7');
      open();
      await saving;
      expect(await one.cache('rows').get(7)).toBeUndefined();
    });

    it('a page made of what it kept is evicted with its tags', async () => {
      const [one, two] = await startTwo();
      await inMemory(() => one.service.findHere(7));
      expect(await one.service.page(7)).toBe('<h1>first</h1>');
      const { loads } = one.service;
      expect([await one.service.page(7), one.service.loads]).toEqual(['<h1>first</h1>', loads]);
      Rows.titles.set(7, 'second');
      await two.manager.evictTags('row:7');
      await until('a new page', async () => (await one.service.page(7)) === '<h1>second</h1>');
    });

    it('strict: a load is kept, a put is not, as its writer might die before it tells', async () => {
      const [one] = await startTwo({ consistency: 'strict' });
      await inMemory(() => one.service.findHere(7));
      await one.service.saveHere(7, 'second');
      const { loads } = one.service;
      expect((await one.service.find(7)).title).toBe('second');
      expect(one.service.loads).toBe(loads + 1);
    });
  });

  async function leaseOf({ keyOf }: Running<Rows>, id: number): Promise<unknown> {
    return tier.redis.command('GET', `{${keyOf('rows', String(id))}}:lease`);
  }
});

function row(title: string): Row {
  return { id: 7, title };
}
