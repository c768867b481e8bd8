/** What lives how long on the server: entries, versions, leases and marks. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type RedisServer, startRedis } from '../support/redis.server.js';
import { until } from '../support/waiting.js';
import { type Connected, connect, entryKey, layoutOf, leaseKey, tagKey } from './redis.stores.js';
import {
  ask,
  claimOf,
  entryOf,
  fill,
  fresh,
  freshTag,
  lateAsk,
  loadOf,
  valueOf,
  writeOf,
} from './store.subject.js';

const HOUR_MS = 3_600_000;

describe('On the server', () => {
  let server: RedisServer;
  let connected: Connected;
  beforeAll(async () => {
    server = await startRedis();
    connected = await connect(server.url);
  });
  afterAll(async () => {
    await connected.close();
    await server.stop();
  });

  const redis = (...args: (string | Buffer)[]) => server.command(...args);
  const lifeOf = async (key: string) => Number(await redis('PTTL', key));

  /** Two processes on one cache. */
  function two() {
    const names = fresh();
    return { names, store: connected.open(names), other: connected.open(names) };
  }

  describe('an entry', () => {
    it('lives as long as it is written to, whichever way it is written', async () => {
      const { names, store } = two();
      const write = (text: string, lifeMs: number) => ({ ...writeOf(text, 1), lifeMs });
      await store.keep(await loadOf(store, 'load'), write('load', 1_000.5));
      await store.finish(await store.begin(ask('write'), false), write('write', 2_000));
      await store.finish(await store.begin(ask('strict'), true), write('strict', 3_000));
      await store.putMany([write('put', 4_000)]);
      await store.putIfAbsent(ask('absent'), write('absent', 5_000));
      const lives = { load: 1_001, write: 2_000, strict: 3_000, put: 4_000, absent: 5_000 };
      for (const [text, lifeMs] of Object.entries(lives)) {
        const left = await lifeOf(entryKey(names, text));
        expect(left).toBeGreaterThan(lifeMs - 950);
        expect(left).toBeLessThanOrEqual(lifeMs);
      }
    });

    it('with a time to idle lives no longer than it, and each look renews it', async () => {
      const names = fresh();
      const store = connected.open(names, 30_000);
      const key = entryKey(names, '7');
      await fill(store, '7');
      expect(await lifeOf(key)).toBeLessThanOrEqual(30_000);
      for (const look of [() => store.look(ask('7')), () => store.lookMany([ask('7')])]) {
        await redis('PEXPIRE', key, '5000');
        await look();
        expect(await lifeOf(key)).toBeGreaterThan(25_000);
      }
      await store.putMany([{ ...writeOf('7', 1), lifeMs: 2_000 }]);
      expect(await lifeOf(key)).toBeLessThanOrEqual(2_000);
      expect(await store.look(ask('missing'))).toMatchObject({ miss: 'absent' });
    });

    it('with a time to idle that is no whole number of milliseconds is one like any', async () => {
      const store = connected.open(fresh(), 60_000.5);
      await fill(store, '7', 'value');
      expect(await valueOf(store, '7')).toBe('value');
    });
  });

  describe('a version', () => {
    const versionKey = (names: ReturnType<typeof fresh>) => layoutOf(names).version;

    it('outlives the entries that bear it', async () => {
      const { names, store } = two();
      const tag = freshTag();
      for (const lifeMs of [HOUR_MS, 3 * HOUR_MS, HOUR_MS]) {
        const entry = entryOf(1, { tags: [tag] });
        await store.keep(await loadOf(store, ask('7', tag)), { text: '7', entry, lifeMs });
        const least = async () =>
          Math.min(await lifeOf(versionKey(names)), await lifeOf(tagKey(tag)));
        await until('it lives long enough', async () => (await least()) > lifeMs);
      }
    });

    it('outlives the entries that bear it where another process has replaced it meanwhile', async () => {
      const { names, store, other } = two();
      const tag = freshTag();
      const store1h = async () => {
        const entry = entryOf(1, { tags: [tag] });
        await store.keep(await loadOf(store, ask('7', tag)), { text: '7', entry, lifeMs: HOUR_MS });
      };
      await store1h();
      await other.clear();
      await connected.tags().evict([tag]);
      await fill(other, ask('8', tag));
      await store1h();
      const least = async () =>
        Math.min(await lifeOf(versionKey(names)), await lifeOf(tagKey(tag)));
      await until('it lives long enough', async () => (await least()) > HOUR_MS);
    });

    it('that is lost invalidates, and is not the same when it comes again', async () => {
      const { names, store, other } = two();
      const tag = freshTag();
      await fill(store, ask('7', tag));
      const [cacheVersion, tagVersion] = [
        await redis('GET', versionKey(names)),
        await redis('GET', tagKey(tag)),
      ];
      await redis('DEL', tagKey(tag));
      expect(await store.look(ask('7', tag))).toMatchObject({ miss: `tag ${tag}` });
      await fill(other, ask('8', tag));
      expect(await redis('GET', tagKey(tag))).not.toBe(tagVersion);
      expect(await store.look(ask('7', tag))).toMatchObject({ miss: `tag ${tag}` });
      await redis('DEL', versionKey(names));
      expect(await store.look(ask('7', tag))).toMatchObject({ miss: 'cleared' });
      await fill(other, ask('8', tag));
      expect(await redis('GET', versionKey(names))).not.toBe(cacheVersion);
      expect(await store.look(ask('7', tag))).toMatchObject({ miss: 'cleared' });
    });

    it('is one for processes that need one at the same time', async () => {
      const names = fresh();
      const stores = Array.from({ length: 5 }, () => connected.open(names));
      await Promise.all(stores.map((store, i) => fill(store, String(i), i)));
      const values = await Promise.all(stores.map((_store, i) => valueOf(stores[0]!, String(i))));
      expect(values).toEqual([0, 1, 2, 3, 4]);
    });

    it('is made anew over what is none', async () => {
      const { names, store } = two();
      await redis('SET', versionKey(names), 'not ours', 'PX', '60000');
      await fill(store, '7', 'value');
      expect(await valueOf(store, '7')).toBe('value');
      await redis('DEL', versionKey(names));
      await redis('RPUSH', versionKey(names), 'not ours');
      await fill(store, '7', 'again');
      expect(await valueOf(store, '7')).toBe('again');
      expect(await lifeOf(versionKey(names))).toBeGreaterThan(0);
    });

    it('of the tag epoch is moved by every eviction of a tag', async () => {
      const { store } = two();
      const [tag, tags] = [freshTag(), connected.tags()];
      const lease = await loadOf(store, lateAsk('7'));
      await tags.evict(['unrelated']);
      expect(await store.keep(lease, writeOf('7', 'old', tag))).toBe(false);
    });
  });

  describe('a lease', () => {
    it('of a load or a write is renewed until it ends', async () => {
      const { names, store } = two();
      const load = await loadOf(store, 'load');
      const write = await store.begin(ask('write'), false);
      for (const text of ['load', 'write']) {
        await redis('PEXPIRE', leaseKey(names, text), '3000');
      }
      for (const text of ['load', 'write']) {
        await until('it is renewed', async () => (await lifeOf(leaseKey(names, text))) > 3_500);
      }
      await store.release(load, false);
      await store.abandon(write);
      for (const text of ['load', 'write']) expect(await lifeOf(leaseKey(names, text))).toBe(-2);
    });

    it('that has ended stores nothing, and is not renewed over what came after it', async () => {
      const { names, store, other } = two();
      const lease = await loadOf(store, '7');
      await redis('DEL', leaseKey(names, '7')); // as if its process had slept
      const next = await loadOf(other, '7');
      expect(await store.keep(lease, writeOf('7', 'old'))).toBe(false);
      expect(await other.keep(next, writeOf('7', 'new'))).toBe(true);
      const write = await store.begin(ask('8'), false);
      await redis('DEL', leaseKey(names, '8'));
      expect(await store.finish(write, writeOf('8', 'old'))).toBe(false);
      expect(await valueOf(other, '8')).toBeUndefined();
    });

    it('is renewed by its own load alone', async () => {
      const { names, store } = two();
      await loadOf(store, 'lost');
      await loadOf(store, 'own');
      const [lost, own] = [leaseKey(names, 'lost'), leaseKey(names, 'own')];
      await redis('SET', lost, 'ranother', 'PX', '3000');
      await redis('PEXPIRE', own, '3000');
      await until('its own is renewed', async () => (await lifeOf(own)) > 3_500);
      expect(await lifeOf(lost)).toBeLessThanOrEqual(3_000);
    });

    it('leaves a mark where its load was not stored: the next is not worth waiting for', async () => {
      const { names, store, other } = two();
      await store.release(await loadOf(store, '7'), true);
      const left = await lifeOf(leaseKey(names, '7'));
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThanOrEqual(1_000);
      const { token } = await loadOf(other, '7');
      expect(await claimOf(store, ask('7'))).toEqual({ kind: 'held', token, waits: false });
      expect(await store.inspect(ask('7'))).toMatchObject({ lease: 'unstored load' });
    });

    it('in whose place something else stands is taken all the same', async () => {
      const { names, store } = two();
      await redis('RPUSH', leaseKey(names, '7'), 'not ours');
      await fill(store, '7', 'value');
      expect(await valueOf(store, '7')).toBe('value');
      expect(await lifeOf(leaseKey(names, '7'))).toBe(-2);
    });
  });
});
