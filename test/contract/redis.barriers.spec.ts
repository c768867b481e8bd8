/** Barriers on the server, in which writers of strict mode die, sleep and wake up. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type RedisServer, startRedis } from '../support/redis.server.js';
import { until } from '../support/waiting.js';
import {
  type Connected,
  connect,
  layoutOf,
  leaseKey,
  tagEpochKey,
  tagKey,
} from './redis.stores.js';
import { ask, claimOf, fill, fresh, freshTag, lateAsk, valueOf, writeOf } from './store.subject.js';

describe('A barrier', () => {
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

  const redis = (...args: string[]) => server.command(...args);
  const lifeOf = async (key: string) => Number(await redis('PTTL', key));

  /** Two processes on one cache. */
  function two() {
    const names = fresh();
    return { names, store: connected.open(names), other: connected.open(names) };
  }

  const past = () => Date.now() - 1_000;
  const future = () => Date.now() + 60_000;
  const setLease = (key: string, value: string) => redis('SET', key, value, 'PX', '60000');

  it('outlives its writer by half a minute at most', async () => {
    const { names, store, other } = two();
    const tag = freshTag();
    await store.begin(ask('7'), true);
    await store.guard({ texts: ['8'] });
    await store.guard({ everything: true, restore: true });
    await connected.tags().guard([tag]);
    const keys = [
      leaseKey(names, '7'),
      leaseKey(names, '8'),
      layoutOf(names).version,
      tagKey(tag),
      tagEpochKey,
    ];
    for (const key of keys) {
      expect(await lifeOf(key)).toBeGreaterThan(25_000);
      expect(await lifeOf(key)).toBeLessThanOrEqual(30_000);
      await redis('PEXPIRE', key, '1');
      await until('it is gone', async () => (await lifeOf(key)) === -2);
    }
    await fill(other, ask('7', tag), 'new');
    expect(await valueOf(other, ask('7', tag))).toBe('new');
  });

  it('on tags that cannot be lifted bars their loads, and those of unknown tags, until it ends', async () => {
    const { store } = two();
    const tag = freshTag();
    await fill(store, ask('7', tag));
    (await connected.tags().guard([tag])).lapse();
    const keys = [tagKey(tag), tagEpochKey];
    expect(await claimOf(store, lateAsk('8'))).toEqual({ kind: 'barred' });
    for (const key of keys) await redis('PEXPIRE', key, '1');
    await until('they are gone', async () => (await redis('EXISTS', ...keys)) === 0);
    expect(await valueOf(store, ask('7', tag))).toBeUndefined();
    await fill(store, ask('7', tag), 'new');
  });

  it('that cannot be lifted is no longer renewed, and restores nothing', async () => {
    const { names, store, other } = two();
    await fill(other, '8', 'old');
    const guards = [
      await store.guard({ texts: ['7'] }),
      await store.guard({ everything: true, restore: true }),
    ];
    const renewed = await store.guard({ texts: ['9'] });
    for (const guard of guards) guard.lapse();
    const keys = [leaseKey(names, '7'), layoutOf(names).version, leaseKey(names, '9')];
    for (const key of keys) await redis('PEXPIRE', key, '20000');
    await until('the other is', async () => (await lifeOf(keys[2]!)) > 25_000);
    for (const key of keys.slice(0, 2)) expect(await lifeOf(key)).toBeLessThanOrEqual(20_000);
    for (const key of keys) await redis('PEXPIRE', key, '1');
    await until('they are gone', async () => (await redis('EXISTS', ...keys)) === 0);
    expect(await valueOf(other, '8')).toBeUndefined();
    await renewed.lift();
  });

  it('is renewed, by its own writer alone', async () => {
    const { names, store } = two();
    const lease = await store.begin(ask('7'), true);
    const guard = await store.guard({ everything: true, restore: true });
    const keys = [leaseKey(names, '7'), layoutOf(names).version];
    for (const key of keys) await redis('PEXPIRE', key, '10000');
    for (const key of keys) {
      await until('it is renewed', async () => (await lifeOf(key)) > 20_000);
    }
    await guard.lift();
    await store.finish(lease, undefined);
    expect(await lifeOf(leaseKey(names, '7'))).toBe(-2);
  });

  it('of which a writer has died holds for the others, and then ends', async () => {
    const { names, store, other } = two();
    const key = leaseKey(names, '7');
    await setLease(key, `b0dead=${past()},living=${future()},`);
    expect(await claimOf(other, ask('7'))).toEqual({ kind: 'barred' });
    const lease = await store.begin(ask('7'), true);
    expect(String(await redis('GET', key))).toMatch(/^b1living=\d+,[\w-]{16}=\d+,$/);
    expect(await store.finish(lease, writeOf('7', 'mine'))).toBe(false);
    expect(await claimOf(other, ask('7'))).toEqual({ kind: 'barred' });
    expect(await valueOf(other, '7')).toBeUndefined();
  });

  it('of which a writer died after another came keeps that one’s value out', async () => {
    const { names, store, other } = two();
    const key = leaseKey(names, '7');
    await store.begin(ask('7'), true);
    const lease = await other.begin(ask('7'), true);
    const [dies, lives] = String(await redis('GET', key)).split(',');
    await setLease(key, `${dies!.replace(/\d+$/, String(past()))},${lives},`);
    expect(await other.finish(lease, writeOf('7', 'mine'))).toBe(false);
    expect(await valueOf(store, '7')).toBeUndefined();
    await fill(store, '7', 'new');
  });

  it('that its own writer has outslept keeps its value out', async () => {
    const { names, store, other } = two();
    const key = leaseKey(names, '7');
    const lease = await store.begin(ask('7'), true);
    await setLease(key, String(await redis('GET', key)).replace(/\d+,$/, `${past()},`));
    expect(await store.finish(lease, writeOf('7', 'mine'))).toBe(false);
    expect(await valueOf(other, '7')).toBeUndefined();
    await fill(other, '7', 'new');
  });

  it('that was lost and raised again by its renewal keeps its value out', async () => {
    const { names, store, other } = two();
    const lease = await store.begin(ask('7'), true);
    await redis('DEL', leaseKey(names, '7'));
    await fill(other, '7', 'stored meanwhile');
    await until('it is raised again', async () => (await lifeOf(leaseKey(names, '7'))) > 0);
    expect(await claimOf(other, ask('7'))).toEqual({ kind: 'barred' });
    expect(await store.finish(lease, writeOf('7', 'mine'))).toBe(false);
    expect(await valueOf(other, '7')).toBeUndefined();
  });

  it('of which every writer has died is the next one’s alone', async () => {
    const { names, store, other } = two();
    await setLease(leaseKey(names, '7'), `b1dead=${past()},`);
    const lease = await store.begin(ask('7'), true);
    expect(await store.finish(lease, writeOf('7', 'mine'))).toBe(true);
    expect(await valueOf(other, '7')).toBe('mine');
  });

  it('that was lost keeps its writer from storing, and what was stored meanwhile out', async () => {
    const { names, store, other } = two();
    const lease = await store.begin(ask('7'), true);
    await redis('DEL', leaseKey(names, '7'));
    await fill(other, '7', 'stored meanwhile');
    expect(await store.finish(lease, writeOf('7', 'mine'))).toBe(false);
    expect(await valueOf(other, '7')).toBeUndefined();
  });

  it('whose writer wakes up over another writer’s takes nothing but its own away', async () => {
    const { names, store, other } = two();
    const slept = await store.begin(ask('7'), true);
    await redis('DEL', leaseKey(names, '7'));
    const lease = await other.begin(ask('7'), true);
    expect(await store.finish(slept, writeOf('7', 'slept'))).toBe(false);
    expect(await claimOf(store, ask('7'))).toEqual({ kind: 'barred' });
    expect(await other.finish(lease, writeOf('7', 'other'))).toBe(false);
    expect(await valueOf(store, '7')).toBeUndefined();
  });

  it('on a version of which a writer has died restores nothing', async () => {
    const { names, store, other } = two();
    const key = layoutOf(names).version;
    await fill(other, '7');
    const guard = await store.guard({ everything: true, restore: true });
    const pending = String(await redis('GET', key));
    await redis('SET', key, `!dead=${past()},${pending.slice(1)}`, 'PX', '60000');
    await guard.lift();
    expect(await valueOf(other, '7')).toBeUndefined();
    await fill(other, '7', 'new');
  });

  it('on a version of which a writer died before another came restores nothing', async () => {
    const { names, store, other } = two();
    const key = layoutOf(names).version;
    await fill(other, '7');
    await store.guard({ everything: true, restore: true });
    const pending = String(await redis('GET', key));
    await redis('SET', key, pending.replace(/=\d+,/, `=${past()},`), 'PX', '60000');
    const guard = await other.guard({ everything: true, restore: true });
    await guard.lift();
    expect(await valueOf(other, '7')).toBeUndefined();
    await fill(other, '7', 'new');
  });

  it('on a version that its own writer has outslept restores nothing', async () => {
    const { names, store, other } = two();
    const key = layoutOf(names).version;
    await fill(other, '7');
    const guard = await store.guard({ everything: true, restore: true });
    const pending = String(await redis('GET', key));
    await redis('SET', key, pending.replace(/=\d+,/, `=${past()},`), 'PX', '60000');
    await guard.lift();
    expect(await valueOf(other, '7')).toBeUndefined();
    const second = await store.guard({ everything: true, restore: true });
    await redis('DEL', key);
    await fill(other, '7', 'stored without a barrier');
    await second.lift();
    expect(await valueOf(other, '7')).toBeUndefined();
  });
});
