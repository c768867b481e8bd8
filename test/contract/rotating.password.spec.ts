import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import * as ioredis from 'ioredis';
import * as ioredis5 from 'ioredis5';
import type { Driver } from '../../libs/elasticache/src/connection/client.maker.js';
import type { ConnectionOptions } from '../../libs/elasticache/src/connection/connection.options.js';
import { RedisConnection } from '../../libs/elasticache/src/connection/redis.connection.js';
import { FakeClock } from '../../libs/elasticache/src/testing/fake.clock.js';
import { type RedisCluster, startRedisCluster } from '../support/redis.cluster.js';
import { type RedisServer, startRedis } from '../support/redis.server.js';
import { until } from '../support/waiting.js';

const drivers: Record<string, Driver> = {
  'ioredis 6': ioredis as never,
  'ioredis 5': ioredis5 as never,
};
const MINUTE_MS = 60_000;

describe.each(Object.keys(drivers))('A password that changes, %s', (name) => {
  const driver = drivers[name]!;
  let cluster: RedisCluster;
  let server: RedisServer;
  const opened: RedisConnection[] = [];
  let passwords = 0;
  let current = '';

  beforeAll(async () => {
    [cluster, server] = await Promise.all([startRedisCluster(), startRedis()]);
  });
  afterEach(() => Promise.all(opened.splice(0).map((connection) => connection.close())));
  afterAll(() => Promise.all([cluster.stop(), server.stop()]));

  const places: Record<string, () => readonly RedisServer[]> = {
    'a node': () => [server],
    'a cluster': () => cluster.nodes,
  };

  /** Another password, and the connections that were made with the former cut, as AWS cuts them in the end. */
  async function rotate(nodes: readonly RedisServer[]): Promise<void> {
    current = `secret-${++passwords}`;
    const rules = ['on', 'resetpass', `>${current}`, '~*', '&*', '+@all'];
    for (const node of nodes) await node.command('ACL', 'SETUSER', 'app', ...rules);
  }
  const cut = (nodes: readonly RedisServer[]) =>
    Promise.all(nodes.map((node) => node.command('CLIENT', 'KILL', 'USER', 'app')));

  async function open(
    nodes: readonly RedisServer[],
    password: () => string | Promise<string>,
    settings: { clock?: FakeClock; signInMs?: number } = {},
  ) {
    const told: unknown[] = [];
    const access = { username: 'app', password };
    const at = nodes.map(({ host, port }) => ({ host, port }));
    const options: ConnectionOptions =
      at.length > 1 ? { cluster: at, ...access } : { ...at[0]!, ...access };
    const parts = { driver, random: Math.random, ...settings };
    const connection = await RedisConnection.open(options, parts);
    const failed = (why: string) => void told.push(why);
    connection.watch({ made: () => {}, lost: () => {}, moved: () => {}, failed });
    opened.push(connection);
    connection.start();
    const works = async () => {
      const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
      const read = () =>
        connection.exchange((client) => Promise.all(keys.map((key) => client.getBuffer(key))));
      return read().then(
        () => true,
        () => false,
      );
    };
    return { connection, works, told };
  }

  describe.each(Object.keys(places))('of %s', (place) => {
    it('is another one for each connection, also after a refusal', async () => {
      const nodes = places[place]!();
      await rotate(nodes);
      const { connection, works, told } = await open(nodes, async () => current);
      await until('it works', works);
      await rotate(nodes);
      await cut(nodes);
      await until('it works again', works);
      const shown = { depth: 20, showHidden: true };
      expect(inspect([told, connection], shown)).not.toMatch(/secret-/);
    });

    it('is asked anew where the process slept longer than it lives', async () => {
      const nodes = places[place]!();
      await rotate(nodes);
      const clock = new FakeClock();
      let asked = 0;
      const { works } = await open(nodes, () => (asked++, current), { clock });
      await until('it works', works);
      expect(asked).toBe(1);
      await rotate(nodes);
      clock.advance(20 * MINUTE_MS);
      for (const node of nodes) await node.command('ACL', 'LOG', 'RESET');
      await cut(nodes);
      await until('it works again', works);
      expect(asked).toBeGreaterThan(1);
      const refused = await Promise.all(nodes.map((node) => node.command('ACL', 'LOG')));
      expect(refused.flat()).toEqual([]);
    });

    it('is signed in with again on connections that live', async () => {
      const nodes = places[place]!();
      await rotate(nodes);
      const calls = async () => {
        const stats = await Promise.all(nodes.map((node) => node.command('INFO', 'commandstats')));
        return stats.map((text) => Number(/cmdstat_auth:calls=(\d+)/.exec(String(text))?.[1] ?? 0));
      };
      const { works } = await open(nodes, () => current, { signInMs: 20 });
      await until('it works', works);
      const before = await calls();
      await until('each has seen it again', async () => {
        expect(await works()).toBe(true);
        const now = await calls();
        return now.every((count, i) => count > before[i]! + 1);
      });
    });
  });

  it('that cannot be had is told of, and used once it can', async () => {
    await rotate([server]);
    let failure: Error | undefined = new Error('the provider is away');
    const { works, told } = await open([server], () => {
      if (failure) throw failure;
      return current;
    });
    await until('it is told', () => inspect(told).includes('the provider is away'));
    failure = undefined;
    await until('it works', works);
  });

  it('is asked for again where its source hangs', async () => {
    await rotate([server]);
    let asked = 0;
    const source = () => (++asked === 1 ? new Promise<string>(() => {}) : current);
    const { works, told } = await open([server], source);
    await until('it works', works);
    expect(told.join()).toContain('did not answer within 5000 ms');
  });

  it('is another one for a reader that is refused alone', async () => {
    await rotate([server]);
    const { connection, works } = await open([server], () => current);
    await until('it works', works);
    const reader = connection.duplicate();
    opened.push(reader);
    const id = () => reader.exchange((client) => client.callBuffer('client', 'ID')).catch(() => {});
    const first = await until('the reader works', id);
    await rotate([server]);
    await server.command('CLIENT', 'KILL', 'ID', String(first));
    await until('the reader works again', async () => {
      const now = await id();
      return now !== undefined && now !== first;
    });
  });

  it('is soon tried again on a connection that lives, where it was refused', async () => {
    await rotate([server]);
    let isWrong = false;
    const source = () => (isWrong ? 'secret-of-another' : current);
    const { works } = await open([server], source, { signInMs: 3_000 });
    await until('it works', works);
    const refusals = async () => {
      const stats = String(await server.command('INFO', 'commandstats'));
      return Number(/cmdstat_auth:.*failed_calls=(\d+)/.exec(stats)?.[1] ?? 0);
    };
    const before = await refusals();
    isWrong = true;
    await until('it is refused', async () => (await refusals()) > before);
    const soon = 6_000; // a fifth of what it takes to be refused so often otherwise
    await until('it is refused again', async () => (await refusals()) > before + 10, soon);
    expect(await works()).toBe(true);
  });

  it('is asked for once by all who need it', async () => {
    await rotate(cluster.nodes);
    let asked = 0;
    const { works } = await open(cluster.nodes, async () => (asked++, current));
    await until('it works', works);
    expect(asked).toBe(1);
  });
});
