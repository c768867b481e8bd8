import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../../../../test/support/redis.server.js';
import type { RedisClient } from '../connection/redis.client.js';
import { type Read, ReadBatch } from './read.batch.js';

describe('Reads of one turn of the event loop', () => {
  let server: RedisServer;
  let client: Redis;
  beforeAll(async () => {
    server = await startRedis();
    client = new Redis(server.url);
  });
  afterEach(() => server.command('FLUSHALL'));
  afterAll(async () => {
    client.disconnect();
    await server.stop();
  });

  type Send = (client: RedisClient) => Promise<any>;
  const reads = (run = (send: Send) => send(client), isCluster = false) =>
    new ReadBatch({ isCluster, run });
  const calls = async (command: string) => {
    const stats = String(await server.command('INFO', 'commandstats'));
    return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
  };
  const counted = async <T>(act: () => Promise<T>) => {
    await server.command('CONFIG', 'RESETSTAT');
    const outcome = await act();
    return { outcome, gets: await calls('get'), mgets: await calls('mget') };
  };
  const textOf = (bytes: Buffer | null) => bytes?.toString();
  const shown = ({ bytes, versions }: Read) => [textOf(bytes), ...versions.map(textOf)];

  it('go out as one MGET, and each gets what is its own, in its order', async () => {
    await client.mset('a', '1', 'c', '3', 'v', 'version');
    const batch = reads();
    const { outcome, gets, mgets } = await counted(() =>
      Promise.all([
        batch.get('a', ['v']),
        batch.get('b', ['w', 'v']),
        batch.get('c', []),
        batch.get('a', ['v', 'a']),
      ]),
    );
    expect(outcome.map(shown)).toEqual([
      ['1', 'version'],
      [undefined, undefined, 'version'],
      ['3'],
      ['1', 'version', '1'],
    ]);
    expect({ gets, mgets }).toEqual({ gets: 0, mgets: 1 });
  });

  it('read each key once, however many ask for it', async () => {
    const asked: string[][] = [];
    const batch = reads((send) => {
      const mgetBuffer = (keys: string[]) => {
        asked.push(keys);
        return client.mgetBuffer(keys);
      };
      return send({ mgetBuffer } as RedisClient);
    });
    const [list, equal] = [['v'], ['v']];
    await Promise.all([batch.get('a', list), batch.get('b', list), batch.get('a', equal)]);
    expect(asked.map((keys) => keys.sort())).toEqual([['a', 'b', 'v']]);
  });

  it('are a GET where there is one key', async () => {
    const batch = reads();
    const { gets, mgets } = await counted(() =>
      Promise.all([batch.get('a', []), batch.get('a', []), batch.versions(['a'])]),
    );
    expect({ gets, mgets }).toEqual({ gets: 1, mgets: 0 });
  });

  it('may be of versions alone; of none nothing is sent', async () => {
    await client.mset('v', '1', 'w', '2');
    const batch = reads();
    const { outcome, gets, mgets } = await counted(() =>
      Promise.all([batch.versions(['w', 'x', 'v']), batch.versions([])]),
    );
    expect(outcome.map((found) => found.map(textOf))).toEqual([['2', undefined, '1'], []]);
    expect({ gets, mgets }).toEqual({ gets: 0, mgets: 1 });
  });

  it('of one call that asks for many are a command of their own, with each version key once', async () => {
    await client.mset('a', '1', 'b', '2', 'v', '3', 'w', '4');
    const batch = reads();
    const list = ['v'];
    const asked = [
      { key: 'a', versions: list },
      { key: 'b', versions: ['v', 'w'] },
      { key: 'none', versions: list },
    ];
    const { outcome, gets, mgets } = await counted(() => batch.getMany(asked));
    expect(outcome.map(shown)).toEqual([
      ['1', '3'],
      ['2', '3', '4'],
      [undefined, '3'],
    ]);
    expect(outcome[2]!.versions).toBe(outcome[0]!.versions);
    expect({ gets, mgets }).toEqual({ gets: 0, mgets: 1 });
    expect(await batch.getMany([])).toEqual([]);
  });

  it('of one call are a hundred and twenty-eight to a command', async () => {
    const versions = ['v'];
    const asked = Array.from({ length: 300 }, (_, i) => ({ key: `key${i}`, versions }));
    const { outcome, mgets } = await counted(() => reads().getMany(asked));
    expect(outcome).toHaveLength(300);
    expect(mgets).toBe(3);
  });

  it('are thirty-two to a command', async () => {
    const keys = Array.from({ length: 500 }, (_, i) => `key${i}`);
    await client.mset([...keys, 'v'].flatMap((key) => [key, key]));
    const [batch, versions] = [reads(), ['v']];
    const { outcome, mgets } = await counted(() =>
      Promise.all(keys.map((key) => batch.get(key, versions))),
    );
    expect(outcome.map(shown)).toEqual(keys.map((key) => [key, 'v']));
    expect(mgets).toBe(16);
  });

  it('are told of just before they are sent', async () => {
    const told: string[] = [];
    const batch = new ReadBatch(
      { isCluster: false, run: (send) => (told.push('sent'), send(client)) },
      () => told.push('told'),
    );
    const [first, second] = [batch.get('a', []), batch.get('b', [])];
    expect(told).toEqual([]);
    await Promise.all([first, second]);
    await batch.get('c', []);
    expect(told).toEqual(['told', 'sent', 'told', 'sent']);
  });

  it('on a cluster are one command a slot', async () => {
    await client.mset('{a}1', '1', '{a}2', '2', '{b}1', '3');
    const batch = reads(undefined, true);
    const { outcome, gets, mgets } = await counted(() =>
      Promise.all([batch.get('{a}1', ['{b}1']), batch.get('{a}2', [])]),
    );
    expect(outcome.map(shown)).toEqual([['1', '3'], ['2']]);
    expect({ gets, mgets }).toEqual({ gets: 1, mgets: 1 });
  });

  it('fail together, and those of the next turn do not', async () => {
    let isBroken = true;
    const batch = reads((send) => (isBroken ? Promise.reject(new Error('broken')) : send(client)));
    const failed = await Promise.allSettled([batch.get('a', []), batch.versions(['b'])]);
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    isBroken = false;
    expect(await batch.get('a', [])).toEqual({ bytes: null, versions: [] });
  });

  it('on a cluster fail with the command they are in, and no other does', async () => {
    let sent = 0;
    const batch = reads(
      (send) => (++sent === 1 ? Promise.reject(new Error('broken')) : send(client)),
      true,
    );
    const [first, both, second] = await Promise.allSettled([
      batch.get('{a}1', []),
      batch.get('{b}1', ['{a}2']),
      batch.get('{b}2', []),
    ]);
    expect([first.status, both.status]).toEqual(['rejected', 'rejected']);
    expect(second).toEqual({ status: 'fulfilled', value: { bytes: null, versions: [] } });
  });
});
