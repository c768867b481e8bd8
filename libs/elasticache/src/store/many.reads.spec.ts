import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { gate } from '../../../../test/support/gate.js';
import { type RedisServer, startRedis } from '../../../../test/support/redis.server.js';
import type { RedisClient } from '../connection/redis.client.js';
import { systemClock } from '../time/clock.js';
import { type Many, ManyReads } from './many.reads.js';
import { type Bytes, ReadBatch } from './read.batch.js';

type Send = (client: RedisClient) => Promise<any>;

describe('A call that asks for many keys', () => {
  let server: RedisServer;
  let client: Redis;
  let sent: string[][];
  beforeAll(async () => {
    server = await startRedis();
    client = new Redis(server.url);
  });
  afterEach(() => server.command('FLUSHALL'));
  afterAll(async () => {
    client.disconnect();
    await server.stop();
  });

  const reader = (run = (send: Send) => send(client), isCluster = false) => {
    sent = [];
    const watched = { mgetBuffer: (keys: string[]) => (sent.push(keys), client.mgetBuffer(keys)) };
    const read = (_: unknown, send: Send) =>
      run((redis) => send(isCluster ? redis : (watched as RedisClient)));
    const exchange = { isCluster, read };
    return new ManyReads({ exchange, clock: systemClock, reads: new ReadBatch({ exchange }) });
  };
  const sizes = () => sent.map(({ length }) => length);
  const shown = (bytes: Bytes, versions: readonly Bytes[]) =>
    [bytes, ...versions].map((one) => one?.toString());
  const keysTo = (count: number) => Array.from({ length: count }, (_, i) => `key${i}`);

  /** Asks for keys, all under the same versions unless there is a list for each. */
  const manyOf = (
    keys: readonly string[],
    { lists, ...more }: { lists?: string[][] } & Partial<Many<unknown>> = {},
  ): Many<unknown> => {
    const list: string[] = [];
    return {
      count: keys.length,
      keyOf: (place) => keys[place]!,
      versionsOf: (place) => lists?.[place] ?? list,
      made: (bytes, versions, place) => [place, ...shown(bytes, versions)],
      failed: (error) => error,
      ...more,
    };
  };
  const failingSecond = (error: Error) => {
    let commands = 0;
    return (send: Send) => (++commands === 2 ? Promise.reject(error) : send(client));
  };

  it('has commands of its own, with each version key once', async () => {
    await client.mset('a', '1', 'b', '2', 'v', '3', 'w', '4');
    const many = reader();
    const lists = [['v'], ['v', 'w'], ['v']];
    expect(await many.get(manyOf(['a', 'b', 'none'], { lists }))).toEqual([
      [0, '1', '3'],
      [1, '2', '3', '4'],
      [2, undefined, '3'],
    ]);
    expect(sent).toEqual([['a', 'b', 'none', 'v', 'w']]);
    expect(await many.get(manyOf([]))).toEqual([]);
  });

  it('sends a few first and then the rest, and no few while another waits', async () => {
    const keys = keysTo(300);
    await client.mset(keys.flatMap((key) => [key, key]));
    const expected = keys.map((key, i) => [i, key]);
    const many = reader();
    expect(await many.get(manyOf(keys))).toEqual(expected);
    expect(sizes()).toEqual([16, 128, 128, 28]);
    const ask = () => many.get(manyOf(keys));
    expect(await Promise.all([ask(), ask()])).toEqual([expected, expected]);
    expect(sizes().slice(4)).toEqual([16, 128, 128, 28, 128, 128, 44]);
    await ask();
    expect(sizes().slice(11)).toEqual([16, 128, 128, 28]);
  });

  it('writes the first before it asks for the names of the others', async () => {
    const keys = keysTo(20);
    const written: number[] = [];
    const many = reader();
    await many.get(manyOf(keys, { keyOf: (place) => (written.push(sent.length), keys[place]!) }));
    expect(written).toEqual(keys.map((_, i) => (i < 16 ? 0 : 1)));
  });

  it.each([false, true])(
    'fails in part with a command, and in no other (cluster: %s)',
    async (isCluster) => {
      const broken = new Error('the second command');
      const keys = keysTo(40);
      await client.mset(keys.flatMap((key) => [key, key]));
      const made = await reader(failingSecond(broken), isCluster).get(manyOf(keys));
      const hasFailed = (i: number) => (isCluster ? i === 1 : i >= 16);
      expect(made).toEqual(keys.map((key, i) => (hasFailed(i) ? broken : [i, key])));
    },
  );

  it.each([false, true])(
    'fails for what cannot be made alone, and leaves no failure untold (cluster: %s)',
    async (isCluster) => {
      const untold: unknown[] = [];
      const onUntold = (reason: unknown) => untold.push(reason);
      process.on('unhandledRejection', onUntold);
      const late = new Error('later');
      const made = await reader(failingSecond(new Error('broken')), isCluster).get(
        manyOf(keysTo(40), {
          made: (_bytes, _versions, place) =>
            place % 2 === 0
              ? new Promise((_, reject) => setImmediate(reject, late))
              : Promise.resolve(place),
        }),
      );
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
      process.off('unhandledRejection', onUntold);
      expect(made.slice(2, 16)).toEqual(keysTo(14).map((_, i) => (i % 2 === 0 ? late : i + 2)));
      expect(untold).toEqual([]);
    },
  );

  /** Forty keys, whose second command is held back, each made in so long; how many were made meanwhile, and at last. */
  const madeOf = async (each: number) => {
    const last = gate();
    let [commands, made] = [0, 0];
    const run = (send: Send) =>
      ++commands === 2 ? last.opened.then(() => send(client)) : send(client);
    const reading = reader(run).get(
      manyOf(keysTo(40), {
        made: () => {
          const until = performance.now() + each;
          while (performance.now() < until);
          return ++made;
        },
      }),
    );
    await client.ping(); // answered after the first command
    await new Promise((resolve) => setImmediate(resolve));
    const meanwhile = made;
    last.open();
    await reading;
    return { commands, meanwhile, made };
  };

  it('has the first made while the server looks up the rest', async () => {
    expect(await madeOf(0)).toEqual({ commands: 2, meanwhile: 16, made: 40 });
  });

  it('has them made once all are here, where that takes time the others have not', async () => {
    expect(await madeOf(10)).toEqual({ commands: 2, meanwhile: 1, made: 40 });
  });
});
