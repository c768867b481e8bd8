/** Batches of several applications, and a load of their keys that brings nothing. */
import { describe, expect, it } from '@jest/globals';
import type { Cache } from 'nestjs-elasticache';
import { gate, onTier, times } from '../support/cache.application.js';
import { commandsDuring, countsOf } from '../support/command.counts.js';
import { startProgram } from '../support/application.process.js';
import { until } from '../support/waiting.js';

class Nothing {}

const KEYS = times(20, (i) => i);
let runs = 0;

describe('Batches that wait for the load of another process', () => {
  const tier = onTier('redis');

  async function start(count: number) {
    const namespace = `takeover${++runs}`;
    const caches: Cache<number, string>[] = [];
    for (let i = 0; i < count; i++) {
      const options = { namespace, defaults: { timeouts: { store: '5s' as const } } };
      caches.push((await tier.start(Nothing, options)).cache('articles') as Cache<number, string>);
    }
    const loads = new Map<number, number>();
    const load = async (missing: number[]) => {
      for (const key of missing) loads.set(key, (loads.get(key) ?? 0) + 1);
      return new Map(missing.map((key) => [key, `row ${key}`]));
    };
    const read = (i: number) => caches[i]!.getOrLoadMany(KEYS, load);
    const isWaiting = (i: number) => until('it waits', () => caches[i]!.stats().misses > 0);
    return { namespace, caches, loads, load, read, isWaiting };
  }

  const rows = new Map(KEYS.map((key) => [key, `row ${key}`]));
  const once = new Map(KEYS.map((key) => [key, 1]));

  async function expectTakenOver(
    { caches, loads }: Awaited<ReturnType<typeof start>>,
    reads: Promise<Map<number, string>>[],
  ) {
    for (const read of await Promise.all(reads)) expect(read).toEqual(rows);
    expect(new Map([...loads].sort(([a], [b]) => a - b))).toEqual(once);
    expect(await caches[1]!.getMany(KEYS)).toEqual(rows);
  }

  it.each(['throws', 'finds its keys evicted'])(
    'take over where it %s: one of them',
    async (how) => {
      const running = await start(4);
      const { caches, read, isWaiting } = running;
      const [started, door] = [gate(), gate()];
      const first = caches[0]!.getOrLoadMany(KEYS, async () => {
        started.open();
        await door.opened;
        if (how === 'throws') throw new Error('own');
        return new Map(KEYS.map((key) => [key, 'outdated']));
      });
      first.catch(() => {});
      await started.opened;
      const reads = [read(1), read(2), read(3)];
      await Promise.all([1, 2, 3].map(isWaiting));
      if (how !== 'throws') expect(await caches[1]!.evict(...KEYS)).toBe(true);
      door.open();
      await expectTakenOver(running, reads);
    },
  );

  it('take over where it is killed: one of them', async () => {
    const running = await start(3);
    const { namespace, read, isWaiting } = running;
    const holder = startProgram(
      `
      const app = await start();
      const cache = app.get(library.CacheManager).getCache('articles');
      cache.getOrLoadMany(${JSON.stringify(KEYS)}, () => { tell('loading'); return hangs(); });
      `,
      { namespace, connection: tier.redis.url },
    );
    expect(await holder.told()).toBe('loading');
    const reads = [read(1), read(2)];
    await Promise.all([1, 2].map(isWaiting));
    await holder.kill();
    await expectTakenOver(running, reads);
  });

  it('claim few of many keys in a round, and all of them once one is free', async () => {
    const many = times(300, (i) => i);
    const { caches, load, loads } = await start(2);
    const [started, door] = [gate(), gate()];
    const first = caches[0]!.getOrLoadMany(many, async () => {
      started.open();
      await door.opened;
      throw new Error('own');
    });
    first.catch(() => {});
    await started.opened;
    let runs = 0;
    const second = caches[1]!.getOrLoadMany(many, (missing) => (runs++, load(missing)));
    const { of } = await commandsDuring(tier.redis, async () => {
      const mgets = async () => (await countsOf(tier.redis))['mget'] ?? 0;
      await until('it has looked often', async () => (await mgets()) > 200);
    });
    expect(of['evalsha']).toBeLessThan(of['mget']!);
    door.open();
    expect((await second).size).toBe(many.length);
    expect([runs, loads.size]).toEqual([1, many.length]);
  });
});
