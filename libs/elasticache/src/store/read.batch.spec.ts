import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { gate } from '../../../../test/support/gate.js';
import { type RedisServer, startRedis } from '../../../../test/support/redis.server.js';
import { until } from '../../../../test/support/waiting.js';
import type { RedisClient } from '../connection/redis.client.js';
import { type Bytes, ReadBatch } from './read.batch.js';

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
  const reads = (read = (send: Send) => send(client), isCluster = false) =>
    new ReadBatch({ exchange: { isCluster, read: (_, send: Send) => read(send) } });
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
  const shown = (bytes: Bytes, versions: readonly Bytes[]) => [bytes, ...versions].map(textOf);

  const keysTo = (count: number) => Array.from({ length: count }, (_, i) => `key${i}`);

  it('go out as one MGET, and each gets what is its own, in its order', async () => {
    await client.mset('a', '1', 'c', '3', 'v', 'version');
    const batch = reads();
    const { outcome, gets, mgets } = await counted(() =>
      Promise.all([
        batch.get('a', ['v'], shown),
        batch.get('b', ['w', 'v'], shown),
        batch.get('c', [], shown),
        batch.get('a', ['v', 'a'], shown),
      ]),
    );
    expect(outcome).toEqual([
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
    const ask = (key: string, versions: string[]) => batch.get(key, versions, shown);
    await Promise.all([ask('a', list), ask('b', list), ask('a', equal)]);
    expect(asked.map((keys) => keys.sort())).toEqual([['a', 'b', 'v']]);
  });

  it('are an MGET where there is one key, too: one of another type is not there', async () => {
    await client.sadd('a', 'of another type');
    const batch = reads();
    const { outcome, gets, mgets } = await counted(() =>
      Promise.all([batch.get('a', [], shown), batch.get('a', [], shown), batch.versions(['a'])]),
    );
    expect(outcome).toEqual([[undefined], [undefined], [null]]);
    expect({ gets, mgets }).toEqual({ gets: 0, mgets: 1 });
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

  it('are thirty-two to a command', async () => {
    const keys = keysTo(500);
    await client.mset([...keys, 'v'].flatMap((key) => [key, key]));
    const [batch, versions] = [reads(), ['v']];
    const { outcome, mgets } = await counted(() =>
      Promise.all(keys.map((key) => batch.get(key, versions, shown))),
    );
    expect(outcome).toEqual(keys.map((key) => [key, 'v']));
    expect(mgets).toBe(16);
  });

  it('while others are under way wait for those of the rest of the round', async () => {
    const [asked, answering] = [[] as string[][], gate()];
    const batch = reads(async (send) => {
      const mgetBuffer = (keys: string[]) => (asked.push(keys), client.mgetBuffer(keys));
      const found = await send({ mgetBuffer } as RedisClient);
      await answering.opened;
      return found;
    });
    const first = batch.get('a', [], shown);
    await until('the first is sent', () => asked.length === 1);
    const second = batch.get('b', [], shown);
    const third = new Promise((resolve) => {
      process.nextTick(() => process.nextTick(() => resolve(batch.get('c', [], shown))));
    });
    await until('the others are sent', () => asked.length > 1);
    answering.open();
    await Promise.all([first, second, third]);
    expect(asked).toEqual([['a'], ['b', 'c']]);
    await batch.get('d', [], shown);
    expect(asked).toHaveLength(3);
  });

  it('are a command each, sent at once, where they are not gathered', async () => {
    let sent = 0;
    const read = (_: unknown, send: Send) => (sent++, send(client));
    const exchange = { isCluster: false, read };
    const batch = new ReadBatch({ exchange, gathers: false });
    const reading = Promise.all([batch.get('a', ['v'], shown), batch.get('b', ['v'], shown)]);
    expect(sent).toBe(2);
    expect(await reading).toEqual([
      [undefined, undefined],
      [undefined, undefined],
    ]);
  });

  it('are told of just before they are sent', async () => {
    const told: string[] = [];
    const read = (_: unknown, send: Send) => (told.push('sent'), send(client));
    const batch = new ReadBatch({
      exchange: { isCluster: false, read },
      onSend: () => told.push('told'),
    });
    const [first, second] = [batch.get('a', [], shown), batch.get('b', [], shown)];
    expect(told).toEqual([]);
    await Promise.all([first, second]);
    await batch.get('c', [], shown);
    expect(told).toEqual(['told', 'sent', 'told', 'sent']);
  });

  it('on a cluster are one command a slot', async () => {
    await client.mset('{a}1', '1', '{a}2', '2', '{b}1', '3');
    const batch = reads(undefined, true);
    const { outcome, gets, mgets } = await counted(() =>
      Promise.all([batch.get('{a}1', ['{b}1'], shown), batch.get('{a}2', [], shown)]),
    );
    expect(outcome).toEqual([['1', '3'], ['2']]);
    expect({ gets, mgets }).toEqual({ gets: 0, mgets: 2 });
  });

  it('fail together, and those of the next turn do not', async () => {
    let isBroken = true;
    const batch = reads((send) => (isBroken ? Promise.reject(new Error('broken')) : send(client)));
    const failed = await Promise.allSettled([batch.get('a', [], shown), batch.versions(['b'])]);
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    isBroken = false;
    expect(await batch.get('a', [], shown)).toEqual([undefined]);
  });

  it.each([null, [], ['1'], 'text'])(
    'fail where the answer is %j, which is not theirs',
    async (answer) => {
      const mgetBuffer = () => Promise.resolve(answer);
      for (const isCluster of [false, true]) {
        const batch = reads((send) => send({ mgetBuffer } as unknown as RedisClient), isCluster);
        const both = [batch.get('{a}1', ['{a}2'], shown), batch.get('{a}2', [], shown)];
        const failed = await Promise.allSettled(both);
        expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      }
    },
  );

  it('on a cluster fail with the command they are in, and no other does', async () => {
    let sent = 0;
    const batch = reads(
      (send) => (++sent === 1 ? Promise.reject(new Error('broken')) : send(client)),
      true,
    );
    const [first, both, second] = await Promise.allSettled([
      batch.get('{a}1', [], shown),
      batch.get('{b}1', ['{a}2'], shown),
      batch.get('{b}2', [], shown),
    ]);
    expect([first.status, both.status]).toEqual(['rejected', 'rejected']);
    expect(second).toEqual({ status: 'fulfilled', value: [undefined] });
  });
});
