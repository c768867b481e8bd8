/** What the store says and does where the server holds what is not ours, refuses, or has forgotten. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { RedisConnection } from '../../libs/elasticache/src/connection/redis.connection.js';
import { CacheUnavailableError } from '../../libs/elasticache/src/errors/cache.errors.js';
import type { CacheStore } from '../../libs/elasticache/src/store/cache.store.js';
import { type RedisServer, startRedis } from '../support/redis.server.js';
import { type Connected, connect, entryKey, leaseKey } from './redis.stores.js';
import { ask, claimOf, fill, fresh, loadOf, looksAt, valueOf, writeOf } from './store.subject.js';

describe('A server', () => {
  let server: RedisServer;
  let connected: Connected;
  beforeAll(async () => {
    server = await startRedis();
    connected = await connect(server.url);
  });
  afterEach(async () => {
    await redis('CONFIG', 'SET', 'maxmemory', '0');
    await redis('ACL', 'SETUSER', 'default', '+@all');
  });
  afterAll(async () => {
    await connected.close();
    await server.stop();
  });

  const redis = (...args: (string | Buffer)[]) => server.command(...args);

  function two() {
    const names = fresh();
    return { names, store: connected.open(names), other: connected.open(names) };
  }

  describe('that has forgotten the scripts', () => {
    it('is told them again', async () => {
      const { store, other } = two();
      const tag = 'noscript';
      const [load, write] = [await loadOf(store, 'a'), await store.begin(ask('b'), false)];
      const strict = await store.begin(ask('c'), true);
      const guard = await store.guard({ everything: true, restore: true });
      const forget = () => redis('SCRIPT', 'FLUSH');
      const steps: (() => Promise<unknown>)[] = [
        () => guard.lift(),
        () => store.keep(load, writeOf('a', 1)),
        () => store.finish(write, writeOf('b', 1)),
        () => store.finish(strict, writeOf('c', 1)),
        () => store.putMany([writeOf('d', 1)]),
        () => store.putIfAbsent(ask('e'), writeOf('e', 1)),
        () => fill(store, ask('f', tag)),
        async () => store.release(await loadOf(store, 'g'), true),
      ];
      for (const step of steps) {
        await forget();
        await step();
      }
      const found = await Promise.all(
        ['a', 'b', 'c', 'd', 'e', 'f'].map((text) => valueOf(other, text)),
      );
      expect(found).toEqual([1, 1, 1, 1, 1, 'old']);
      await forget();
      expect(await store.evict(['a', 'b'])).toBe(2);
      await forget();
      await connected.tags().evict([tag]);
      await forget();
      await store.clear();
      expect(await valueOf(other, 'f')).toBeUndefined();
      expect(await valueOf(other, 'c')).toBeUndefined();
    });

    it('is told them by a hundred calls of one turn at once', async () => {
      const { store } = two();
      await redis('SCRIPT', 'FLUSH');
      const texts = Array.from({ length: 100 }, (_each, i) => String(i));
      await Promise.all(texts.map((text) => fill(store, text)));
      expect(await store.evict(texts)).toBe(100);
    });
  });

  describe('that holds another type under the key of an entry', () => {
    const spoilt = async () => {
      const made = two();
      await redis('RPUSH', entryKey(made.names, '7'), 'x');
      return made;
    };

    it('has nothing there for a look, and it is replaced by what is stored', async () => {
      const ways: ((store: CacheStore) => Promise<unknown>)[] = [
        (store) => fill(store, '7', 'new'),
        async (store) => store.finish(await store.begin(ask('7'), false), writeOf('7', 'new')),
        async (store) => store.finish(await store.begin(ask('7'), true), writeOf('7', 'new')),
        (store) => store.putMany([writeOf('7', 'new')]),
        (store) => store.putIfAbsent(ask('7'), writeOf('7', 'new')),
      ];
      for (const way of ways) {
        const { store, other } = await spoilt();
        expect(await store.look(ask('7'))).toMatchObject({ miss: 'absent' });
        await way(store);
        expect(await valueOf(other, '7')).toBe('new');
      }
    });

    it('has it removed by an eviction', async () => {
      const { names, store } = await spoilt();
      expect(await store.evict(['7'])).toBe(1);
      expect(await redis('EXISTS', entryKey(names, '7'))).toBe(0);
    });
  });

  it('that holds text of somebody else in the place of a lease lets it be claimed', async () => {
    for (const text of ['x', 'wjunk', 'rjunk', '-', '']) {
      const { names, store, other } = two();
      await redis('SET', leaseKey(names, '7'), text);
      await fill(store, '7', 'new');
      expect(await valueOf(other, '7')).toBe('new');
    }
  });

  describe('that holds bytes that are no entry', () => {
    it.each([
      ['no envelope', 'no entry'],
      [
        'an envelope of a former version',
        Buffer.from([0xe1, 0, 1, ...Array<number>(16).fill(0), 1]),
      ],
      ['nothing', ''],
      ['the first bytes of one', Buffer.from([0xe2, 0, 1, 0])],
    ])('has them removed and says so: %s', async (_, bytes) => {
      const { names, store, other } = two();
      await redis('SET', entryKey(names, '7'), bytes, 'PX', '60000');
      const look = await store.look(ask('7'));
      expect(look).toMatchObject({ miss: 'undecodable', error: { code: 'CACHE_UNDECODABLE' } });
      expect(await redis('EXISTS', entryKey(names, '7'))).toBe(0);
      await redis('SET', entryKey(names, '7'), bytes, 'PX', '60000');
      await fill(store, '7', 'new');
      expect(await valueOf(other, '7')).toBe('new');
    });

    it('has no others wait where they cannot be removed', async () => {
      const { names, store } = two();
      await fill(store, 'good', 1);
      await redis('SET', entryKey(names, 'bad'), 'no entry', 'PX', '60000');
      await redis('ACL', 'SETUSER', 'default', '-unlink');
      const [bad, good] = await looksAt(store, [ask('bad'), ask('good')]);
      expect(bad).toMatchObject({ miss: 'undecodable', error: { code: 'CACHE_UNDECODABLE' } });
      expect(good?.entry?.value).toBe(1);
      expect(await store.look(ask('bad'))).toMatchObject({ miss: 'undecodable' });
    });
  });

  describe('that is out of memory', () => {
    const full = () => redis('CONFIG', 'SET', 'maxmemory', '1');

    it('still takes invalidations', async () => {
      const { store, other } = two();
      const [tags, tag] = [connected.tags(), 'full'];
      await fill(store, ask('a', tag));
      await fill(store, 'b');
      await fill(store, 'c');
      await fill(store, 'f');
      const load = await loadOf(store, 'd');
      const write = await store.begin(ask('e'), false);
      await full();
      expect(await store.evict(['b', 'd'])).toBe(1);
      await tags.evict([tag]);
      await expect(store.keep(load, writeOf('d', 'old'))).resolves.toBe(false);
      await store.finish(write, undefined);
      await (await store.guard({ texts: ['f'] })).lift();
      expect(await valueOf(other, 'f')).toBeUndefined();
      expect(await valueOf(other, ask('a', tag))).toBeUndefined();
      expect(await valueOf(other, 'b')).toBeUndefined();
      await store.clear();
      await redis('CONFIG', 'SET', 'maxmemory', '0');
      expect(await valueOf(other, 'c')).toBeUndefined();
    });

    it('leaves nothing of a value that it refuses at the end of a write', async () => {
      const { store, other } = two();
      await fill(store, '7', 'old');
      const write = await store.begin(ask('7'), false);
      await full();
      expect(await store.finish(write, writeOf('7', 'new'))).toBeInstanceOf(CacheUnavailableError);
      await redis('CONFIG', 'SET', 'maxmemory', '0');
      expect(await valueOf(other, '7')).toBeUndefined();
      await fill(other, '7', 'later');
    });

    it('leaves a write that it cannot begin without a lease, and says so', async () => {
      const { store } = two();
      await fill(store, '7', 'old');
      await full();
      await expect(store.begin(ask('7'), false)).rejects.toBeInstanceOf(CacheUnavailableError);
      await expect(claimOf(store, ask('8'))).rejects.toBeInstanceOf(CacheUnavailableError);
    });

    it('is told of without the value: in message, cause and stack', async () => {
      const { store, names } = two();
      const secret = 'hunter2'.repeat(3);
      const [load, write] = [await loadOf(store, '7'), await store.begin(ask('8'), false)];
      await store.putMany([writeOf('9', 1)]);
      await full();
      const writes: (() => Promise<unknown>)[] = [
        () => store.keep(load, writeOf('7', secret)),
        () => store.finish(write, writeOf('8', secret)),
        () => store.putMany([writeOf('9', secret)]),
        () => store.putIfAbsent(ask('10'), writeOf('10', secret)),
      ];
      for (const refused of writes) {
        const error = (await refused().catch((reason: unknown) => reason)) as Error;
        expect(error).toBeInstanceOf(CacheUnavailableError);
        expect(error.message).toContain(`cache '${names.cache}'`);
        const told = [error.message, error.stack, ...allOf(error.cause as Error)].join();
        expect(told).not.toContain(secret);
        expect(told).not.toContain(JSON.stringify([...Buffer.from(secret)]).slice(1, -1));
      }
    });
  });
});

function allOf(error: Error): string[] {
  return Object.getOwnPropertyNames(error).map((name) =>
    JSON.stringify(error[name as keyof Error]),
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
