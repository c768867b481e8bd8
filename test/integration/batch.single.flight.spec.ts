import { describe, expect, it } from '@jest/globals';
import { Cacheable, CacheableMany } from 'nestjs-elasticache';
import type { Cache } from 'nestjs-elasticache';
import { Counter, gate, onTier, tiers, times } from '../support/cache.application.js';
import { timed, until } from '../support/waiting.js';

class Articles extends Counter {
  door = gate();
  started = gate();
  batches: number[][] = [];

  @CacheableMany('articles')
  async findMany(ids: number[]): Promise<string[]> {
    this.batches.push(ids);
    this.started.open();
    await this.door.opened;
    return ids.map((id) => `article ${id}`);
  }
  @Cacheable('articles')
  async find(id: number): Promise<string> {
    return (await this.findMany([id]))[0]!;
  }
}

const range = (from: number, count: number) => times(count, (i) => from + i);
const articlesOf = (ids: number[]) => ids.map((id) => `article ${id}`);

describe.each(tiers)('A batch beside a load of its keys, %s', (name) => {
  const tier = onTier(name);

  async function start() {
    const running = await tier.start(Articles, { defaults: { timeouts: { store: '5s' } } });
    return { ...running, articles: running.cache('articles') as Cache<number, string> };
  }

  /** Turns of the microtask queue from the end of a load to the calls that meet it; below 0 they come first. */
  const offsets = times(36, (i) => i - 8);

  it.each(offsets)(
    'that ends while it sits down gets its values at once, as does a single call: %s turns',
    async (offset) => {
      const { service, articles } = await start();
      const before = service.findMany([7]);
      await service.started.opened;
      const pass = async (turns: number) => {
        for (let i = 0; i < turns; i++) await Promise.resolve();
      };
      const never = async () => new Map<number, string>();
      const own = async () => 'own';
      const took = await timed(async () => {
        if (offset >= 0) service.door.open();
        await pass(offset);
        const batches = [articles.getOrLoadMany([7], never), service.findMany([7])] as const;
        const singles = [
          articles.getOrLoad(7, own),
          articles.getOrLoad(7, own, { singleFlight: 'process' }),
          articles.getOrLoad(7, own, { staleIfError: '1m' }),
        ];
        await pass(-offset);
        service.door.open();
        expect(await batches[0]).toEqual(new Map([[7, 'article 7']]));
        expect(await batches[1]).toEqual(['article 7']);
        expect(await Promise.all(singles)).toEqual(times(3, () => 'article 7'));
      });
      expect(await before).toEqual(['article 7']);
      expect(took).toBeLessThan(3_000);
      expect(service.batches).toEqual([[7]]);
    },
  );

  it('of many of them, however many travel at once, has every value', async () => {
    const { service } = await start();
    const first = service.findMany(range(0, 350));
    await service.started.opened;
    const second = service.findMany(range(50, 450));
    const third = service.findMany(range(0, 10));
    service.door.open();
    expect(await first).toEqual(articlesOf(range(0, 350)));
    expect(await second).toEqual(articlesOf(range(50, 450)));
    expect(await third).toEqual(articlesOf(range(0, 10)));
    const loaded = service.batches.flat().sort((a, b) => a - b);
    expect(loaded).toEqual(range(0, 500));
  });

  it('whose loads end one by one loads nothing twice', async () => {
    const { service, articles } = await start();
    const doors = times(20, gate);
    const singles = doors.map((door, id) =>
      articles.getOrLoad(id, async () => {
        await door.opened;
        return `article ${id}`;
      }),
    );
    await articles.get(99);
    await new Promise(setImmediate);
    service.door.open();
    const batch = service.findMany(range(0, 22));
    for (const door of doors) {
      door.open();
      await Promise.resolve();
    }
    expect(await batch).toEqual(articlesOf(range(0, 22)));
    await Promise.all(singles);
    for (const ids of service.batches) expect(ids.every((id) => id >= 20)).toBe(true);
  });

  it('that fails fails with it, and the next one loads', async () => {
    const { service, articles } = await start();
    const door = gate();
    const error = new Error('own');
    const fail = () => door.opened.then(() => Promise.reject(error));
    const single = articles.getOrLoad(7, fail);
    single.catch(() => {});
    await looksAndClaims(articles);
    const batch = service.findMany([7]);
    batch.catch(() => {});
    await looksAndClaims(articles);
    door.open();
    await expect(single).rejects.toBe(error);
    await expect(batch).rejects.toBe(error);
    service.door.open();
    expect(await service.findMany([7])).toEqual(['article 7']);
  });
});

/** Time for a call to look and to claim: what is asked later is answered later. */
async function looksAndClaims(articles: Cache<number, string>): Promise<void> {
  for (let trip = 0; trip < 3; trip++) {
    await articles.get(99);
    await new Promise(setImmediate);
  }
}

describe('Batches of several applications', () => {
  const tier = onTier('redis');

  it('load each key once, whoever comes first, and each has them all', async () => {
    const options = { namespace: 'batches', defaults: { timeouts: { store: '5s' } } };
    const running = await Promise.all(times(4, () => tier.start(Articles, options)));
    const asked = running.map((_, i) => range(i * 10, 40));
    const calls = running.map(({ service }, i) => service.findMany(asked[i]!));
    const loaded = () => running.flatMap(({ service }) => service.batches.flat());
    await until('every key is being loaded', () => loaded().length === 70);
    for (const { service } of running) service.door.open();
    expect(await Promise.all(calls)).toEqual(asked.map(articlesOf));
    expect(loaded().sort((a, b) => a - b)).toEqual(range(0, 70));
    expect(await running[0]!.service.findMany(range(0, 70))).toEqual(articlesOf(range(0, 70)));
  });
});
