import { describe, expect, it } from '@jest/globals';
import { Cacheable } from 'nestjs-elasticache';
import type { Cache, CacheOptions, SingleFlight } from 'nestjs-elasticache';
import { Observable, defer, lastValueFrom } from 'rxjs';
import { type Running, gate, onTier, recordFailures, times } from '../support/cache.application.js';
import { startProgram } from '../support/application.process.js';
import { commandsDuring } from '../support/command.counts.js';
import { timed, until } from '../support/waiting.js';

/** The database behind all applications: it counts, and its loads wait at the door. */
class Database {
  calls = 0;
  running = 0;
  most = 0;
  door = gate();
  started = gate();
  error: Error | undefined;

  async load(): Promise<string> {
    const number = ++this.calls;
    this.most = Math.max(this.most, ++this.running);
    const { door, error } = this;
    this.started.open();
    await door.opened;
    this.running--;
    if (error) throw error;
    return `value ${number}`;
  }
}

class Articles {
  database = new Database();

  @Cacheable('articles')
  find(_id: number): Promise<string> {
    return this.database.load();
  }
  @Cacheable('articles')
  watch(_id: number): Observable<string> {
    return defer(() => this.database.load());
  }
  @Cacheable('articles', { singleFlight: 'process' })
  findPerProcess(_id: number): Promise<string> {
    return this.database.load();
  }
  @Cacheable('articles', { singleFlight: false })
  findAlone(_id: number): Promise<string> {
    return this.database.load();
  }
}

const ways: Record<string, (articles: Articles, cache: Cache) => Promise<unknown>> = {
  '@Cacheable': (articles) => articles.find(7),
  Observable: (articles) => lastValueFrom(articles.watch(7)),
  getOrLoad: (articles, cache) => cache.getOrLoad(7, () => articles.database.load()),
  getOrLoadMany: async (articles, cache) => {
    const load = async () => new Map([[7, await articles.database.load()]]);
    return (await cache.getOrLoadMany([7], load)).get(7);
  },
};

let applications = 0;

describe('The loads of several applications', () => {
  const tier = onTier('redis');

  async function start(count: number, articles: CacheOptions = {}) {
    const failures = recordFailures();
    const options = {
      namespace: `distributed${++applications}`,
      errorHandler: failures.handle,
      defaults: { timeouts: { store: '5s' } },
      caches: { articles },
    } as const;
    const database = new Database();
    const running: Running<Articles>[] = [];
    for (let i = 0; i < count; i++) {
      const application = await tier.start(Articles, options);
      application.service.database = database;
      running.push(application);
    }
    const caches = running.map(({ cache }) => cache('articles') as Cache<number, string>);
    const find = (i: number) => running[i]!.service.find(7);
    const lease = `{${options.namespace}:v1:global:articles:7}:lease`;
    const leaseOf = async () => tier.redis.command('GET', lease) as Promise<string | null>;
    const pttl = async () => Number(await tier.redis.command('PTTL', lease));
    const isWaiting = (i: number) => until('it has asked', () => caches[i]!.stats().misses > 0);
    return { options, database, running, caches, find, failures, lease, leaseOf, pttl, isWaiting };
  }

  it.each(Object.keys(ways))('of one cold key are one: %s', async (how) => {
    const { database, running, caches, failures } = await start(4);
    const calls = times(200, (i) => ways[how]!(running[i % 4]!.service, caches[i % 4]!));
    await database.started.opened;
    await until('all have asked', () => caches.every((cache) => cache.stats().misses > 0));
    database.door.open();
    expect(await Promise.all(calls)).toEqual(times(200, () => 'value 1'));
    expect(database.calls).toBe(1);
    for (const cache of caches) expect(cache.stats()).toMatchObject({ misses: 50, hits: 0 });
    const coalesced = caches.map((cache) => cache.stats().coalesced);
    expect(coalesced.sort((a, b) => a - b)).toEqual([49, 50, 50, 50]);
    expect(failures.seen).toEqual([]);
  });

  it('of one cold key are one, by whatever ways', async () => {
    const { database, running, caches } = await start(4);
    const all = Object.values(ways);
    const calls = times(64, (i) => all[(i >> 2) % 4]!(running[i % 4]!.service, caches[i % 4]!));
    await database.started.opened;
    database.door.open();
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['value 1']));
    expect(database.calls).toBe(1);
  });

  it('are one for each key', async () => {
    const { database, caches } = await start(3);
    database.door.open();
    const values = await Promise.all(
      times(300, (i) =>
        caches[i % 3]!.getOrLoad(i % 25, async () => `${i % 25} by ${await database.load()}`),
      ),
    );
    expect(database.calls).toBe(25);
    expect(new Set(values).size).toBe(25);
  });

  it('a value that is null or undefined is one, too', async () => {
    const { caches } = await start(2);
    for (const value of [null, undefined]) {
      let loads = 0;
      const door = gate();
      const load = async () => {
        loads++;
        await door.opened;
        return value as unknown as string;
      };
      const calls = times(10, (i) => caches[i % 2]!.getOrLoad(value === null ? 1 : 2, load));
      await until('it loads', () => loads > 0);
      door.open();
      expect(await Promise.all(calls)).toEqual(times(10, () => value));
      expect(loads).toBe(1);
    }
  });

  it('whose holder is killed are taken over once its lease has ended, and not before', async () => {
    const { options, database, find, caches, pttl, leaseOf } = await start(2);
    const { namespace } = options;
    const holder = startProgram(
      `
      const app = await start();
      const cache = app.get(library.CacheManager).getCache('articles');
      cache.getOrLoad(7, () => { tell('loading'); return hangs(); });
      `,
      { namespace, connection: tier.redis.url },
    );
    expect(await holder.told()).toBe('loading');
    const held = await leaseOf();
    expect(held).toMatch(/^r/);
    const calls = [find(0), find(1)];
    await until('both wait', () => caches.every((cache) => cache.stats().misses === 1));
    await holder.kill();
    const left = await pttl();
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(5_000);
    database.door.open();
    const took = await timed(async () => {
      expect(new Set(await Promise.all(calls))).toEqual(new Set(['value 1']));
    });
    expect(took).toBeGreaterThan(left - 500);
    expect(took).toBeLessThan(left + 4_000);
    expect(database.calls).toBe(1);
    expect(await caches[0]!.get(7)).toBe('value 1');
  });

  it('that fail hold up nobody: who waits loads at once, and sees no error of another process', async () => {
    const { database, find, isWaiting, leaseOf, caches } = await start(3);
    const error = (database.error = new Error('own'));
    const first = find(0);
    first.catch(() => {});
    await database.started.opened;
    const waiting = [find(1), find(2)];
    await Promise.all([isWaiting(1), isWaiting(2)]);
    database.error = undefined;
    const oldDoor = database.door;
    database.door = gate();
    database.door.open();
    const took = await timed(async () => {
      oldDoor.open();
      await expect(first).rejects.toBe(error);
      expect(await Promise.all(waiting)).toEqual(['value 2', 'value 2']);
    });
    expect(took).toBeLessThan(4_000); // the lease would have lasted for five
    expect(database.calls).toBe(2);
    expect(await caches[0]!.get(7)).toBe('value 2');
    expect(await leaseOf()).toBeNull();
  });

  it('whose value is not to be cached are not waited for', async () => {
    const { database, caches, isWaiting, leaseOf } = await start(4);
    const unless = () => true;
    const load = (i: number) => caches[i]!.getOrLoad(7, () => database.load(), { unless });
    const first = load(0);
    await database.started.opened;
    const others = [load(1), load(2), load(3)];
    await Promise.all([isWaiting(1), isWaiting(2), isWaiting(3)]);
    const oldDoor = database.door;
    database.door = gate();
    oldDoor.open();
    expect(await first).toBe('value 1');
    await until('the others load beside each other', () => database.running === 3);
    expect(await leaseOf()).toMatch(/^n/);
    const late = load(0); // who comes now does not wait either
    await until('so does the late one', () => database.running === 4);
    database.door.open();
    expect(new Set([...(await Promise.all(others)), await late]).size).toBe(4);
  });

  it('and of one process still share it, where it is not to be cached', async () => {
    const { database, caches } = await start(1);
    const unless = () => true;
    const load = () => caches[0]!.getOrLoad(7, () => database.load(), { unless });
    const calls = times(10, load);
    await database.started.opened;
    database.door.open();
    expect(await Promise.all(calls)).toEqual(times(10, () => 'value 1'));
  });

  it.each(['cache', 'operation'])('that are shared per process, as the %s says', async (whose) => {
    const isCache = whose === 'cache';
    const { database, running } = await start(3, isCache ? { singleFlight: 'process' } : {});
    const method = isCache ? 'find' : 'findPerProcess';
    const calls = times(30, (i) => running[i % 3]!.service[method](7));
    await until('each process loads', () => database.running === 3);
    database.door.open();
    expect(new Set(await Promise.all(calls)).size).toBe(3);
    expect(database.calls).toBe(3);
  });

  it.each(['cache', 'operation'])('that nobody shares, as the %s says', async (whose) => {
    const isCache = whose === 'cache';
    const { database, running } = await start(2, isCache ? { singleFlight: false } : {});
    const method = isCache ? 'find' : 'findAlone';
    const calls = times(10, (i) => running[i % 2]!.service[method](7));
    await until('each call loads', () => database.running === 10);
    database.door.open();
    expect(new Set(await Promise.all(calls)).size).toBe(10);
  });

  it.each<[SingleFlight]>([['process'], [false]])(
    'one that is not shared beyond its process (%s) still stores once, under a lease',
    async (singleFlight) => {
      const { database, caches } = await start(2, { singleFlight });
      const calls = caches.map((cache) => cache.getOrLoad(7, () => database.load()));
      await until('both load', () => database.running === 2);
      database.door.open();
      await Promise.all(calls);
      const puts = caches.map((cache) => cache.stats().puts);
      expect(puts.sort((a, b) => a - b)).toEqual([0, 1]);
    },
  );

  it('are waited for within timeouts.wait: after it a call loads for itself, unstored', async () => {
    const { database, find, caches } = await start(2, { timeouts: { wait: '300ms' } });
    const first = find(0);
    await database.started.opened;
    const oldDoor = database.door;
    database.door = gate();
    database.door.open();
    const took = await timed(async () => expect(await find(1)).toBe('value 2'));
    expect(took).toBeGreaterThan(290);
    expect(took).toBeLessThan(3_000);
    expect(await caches[1]!.get(7)).toBeUndefined();
    oldDoor.open();
    expect(await first).toBe('value 1');
    expect(await caches[1]!.get(7)).toBe('value 1');
  });

  it('are asked after seldom, however many wait', async () => {
    const { database, caches, isWaiting, find } = await start(2);
    const first = find(0);
    await database.started.opened;
    const waiting = times(500, () => find(1));
    await isWaiting(1);
    const begun = performance.now();
    const { of: commands } = await commandsDuring(tier.redis, () =>
      until('1.2 s have passed', () => performance.now() - begun > 1_200),
    );
    const asked = (commands['evalsha'] ?? 0) + (commands['mget'] ?? 0);
    expect(asked).toBeGreaterThan(3); // so that the value comes soon after it is there
    expect(asked).toBeLessThan(90); // by one question of all that wait, some fifty times
    const took = await timed(async () => {
      database.door.open();
      expect(await Promise.all(waiting)).toEqual(times(500, () => 'value 1'));
    });
    expect(took).toBeLessThan(4_000);
    expect(await first).toBe('value 1');
    expect(caches[1]!.stats().coalesced).toBe(500);
  });

  it('that take longer than a lease lives keep it', async () => {
    const { database, find, isWaiting, leaseOf, pttl } = await start(2);
    const calls = [find(0)];
    await database.started.opened;
    calls.push(find(1));
    await isWaiting(1);
    const held = await leaseOf();
    for (const _ of [1, 2]) {
      await until('it is ending', async () => (await pttl()) < 4_200);
      await until('it is renewed', async () => (await pttl()) > 4_600);
    }
    expect(await leaseOf()).toBe(held);
    database.door.open();
    expect(await Promise.all(calls)).toEqual(['value 1', 'value 1']);
    expect(database.calls).toBe(1);
    expect(await leaseOf()).toBeNull();
  });

  it('begun before an eviction are not waited for by who comes after it', async () => {
    const { database, find, caches } = await start(2);
    const first = find(0);
    await database.started.opened;
    const oldDoor = database.door;
    database.door = gate();
    database.door.open();
    await caches[1]!.evict(7);
    expect(await find(1)).toBe('value 2');
    oldDoor.open();
    expect(await first).toBe('value 1');
    expect(await caches[0]!.get(7)).toBe('value 2');
  });

  it('that ended when Redis was gone are done by each for itself', async () => {
    const { database, find, isWaiting, failures } = await start(2, {
      timeouts: { store: '200ms', wait: '20s' },
    });
    const calls = [find(0)];
    await database.started.opened;
    calls.push(find(1));
    await isWaiting(1);
    await tier.redis.kill();
    database.door.open();
    try {
      const took = await timed(async () => {
        expect((await Promise.all(calls)).sort()).toEqual(['value 1', 'value 2']);
      });
      expect(took).toBeLessThan(5_000);
      expect(failures.seen.length).toBeGreaterThan(0);
    } finally {
      await tier.restart();
    }
  });
});
