import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { EntryCodec } from '../../libs/elasticache/src/codec/entry.codec.js';
import type { RedisClient } from '../../libs/elasticache/src/connection/redis.client.js';
import { RedisConnection } from '../../libs/elasticache/src/connection/redis.connection.js';
import { CacheUnavailableError } from '../../libs/elasticache/src/errors/cache.errors.js';
import { glob } from '../../libs/elasticache/src/key/glob.js';
import { KeyLayout } from '../../libs/elasticache/src/key/key.layout.js';
import { Deadline } from '../../libs/elasticache/src/resilience/deadline.js';
import { RedisStore } from '../../libs/elasticache/src/store/redis.store.js';
import { systemClock } from '../../libs/elasticache/src/time/clock.js';
import { type RedisServer, startRedis } from '../support/redis.server.js';
import { entryOf, storeContract, type StoreNames, writeOf } from './store.contract.js';

let server: RedisServer;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

const layoutOf = ({ namespace = 'test', version = 1, cache = 'cache' }: StoreNames) =>
  new KeyLayout({ namespace, version, cache });

interface Connected {
  open(names: StoreNames, idleMs?: number): RedisStore;
  close(): Promise<void>;
}

/** On the client it is handed, or on one of its own making. */
async function connect(makeClient: (url: string) => RedisClient | undefined): Promise<Connected> {
  const client = makeClient(server.url);
  const settings = { random: Math.random, onState: () => {} };
  const connection = await RedisConnection.open(client ?? server.url, settings);
  const codec = new EntryCodec();
  const deadline = new Deadline(5_000, systemClock);
  return {
    open(names, idleMs) {
      const [cache, layout] = [names.cache ?? 'cache', layoutOf(names)];
      return new RedisStore({ cache, connection, layout, codec, deadline, idleMs });
    },
    async close() {
      await connection.close();
      client?.disconnect();
    },
  };
}

const command = (...args: (string | Buffer)[]) => server.command(...args);
const lifetime = async (key: string) => Number(await command('PTTL', key));

/** How often the server has run each command since the work began. */
async function commandsDuring(work: () => Promise<unknown>): Promise<Record<string, number>> {
  await command('CONFIG', 'RESETSTAT');
  await work();
  const lines = String(await command('INFO', 'commandstats')).matchAll(
    /cmdstat_(\w+):calls=(\d+)/g,
  );
  return Object.fromEntries([...lines].map(([, name, calls]) => [name, Number(calls)]));
}

describe.each([
  ['a connection of ours', () => undefined],
  ['a ready client of ioredis 6', (url: string) => new Redis(url)],
  ['a ready client of ioredis 5.11', (url: string) => new Redis5(url)],
])('The Redis store on %s', (_, makeClient) => {
  let connected: Connected;
  const open = (names: StoreNames, idleMs?: number) => connected.open(names, idleMs);

  beforeAll(async () => {
    await command('FLUSHALL');
    connected = await connect(makeClient);
  });
  afterAll(() => connected.close());

  storeContract(async () => ({
    open,
    spoil: async (names, text) => {
      await command('SET', layoutOf(names).entry(text), 'no entry', 'PX', '60000');
    },
    holds: async (names, text) => (await command('EXISTS', layoutOf(names).entry(text))) === 1,
  }));

  it('gives every key its lifetime, whichever way it is written', async () => {
    const names = { cache: 'lifetimes' };
    const store = open(names);
    await store.set(writeOf('set', 1, { ttlMs: 1_000 }));
    await store.setMany([writeOf('many', 1, { ttlMs: 2_000 })]);
    await store.setIfAbsent(writeOf('absent', 1, { ttlMs: 3_000 }));
    for (const [text, ttlMs] of [
      ['set', 1_000],
      ['many', 2_000],
      ['absent', 3_000],
    ] as const) {
      const left = await lifetime(layoutOf(names).entry(text));
      expect(left).toBeGreaterThan(ttlMs - 900);
      expect(left).toBeLessThanOrEqual(ttlMs);
    }
  });

  it('with a time to idle writes are as short as it, and reads renew it', async () => {
    const names = { cache: 'idle' };
    const store = open(names, 30_000);
    const key = layoutOf(names).entry('7');
    await store.set(writeOf('7', 1));
    expect(await lifetime(key)).toBeLessThanOrEqual(30_000);
    for (const read of [() => store.get('7'), () => store.getMany(['7'])]) {
      await command('PEXPIRE', key, '5000');
      await read();
      expect(await lifetime(key)).toBeGreaterThan(25_000);
    }
    await store.set(writeOf('7', 1, { ttlMs: 2_000 }));
    expect(await lifetime(key)).toBeLessThanOrEqual(2_000);
    expect(await store.get('missing')).toBeUndefined();
  });

  it('a time to idle that is no whole number of milliseconds works like any', async () => {
    const store = open({ cache: 'fraction' }, 1_500.5);
    await store.set(writeOf('7', 1));
    expect(await store.get('7')).toEqual(entryOf(1));
  });

  it('reads a batch in one command, and writes it in one round trip', async () => {
    const store = open({ cache: 'batch' });
    const texts = Array.from({ length: 100 }, (_each, i) => String(i));
    await store.setMany(texts.map((text) => writeOf(text, text)));
    const seen = await commandsDuring(() => store.getMany(texts));
    expect(seen).toMatchObject({ mget: 1 });
    expect(seen).not.toHaveProperty('get');
  });

  it('asks whether a write is wanted in the turn it is sent in', async () => {
    const store = open({ cache: 'wanted' });
    const wanted = { a: true, b: true };
    const single = store.set(writeOf('a', 1, { wanted: () => wanted.a }));
    const batch = store.setMany([writeOf('b', 1, { wanted: () => wanted.b })]);
    wanted.a = wanted.b = false;
    expect([await single, await batch]).toEqual([false, [false]]);
    expect(await store.getMany(['a', 'b'])).toEqual([undefined, undefined]);
  });

  it('empties a cache in SCAN steps of 500 among other keys, never by KEYS or FLUSH', async () => {
    const [store, other] = [open({ cache: 'many' }), open({ cache: 'others' })];
    const texts = Array.from({ length: 5_000 }, (_each, i) => String(i));
    await store.setMany(texts.map((text) => writeOf(text, 0)));
    await other.setMany(texts.map((text) => writeOf(text, 0)));
    const seen = await commandsDuring(() => store.deleteMatching());
    expect(seen['scan']).toBeGreaterThanOrEqual(20);
    expect(seen['scan']).toBeLessThan(100);
    expect(Object.keys(seen)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(keys|del|flush\w+|eval)$/)]),
    );
    expect(await other.deleteMatching()).toBe(5_000);
  });

  it('a key of another type is an unavailable entry, which a write replaces', async () => {
    const names = { cache: 'types' };
    const store = open(names);
    const key = layoutOf(names).entry('7');
    await command('RPUSH', key, 'x');
    const refused = { code: 'CACHE_UNAVAILABLE', message: expect.stringContaining('WRONGTYPE') };
    await expect(store.get('7')).rejects.toMatchObject(refused);
    await expect(store.setIfAbsent(writeOf('7', 1))).rejects.toBeInstanceOf(CacheUnavailableError);
    expect(await store.getMany(['7'])).toEqual([undefined]);
    expect(await store.set(writeOf('7', 1))).toBe(true);
    expect(await store.get('7')).toEqual(entryOf(1));
    await command('DEL', key);
    await command('RPUSH', key, 'x');
    expect(await store.delete(['7'])).toBe(1);
  });

  it('what the server refuses is said without the value, in message, cause and stack', async () => {
    const store = open({ cache: 'full' });
    const secret = 'hunter2'.repeat(3);
    await command('CONFIG', 'SET', 'maxmemory', '1');
    try {
      const writes = [
        () => store.set(writeOf('7', secret)),
        () => store.setMany([writeOf('7', secret)]),
        () => store.setIfAbsent(writeOf('7', secret)),
      ];
      for (const write of writes) {
        const error = await write().catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(CacheUnavailableError);
        const { message, stack, cause } = error as Error;
        expect(message).toContain("cache 'full'");
        const told = [message, stack, String(cause), JSON.stringify(allOf(cause as Error))];
        expect(told.join()).not.toContain(secret);
        expect(told.join()).not.toContain(JSON.stringify([...Buffer.from(secret)]).slice(1, -1));
      }
    } finally {
      await command('CONFIG', 'SET', 'maxmemory', '0');
    }
  });

  it('an unreadable entry that cannot be removed costs a batch nothing else', async () => {
    const names = { cache: 'stuck' };
    const store = open(names);
    await store.set(writeOf('good', 1));
    await command('SET', layoutOf(names).entry('bad'), 'no entry', 'PX', '60000');
    await command('ACL', 'SETUSER', 'default', '-unlink');
    try {
      expect(await store.getMany(['bad', 'good'])).toEqual([
        expect.objectContaining({ code: 'CACHE_UNDECODABLE' }),
        entryOf(1),
      ]);
      expect(await store.get('bad')).toMatchObject({ code: 'CACHE_UNDECODABLE' });
    } finally {
      await command('ACL', 'SETUSER', 'default', '+unlink');
    }
  });

  it('a pattern sees whole keys: a prefix of one is no match', async () => {
    const store = open({ cache: 'prefixes' });
    await store.setMany(['user:1', 'user:10'].map((text) => writeOf(text, text)));
    expect(await store.deleteMatching(glob`user:1`)).toBe(1);
    expect(await store.get('user:10')).toEqual(entryOf('user:10'));
  });
});

function allOf(error: Error): object {
  return Object.fromEntries(
    Object.getOwnPropertyNames(error).map((name) => [name, error[name as keyof Error]]),
  );
}

describe('A ready client with a keyPrefix', () => {
  const options = { keyPrefix: 'app:', lazyConnect: true };
  it.each([
    ['6', () => new Redis(options)],
    ['5.11', () => new Redis5(options)],
  ])('is refused, of ioredis %s: SCAN would not find its keys', async (_, makeClient) => {
    const client = makeClient();
    const opening = RedisConnection.open(client, { random: Math.random, onState: () => {} });
    await expect(opening).rejects.toMatchObject({
      code: 'CACHE_CONFIGURATION',
      message: expect.stringMatching(/^connection: .*namespace/),
    });
    client.disconnect();
  });
});
