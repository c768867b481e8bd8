import { afterEach, describe, expect, it } from '@jest/globals';
import { type CacheOptions, CacheTimeoutError, Cacheable, CacheableMany } from 'nestjs-elasticache';
import { FaultyRedis } from 'nestjs-elasticache/testing';
import { gate, onTier, times } from '../support/cache.application.js';
import { timed, until } from '../support/waiting.js';

const CALLERS = 1_000;
const CONCURRENT = 5;

/** A database that answers when its door is open, and counts how many ask it at a time. */
class Articles {
  running = 0;
  most = 0;
  loads = 0;
  door = gate();

  @Cacheable('articles')
  find(id: number): Promise<string> {
    return this.load(id);
  }
  @CacheableMany('articles')
  async findMany(ids: number[]): Promise<string[]> {
    await this.load(ids[0]!);
    return ids.map((id) => `article ${id}`);
  }

  private async load(id: number): Promise<string> {
    this.loads++;
    this.most = Math.max(this.most, ++this.running);
    await this.door.opened;
    // Not all in the turn in which the door is opened.
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
    this.running--;
    return `article ${id}`;
  }
}

/** Calls, how many of them have ended, and with what errors. */
function settling(calls: Promise<unknown>[]) {
  let settled = 0;
  const errors: unknown[] = [];
  for (const call of calls) {
    call.catch((error: unknown) => errors.push(error)).finally(() => settled++);
  }
  return {
    errors,
    until: (count: number) => until(`${count} calls have ended`, () => settled >= count),
  };
}

const faults: Record<string, (redis: FaultyRedis) => void> = {
  gone: (redis) => redis.partition(),
  hung: (redis) => redis.hang(),
};

describe.each(Object.keys(faults))('With Redis %s and 1,000 callers of a cold method', (fault) => {
  const tier = onTier('both');
  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });

  /** Nobody must be left to say that a promise was rejected. */
  function watchRejections(): unknown[] {
    const seen: unknown[] = [];
    const note = (reason: unknown) => void seen.push(reason);
    process.on('unhandledRejection', note);
    ends.push(() => process.off('unhandledRejection', note));
    return seen;
  }

  async function start(articles: CacheOptions) {
    const redis = await FaultyRedis.start(tier.connection().connection!);
    ends.push(() => redis.stop());
    const unhandled = watchRejections();
    const running = await tier.start(Articles, {
      connection: redis.url,
      errorHandler: () => {},
      defaults: { timeouts: {}, memory: { maxStaleness: '100ms' } },
      caches: { articles: { loads: { concurrent: CONCURRENT }, ...articles } },
    });
    const { service } = running;
    const cache = running.cache('articles');
    await until('it is connected', () => cache.evict('nothing'));
    return { service, cache, unhandled, strike: () => faults[fault]!(redis) };
  }

  const isFull = (service: Articles) => until('no room', () => service.running === CONCURRENT);
  const ids = times(CALLERS, (id) => id);

  it('the database is asked by no more at a time than there is room for, and all are served', async () => {
    const { service, strike, unhandled } = await start({ timeouts: { wait: '1m' } });
    strike();
    const singles = ids.map((id) => service.find(id));
    const batches = times(100, (i) => service.findMany([i * 10, i * 10 + 1]));
    await isFull(service);
    service.door.open();
    expect(await Promise.all(singles)).toEqual(ids.map((id) => `article ${id}`));
    await Promise.all(batches);
    expect(service.most).toBe(CONCURRENT);
    expect(unhandled).toEqual([]);
  });

  it('who finds no room in time is told so, and nobody waits for longer', async () => {
    const { service, strike, unhandled } = await start({ timeouts: { wait: '300ms' } });
    strike();
    const calls = settling(ids.map((id) => service.find(id)));
    const tookMs = await timed(() => calls.until(CALLERS - CONCURRENT));
    expect(tookMs).toBeLessThan(10_000);
    for (const error of calls.errors) {
      expect(error).toBeInstanceOf(CacheTimeoutError);
      expect(error).toMatchObject({ code: 'CACHE_LOADS_FULL' });
    }
    service.door.open();
    await calls.until(CALLERS);
    expect(calls.errors).toHaveLength(CALLERS - CONCURRENT);
    expect(service).toMatchObject({ most: CONCURRENT, loads: CONCURRENT });
    expect(await service.find(CALLERS)).toBe(`article ${CALLERS}`); // there is room again
    expect(unhandled).toEqual([]);
  });

  it('who finds the queue full is told so at once', async () => {
    const queue = 100;
    const loads = { concurrent: CONCURRENT, queue };
    const { service, strike, unhandled } = await start({ loads, timeouts: { wait: '1m' } });
    strike();
    const calls = settling(ids.map((id) => service.find(id)));
    const refused = CALLERS - CONCURRENT - queue;
    await calls.until(refused);
    service.door.open();
    await calls.until(CALLERS);
    expect(calls.errors).toEqual(
      times(refused, () => expect.objectContaining({ code: 'CACHE_LOADS_FULL' })),
    );
    expect(service).toMatchObject({ most: CONCURRENT, loads: CONCURRENT + queue });
    expect(unhandled).toEqual([]);
  });

  it('who may have a stale answer has it, and the database hears nothing of them', async () => {
    const { service, cache, strike, unhandled } = await start({ staleIfError: '1m' });
    service.door.open();
    await until('copies are in memory', async () => {
      await service.findMany([1, 2]);
      const entries = await Promise.all([cache.getEntry(1), cache.getEntry(2)]);
      return entries.every((entry) => entry?.tier === 'memory');
    });
    service.door = gate();
    strike();
    await until('nobody vouches for them', async () => (await cache.getEntry(1)) === undefined);
    const busy = times(CONCURRENT, (i) => service.find(1_000 + i));
    await isFull(service);
    const { loads } = service;
    expect(new Set(await Promise.all(ids.map(() => service.find(1))))).toEqual(
      new Set(['article 1']),
    );
    expect(await service.findMany([1, 2])).toEqual(['article 1', 'article 2']);
    expect(service.loads).toBe(loads);
    expect(cache.stats().staleServed).toBeGreaterThanOrEqual(3);
    service.door.open();
    await Promise.all(busy);
    expect(unhandled).toEqual([]);
  });
});
