/** Two applications, each with copies in its memory of what both have in Redis. */
import v8 from 'node:v8';
import { describe, expect, it } from '@jest/globals';
import { Cacheable, CacheEvict, CachePut, glob } from 'nestjs-elasticache';
import type { CacheOptions } from 'nestjs-elasticache';
import { onTier, type Running } from '../support/cache.application.js';
import { commandsDuring } from '../support/command.counts.js';
import { until } from '../support/waiting.js';

interface Row {
  readonly id: number;
  title: string;
}

class Rows {
  /** The database, for all instances. */
  static titles = new Map<number, string>();
  loads = 0;

  @Cacheable('rows', { tags: (id) => [`row:${id}`] })
  async find(id: number): Promise<Row> {
    this.loads++;
    return { id, title: Rows.titles.get(id) ?? 'first' };
  }
  @CachePut('rows', { key: (id) => id, tags: (id) => [`row:${id}`] })
  async save(id: number, title: string): Promise<Row> {
    Rows.titles.set(id, title);
    return { id, title };
  }
  @CacheEvict('rows', { key: (id) => id })
  async rename(id: number, title: string): Promise<void> {
    Rows.titles.set(id, title);
  }
}

describe('Copies in memory in front of Redis', () => {
  const tier = onTier('redis');
  let namespaces = 0;

  async function startTwo(memory: CacheOptions['memory'] = {}, more: CacheOptions = {}) {
    const options = {
      namespace: `near${++namespaces}`,
      defaults: { jitter: 0, timeouts: { store: '5s' } },
      caches: { rows: { memory, ...more } },
    };
    Rows.titles.clear();
    const [one, two] = [await tier.start(Rows, options), await tier.start(Rows, options)];
    return { one, two, namespace: options.namespace };
  }

  /** Calls that nothing comes between. */
  const script = (key: string, ...calls: string[]) =>
    tier.redis.command('EVAL', calls.map((call) => `redis.call(${call})`).join(' '), '1', key);

  /** Reads until it takes no command: the value is in memory, and believed. */
  async function inMemory({ service }: Running<Rows>, id: number): Promise<void> {
    await until('a hit in memory', async () => {
      await service.find(id);
      const { of } = await commandsDuring(tier.redis, () => service.find(id));
      return of['mget'] === undefined;
    });
  }

  it('are made of what is read and of what is loaded, and take no command', async () => {
    const { one, two } = await startTwo();
    expect(await one.service.find(7)).toEqual({ id: 7, title: 'first' });
    await inMemory(one, 7);
    await inMemory(two, 7);
    expect([one.service.loads, two.service.loads]).toEqual([1, 0]);
    expect(await one.service.find(7)).toEqual({ id: 7, title: 'first' });
  });

  it.each<[string, (two: Running<Rows>) => Promise<unknown>]>([
    ['an eviction', ({ service }) => service.rename(7, 'second')],
    ['a put', ({ service }) => service.save(7, 'second')],
    ['a put by hand', ({ cache }) => cache('rows').put(7, { id: 7, title: 'second' })],
    ['an eviction of a tag', ({ manager }) => manager.evictTags('row:7')],
    ['clearing', ({ cache }) => cache('rows').clear()],
    ['an eviction by a pattern', ({ cache }) => cache('rows').evictMatching(glob`7*`)],
  ])('end with %s, here at once and elsewhere soon', async (_, invalidate) => {
    const { one, two } = await startTwo();
    await inMemory(one, 7);
    await inMemory(two, 7);
    Rows.titles.set(7, 'second');
    await invalidate(two);
    expect(await two.service.find(7)).toEqual({ id: 7, title: 'second' });
    await until('the new title', async () => (await one.service.find(7)).title === 'second');
    for (const { cache } of [one, two]) {
      expect(cache('rows').stats().removals).toMatchObject({ explicit: 1, unconfirmed: 0 });
    }
  });

  it.each<[string, (bus: string) => Promise<unknown>]>([
    ['is gone', (bus) => tier.redis.command('DEL', bus)],
    [
      'was made anew with smaller ids',
      async (bus) => {
        await tier.redis.command('DEL', bus);
        await tier.redis.command('XADD', bus, '1-1', 'v', '1');
      },
    ],
    [
      'was trimmed beyond what was read',
      async (bus) => {
        await tier.redis.command('XADD', bus, 'MAXLEN', '1', '*', 'v', '1', 'what', '[]');
        await tier.redis.command('XTRIM', bus, 'MAXLEN', '0');
      },
    ],
    [
      'was made anew with larger ids, and read',
      (bus) =>
        script(bus, "'del', KEYS[1]", "'xadd', KEYS[1], '*', 'v', '1', 'from', 'p', 'what', '[]'"),
    ],
    [
      'was trimmed in front of what was read next',
      (bus) =>
        script(
          bus,
          "'xadd', KEYS[1], '*', 'v', '1', 'from', 'p', 'what', '[]'",
          "'xadd', KEYS[1], '*', 'v', '1', 'from', 'p', 'what', '[]'",
          "'xtrim', KEYS[1], 'maxlen', 1",
        ),
    ],
    ['has a message of another version', (bus) => tier.redis.command('XADD', bus, '*', 'v', '9')],
  ])('end all where the stream %s', async (_, harm) => {
    const { one, namespace } = await startTwo({ maxStaleness: '3s' });
    await inMemory(one, 7);
    await tier.redis.command('DEL', one.keyOf('rows', '7'));
    Rows.titles.set(7, 'second');
    expect((await one.service.find(7)).title).toBe('first');
    await harm(`${namespace}:~bus`);
    await until('the new title', async () => (await one.service.find(7)).title === 'second');
    const { removals } = one.cache('rows').stats();
    expect(removals.explicit).toBe(0);
    expect(removals.unconfirmed).toBeGreaterThan(0);
    await inMemory(one, 7);
  });

  it('are no hits while nobody can tell whether they hold, and are again later', async () => {
    const { one, two } = await startTwo(
      { maxStaleness: '150ms' },
      { timeouts: { store: '100ms' } },
    );
    await inMemory(one, 7);
    tier.redis.pause();
    try {
      await until('a load', async () => {
        await one.service.find(7);
        return one.service.loads > 1;
      });
    } finally {
      tier.redis.resume();
    }
    await inMemory(one, 7);
    await until('an eviction', () => two.cache('rows').evict(7));
    Rows.titles.set(7, 'second');
    await until('the new title', async () => (await one.service.find(7)).title === 'second');
  });

  it('survive a connection that is cut, and miss no message', async () => {
    const { one, two } = await startTwo({ maxStaleness: '150ms' });
    await inMemory(one, 7);
    await tier.redis.command('CLIENT', 'KILL', 'TYPE', 'normal');
    Rows.titles.set(7, 'second');
    await until('an eviction', () => two.cache('rows').evict(7));
    await until('the new title', async () => (await one.service.find(7)).title === 'second');
    await inMemory(one, 7);
  });

  it('are handed out as `isolation` says, from memory and from Redis', async () => {
    const found = async (isolation: 'clone' | 'freeze' | 'shared') => {
      const { one, two } = await startTwo({ isolation });
      await one.service.find(7);
      const fromRedis = await two.service.find(7);
      await inMemory(two, 7);
      const [a, b] = [await two.service.find(7), await two.service.find(7)];
      return { same: a === b, frozen: Object.isFrozen(fromRedis) && Object.isFrozen(a), a };
    };
    const row = { id: 7, title: 'first' };
    expect(await found('clone')).toEqual({ same: false, frozen: false, a: row });
    expect(await found('freeze')).toEqual({ same: true, frozen: true, a: row });
    expect(await found('shared')).toEqual({ same: true, frozen: false, a: row });
  });

  it('live no longer than `memory.ttl`, and the entry itself longer', async () => {
    const { one } = await startTwo({ ttl: '1ms' });
    await one.service.find(7);
    const { of } = await commandsDuring(tier.redis, async () => {
      for (let i = 0; i < 20; i++) {
        const begun = Date.now();
        await until('a millisecond', () => Date.now() > begun + 1);
        await one.service.find(7);
      }
    });
    expect([of['mget'], one.service.loads]).toEqual([20, 1]);
  });

  it('are none of values that cannot be measured, which are hits all the same', async () => {
    const serializer = {
      serialize: v8.serialize,
      deserialize: (bytes: Uint8Array) => v8.deserialize(bytes),
    };
    const { one, two } = await startTwo({ maxBytes: 1_000_000 }, { serializer });
    const circle: { id: number; self?: unknown } = { id: 7 };
    circle.self = circle;
    await inMemory(one, 1);
    await inMemory(two, 1);
    const [ours, theirs] = [one.cache('rows'), two.cache('rows')];
    await ours.putMany([
      [7, circle],
      [8, { id: 8 }],
    ]);
    expect(await theirs.get(7)).toEqual(circle);
    expect([...(await theirs.getMany([7, 8])).keys()]).toEqual([7, 8]);
    expect(ours.stats().errors + theirs.stats().errors).toBe(0);
  });

  it('are none where a time to idle is renewed by each read', async () => {
    const { one } = await startTwo({}, { tti: '1m' });
    await one.service.find(7);
    const { of } = await commandsDuring(tier.redis, async () => {
      for (let i = 0; i < 20; i++) await one.service.find(7);
    });
    expect([of['getex'], one.service.loads]).toEqual([20, 1]);
  });

  it('are told of by one message for all that a turn of the event loop invalidates', async () => {
    const { one, two } = await startTwo();
    await inMemory(two, 7);
    const rows = one.cache('rows');
    const { of } = await commandsDuring(tier.redis, () =>
      Promise.all(Array.from({ length: 50 }, (_, id) => rows.evict(id))),
    );
    expect(of['xadd']).toBeLessThanOrEqual(3);
  });

  it('are told of by a stream that holds fewer messages where these are long', async () => {
    const { one, two, namespace } = await startTwo();
    await inMemory(one, 7);
    const keys = Array.from({ length: 1_000 }, (_, i) => `${i}-`.padEnd(500, 'x'));
    for (let i = 0; i < 50; i++) await two.cache('rows').evict(...keys);
    expect(await tier.redis.command('XLEN', `${namespace}:~bus`)).toBeLessThan(45);
    await inMemory(one, 7);
    await two.cache('rows').evict(7);
    Rows.titles.set(7, 'second');
    await until('the new title', async () => (await one.service.find(7)).title === 'second');
  });

  it('end with a put of what cannot be stored: it removes what is there', async () => {
    const { one, two } = await startTwo({ maxStaleness: '3s' });
    await inMemory(one, 7);
    await inMemory(two, 7);
    const unstorable = async () => ({ id: 7, title: () => 'second' });
    await two
      .cache('rows')
      .put(7, unstorable)
      .catch(() => undefined);
    Rows.titles.set(7, 'second');
    expect((await two.service.find(7)).title).toBe('second');
    await until('the new title', async () => (await one.service.find(7)).title === 'second');
  });

  it('end, too, where memory is full and the stream takes no message', async () => {
    const { one, two } = await startTwo({ maxStaleness: '3s' });
    await inMemory(one, 7);
    await inMemory(two, 7);
    Rows.titles.set(7, 'second');
    await tier.redis.command('CONFIG', 'SET', 'maxmemory', '1');
    try {
      expect(await two.cache('rows').evict(7)).toBe(true);
      await until('the new title', async () => (await one.service.find(7)).title === 'second');
    } finally {
      await tier.redis.command('CONFIG', 'SET', 'maxmemory', '0');
    }
    await inMemory(one, 7);
  });

  it('of our own end where the others cannot be told, and that is a failure', async () => {
    const { two } = await startTwo();
    await inMemory(two, 7);
    await tier.acl('-xadd');
    Rows.titles.set(7, 'second');
    expect(await two.cache('rows').evict(7)).toBe(false);
    expect((await two.service.find(7)).title).toBe('second');
  });

  it('are told from entries in Redis', async () => {
    const { one, two } = await startTwo();
    await inMemory(one, 7);
    expect(await two.cache('rows').getEntry(7)).toMatchObject({ tier: 'shared' });
    expect(await one.cache('rows').getEntry(7)).toMatchObject({ tier: 'memory' });
  });
});
