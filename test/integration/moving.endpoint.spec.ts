/** The endpoint of a replication group: one name, which leads to another server after a failover. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Test, type TestingModule } from '@nestjs/testing';
import { type Cache, CacheManager, ElastiCacheModule } from 'nestjs-elasticache';
import { type RedisPair, startPair } from '../support/redis.replica.js';
import { startProxy, type TcpProxy } from '../support/tcp.proxy.js';
import { until } from '../support/waiting.js';

type Rows = Cache<number, string>;

const memories = [false, { maxEntries: 100 }] as const;

describe.each(memories)('An endpoint that moves, memory: %j', (memory) => {
  let pair: RedisPair;
  let endpoint: TcpProxy;
  const target = { port: 0 };
  const applications: TestingModule[] = [];

  beforeEach(async () => {
    pair = await startPair();
    target.port = pair.primary.port;
    endpoint = await startProxy(target);
  });
  afterEach(async () => {
    await Promise.all(applications.splice(0).map((application) => application.close()));
    await endpoint.stop();
    await pair.stop();
  });

  async function start(): Promise<Rows> {
    const silence = () => {};
    const application = await Test.createTestingModule({
      imports: [
        ElastiCacheModule.forRoot({
          connection: { host: '127.0.0.1', port: endpoint.port },
          errorHandler: silence,
          defaults: { memory, timeouts: { store: '5s' } },
        }),
      ],
    })
      .setLogger({ log: silence, warn: silence, error: silence })
      .compile();
    applications.push(application);
    await application.init();
    return application.get(CacheManager).getCache<number, string>('rows');
  }

  /** As a failover that is planned: the servers change places and live on, and so do the connections. */
  async function changePlaces(): Promise<void> {
    const { primary, replica } = pair;
    await replica.command('REPLICAOF', 'NO', 'ONE');
    await primary.command('REPLICAOF', replica.host, `${replica.port}`);
    target.port = replica.port;
  }

  /** Connections that the first primary has had. */
  const made = async () =>
    Number(
      /total_connections_received:(\d+)/.exec(
        String(await pair.primary.command('INFO', 'stats')),
      )![1],
    );

  it('is followed by the first write, which succeeds', async () => {
    const rows = await start();
    await until('it is stored', async () => {
      await rows.put(1, 'old');
      return (await rows.get(1)) === 'old';
    });
    await changePlaces();
    expect(await rows.evict(1)).toBe(true);
    expect(await rows.get(1)).toBeUndefined();
    await until('it is stored there', async () => {
      await rows.put(2, 'new');
      return (await rows.get(2)) === 'new';
    });
    expect(await pair.replica.keys('*:rows:2')).toHaveLength(1);
  });

  it('brings nothing back that was evicted, where the replica was behind', async () => {
    const rows = await start();
    await until('it is stored', async () => {
      await rows.put(1, 'old');
      return (await rows.get(1)) === 'old';
    });
    await until('it is replicated', async () => (await pair.replica.keys('*:rows:1')).length === 1);
    await pair.breakReplication();
    expect(await rows.evict(1)).toBe(true);
    await changePlaces();
    await rows.put(2, 'new');
    await until('another server answers', async () => {
      const seen = await rows.get(1);
      expect(seen).toBeUndefined();
      await rows.put(2, 'new');
      return (await pair.replica.keys('*:rows:2')).length === 1;
    });
    expect(await rows.get(1)).toBeUndefined();
  });

  it('is followed where the name moves long after the servers have, and connected to at most once a second', async () => {
    const rows = await start();
    await until('it is stored', async () => {
      await rows.put(1, 'old');
      return (await rows.get(1)) === 'old';
    });
    await pair.replica.command('REPLICAOF', 'NO', 'ONE');
    await pair.primary.command('REPLICAOF', pair.replica.host, `${pair.replica.port}`);
    const [before, begun] = [await made(), performance.now()];
    await until('it is connected to again and again', async () => {
      await rows.put(1, 'refused');
      return (await made()) >= before + 4;
    });
    const seconds = Math.ceil((performance.now() - begun) / 1_000);
    const clients = memory === false ? 1 : 2;
    expect((await made()) - before).toBeLessThanOrEqual(clients * (seconds + 1));
    target.port = pair.replica.port;
    await until('it is stored there', async () => {
      await rows.put(2, 'new');
      return (await rows.get(2)) === 'new';
    });
    expect(await pair.replica.keys('*:rows:2')).toHaveLength(1);
  });
});
