import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { type RedisServer, startRedis } from '../support/redis.server.js';
import { type Connected, connect } from './redis.stores.js';
import { storeContract } from './store.contract.js';

let server: RedisServer;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

describe.each([
  ['a connection of ours', (url: string) => url],
  ['a ready client of ioredis 6', (url: string) => new Redis(url)],
  ['a ready client of ioredis 5.11', (url: string) => new Redis5(url)],
])('The Redis store on %s', (_, target) => {
  let connected: Connected | undefined;
  afterAll(() => connected?.close());

  storeContract(async () => {
    await server.command('FLUSHALL');
    return (connected = await connect(target(server.url)));
  });

  it('has given every key a lifetime', async () => {
    const keys = await server.keys();
    expect(keys.length).toBeGreaterThan(1_000);
    const lifetimes = await Promise.all(keys.map((key) => server.command('PTTL', key)));
    expect(keys.filter((_key, i) => Number(lifetimes[i]) <= 0)).toEqual([]);
  });
});
