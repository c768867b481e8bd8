import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { type RedisServer, startRedis } from '../support/redis.server.js';
import { type Connected, connect, expectLifetimes } from './redis.stores.js';
import { storeContract } from './store.contract.js';
import { ask, fresh, freshTag, loadOf, valueOf, writeOf } from './store.subject.js';

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

  it('keeps nothing that was read under another version of a tag than its own look saw', async () => {
    const store = connected!.open(fresh());
    const tag = freshTag();
    const keep = async (text: string, version?: string) => {
      const lease = await loadOf(store, ask(text, tag));
      const seen = version ?? lease.versions!.tokens[1]!;
      return store.keep(lease, { ...writeOf(text, 1, tag), inherited: new Map([[tag, seen]]) });
    };
    expect(await keep('a')).toBe(true);
    expect(await keep('b', 'x'.repeat(16))).toBe(false);
    expect(await valueOf(store, ask('a', tag))).toBe(1);
    expect(await valueOf(store, ask('b', tag))).toBeUndefined();
  });

  it('has given every key a lifetime', () => expectLifetimes([server], 1_000));
});
