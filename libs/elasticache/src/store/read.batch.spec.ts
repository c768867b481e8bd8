import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../../../../test/support/redis.server.js';
import { ReadBatch } from './read.batch.js';

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

  const reads = () => new ReadBatch((send) => send(client));
  const calls = async (command: string) => {
    const stats = String(await server.command('INFO', 'commandstats'));
    return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
  };
  const counted = async <T>(act: () => Promise<T>) => {
    await server.command('CONFIG', 'RESETSTAT');
    const outcome = await act();
    return { outcome, gets: await calls('get'), mgets: await calls('mget') };
  };

  it('go out as one MGET, and each gets what is its own', async () => {
    await client.mset('a', '1', 'c', '3');
    const batch = reads();
    const { outcome, gets, mgets } = await counted(() =>
      Promise.all(['a', 'b', 'c', 'a'].map((key) => batch.get(key))),
    );
    expect(outcome.map((bytes) => bytes?.toString())).toEqual(['1', undefined, '3', '1']);
    expect({ gets, mgets }).toEqual({ gets: 0, mgets: 1 });
  });

  it('are a GET where there is one', async () => {
    const { gets, mgets } = await counted(() => reads().get('a'));
    expect({ gets, mgets }).toEqual({ gets: 1, mgets: 0 });
  });

  it('are of a hundred keys at most', async () => {
    const keys = Array.from({ length: 250 }, (_, i) => `key${i}`);
    await client.mset(keys.flatMap((key) => [key, key]));
    const batch = reads();
    const { outcome, mgets } = await counted(() => Promise.all(keys.map((key) => batch.get(key))));
    expect(outcome.map(String)).toEqual(keys);
    expect(mgets).toBe(3);
  });

  it('fail together, and those of the next turn do not', async () => {
    let isBroken = true;
    const batch = new ReadBatch((send) =>
      isBroken ? Promise.reject(new Error('broken')) : send(client),
    );
    const failed = await Promise.allSettled([batch.get('a'), batch.get('b')]);
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    isBroken = false;
    expect(await batch.get('a')).toBeNull();
  });
});
