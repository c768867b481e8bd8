import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { commandsDuring } from '../../../../test/support/command.counts.js';
import { type RedisServer, startRedis } from '../../../../test/support/redis.server.js';
import { until } from '../../../../test/support/waiting.js';
import type { RedisClient } from '../connection/redis.client.js';
import { RedisConnection } from '../connection/redis.connection.js';
import { CacheTimeoutError, CacheUnavailableError } from '../errors/cache.errors.js';
import { Deadline } from '../resilience/deadline.js';
import { systemClock } from '../time/clock.js';
import { EVICT, RELEASE, STORE, TAKE } from './lua.scripts.js';
import { RedisExchange } from './redis.exchange.js';
import { insistOn, ScriptRunner } from './script.runner.js';

const LONG_MS = 20_000;
const SOON_MS = 50;

describe('Scripts', () => {
  let server: RedisServer;
  let client: Redis;
  const connections: RedisConnection[] = [];
  beforeAll(async () => {
    server = await startRedis();
    client = new Redis(server.url);
  });
  afterAll(async () => {
    await Promise.all(connections.map((connection) => connection.close()));
    client.disconnect();
    await server.stop();
  });

  async function open(ms = LONG_MS) {
    const settings = { random: Math.random };
    const connection = await RedisConnection.open(server.url, settings);
    connections.push(connection);
    connection.start();
    const deadline = new Deadline(ms, systemClock);
    const exchange = new RedisExchange({ where: 'cache test', connection, deadline });
    return { exchange, runner: new ScriptRunner(exchange) };
  }

  const take = (key: string, token = 'token') => ({ keys: [key], arguments: [token, 60_000] });
  const evict = (key: string) => ({ keys: [key, `${key}:lease`], arguments: [] });
  const counted = async (work: () => Promise<unknown>) =>
    (await commandsDuring(server, work)).of['evalsha'] ?? 0;

  it('of one kind that are asked for in one turn travel together, each with its own reply', async () => {
    const { runner } = await open();
    await server.command('FLUSHALL');
    await runner.run(TAKE, take('warm'));
    await client.set('barrier', 'b0other=1,');
    const keys = ['a', 'barrier', 'b'];
    let replies: unknown[] = [];
    const run = async () => {
      replies = await Promise.all(keys.map((key) => runner.run(TAKE, take(key))));
    };
    expect(await counted(run)).toBe(1);
    expect(replies).toEqual([1, 0, 1]);
    expect(await client.mget(...keys)).toEqual(['wtoken', 'b0other=1,', 'wtoken']);
  });

  it('of many items are several commands, of one turn all the same', async () => {
    const { runner } = await open();
    const keys = Array.from({ length: 100 }, (_each, i) => `many${i}`);
    await Promise.all(keys.map((key, i) => client.set(key, i)));
    await runner.run(EVICT, evict('warm'));
    let replies: unknown[] = [];
    const run = async () => {
      replies = await Promise.all([...keys, 'absent'].map((key) => runner.run(EVICT, evict(key))));
    };
    expect(await counted(run)).toBe(7);
    expect(replies).toEqual([...keys.map(() => 1), 0]);
  });

  it('of several kinds travel apart', async () => {
    const { runner } = await open();
    await client.set('two', 1);
    const replies = await Promise.all([
      runner.run(TAKE, take('two:lease')),
      runner.run(EVICT, evict('two')),
      runner.run(RELEASE, { keys: ['two:lease'], arguments: ['another', ''] }),
    ]);
    expect(replies).toEqual([1, 1, 0]);
  });

  it('fail each for itself', async () => {
    const { runner } = await open();
    await client.set('full:lease', 'wtoken');
    await server.command('CONFIG', 'SET', 'maxmemory', '1');
    const store = { keys: ['full', 'full:lease'], arguments: ['token', 'value', 60_000] };
    const lost = { keys: ['lost', 'lost:lease'], arguments: ['token', 'value', 60_000] };
    try {
      const [first, second] = await Promise.allSettled([
        runner.run(STORE, store),
        runner.run(STORE, lost),
      ]);
      expect(second).toEqual({ status: 'fulfilled', value: 0 });
      expect(first).toMatchObject({
        status: 'rejected',
        reason: expect.any(CacheUnavailableError),
      });
      expect(String((first as PromiseRejectedResult).reason)).toContain('OOM');
    } finally {
      await server.command('CONFIG', 'SET', 'maxmemory', '0');
    }
    expect(await runner.run(STORE, store)).toBe(1);
  });

  it('are told to a server that does not know them', async () => {
    const { runner } = await open();
    await server.command('SCRIPT', 'FLUSH');
    expect(await runner.run(TAKE, take('unknown'))).toBe(1);
    await server.command('SCRIPT', 'FLUSH');
    expect(await runner.insist(TAKE, [take('unknown')])).toEqual([1]);
    expect(await server.command('SCRIPT', 'EXISTS', TAKE.sha)).toEqual([1]);
  });

  it('that were not acknowledged are repeated while there is time', async () => {
    const { runner } = await open();
    await runner.run(TAKE, take('warm'));
    await server.kill();
    let isDone = false;
    const insisting = runner.insist(TAKE, [take('again')]).finally(() => (isDone = true));
    await expect(runner.run(TAKE, take('once'))).rejects.toBeInstanceOf(CacheUnavailableError);
    expect(isDone).toBe(false);
    await server.restart();
    expect(await insisting).toEqual([1]);
    await until('the client is back', () => client.status === 'ready');
  });

  it('that were not acknowledged in time have failed, whatever comes later', async () => {
    const { runner } = await open(SOON_MS);
    await until('it is connected', () =>
      runner.run(TAKE, take('warm')).then(
        () => true,
        () => false,
      ),
    );
    server.pause();
    try {
      await expect(runner.insist(TAKE, [take('late')])).rejects.toBeInstanceOf(CacheTimeoutError);
      await expect(runner.run(TAKE, take('late'))).rejects.toBeInstanceOf(CacheTimeoutError);
    } finally {
      server.resume();
    }
  });

  it('that are refused for good are not repeated', async () => {
    const { runner } = await open();
    const asked = runner.insist(TAKE, [{ keys: ['refused'], arguments: ['token', 'no number'] }]);
    await expect(asked).rejects.toBeInstanceOf(CacheUnavailableError);
  });

  it('on a cluster travel by slot, and their replies come in the order asked', async () => {
    const sent: string[][] = [];
    const spied = {
      isCluster: true,
      callBuffer: (command: string, sha: string, rest: (string | number)[]) => {
        if (command === 'evalsha') sent.push(rest.slice(1, 1 + Number(rest[0])) as string[]);
        return client.callBuffer(command, sha, ...rest);
      },
    } as unknown as RedisClient;
    const keys = ['{a}1', '{b}1', '{a}2', '{c}1', '{b}2'];
    for (const key of [keys[1]!, keys[3]!]) await client.set(key, 'x');
    const items = keys.map((key) => ({ keys: [key, `${key}:lease`], arguments: [] }));
    const exchange = {
      isCluster: true,
      insist: (_: unknown, send: (to: RedisClient) => Promise<any>) => send(spied),
    };
    expect(await insistOn(exchange, EVICT, items)).toEqual([0, 1, 0, 1, 0]);
    expect(sent.map((each) => each.filter((key) => !key.endsWith(':lease')))).toEqual([
      ['{a}1', '{a}2'],
      ['{b}1', '{b}2'],
      ['{c}1'],
    ]);
  });
});
