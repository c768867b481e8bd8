/** Entries read from a replica of a real cluster; one of its three primaries has one. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Test, type TestingModule } from '@nestjs/testing';
import { Cluster } from 'ioredis';
import { Cluster as Cluster5 } from 'ioredis5';
import { type Cache, CacheManager, ElastiCacheModule } from 'nestjs-elasticache';
import type { ElastiCacheModuleOptions } from 'nestjs-elasticache';
import { times } from '../support/cache.application.js';
import { commandsDuring } from '../support/command.counts.js';
import { type RedisCluster, startRedisCluster } from '../support/redis.cluster.js';
import { until } from '../support/waiting.js';

const silence = () => {};
const quiet = { log: silence, warn: silence, error: silence };

const ids = times(60, (id) => id);

let cluster: RedisCluster;

beforeAll(async () => {
  // A replica that is started with data reads it slowly, and answers meanwhile.
  const args = ['--key-load-delay', '500', '--loading-process-events-interval-bytes', '1024'];
  cluster = await startRedisCluster({ hasReplica: true, args });
}, 60_000);
afterAll(() => cluster.stop());

const clients: Record<string, () => ElastiCacheModuleOptions['connection']> = {
  'of ours': () => ({ cluster: cluster.startupNodes.slice(0, 1) }),
  'of ioredis 6': () => new Cluster(cluster.startupNodes),
  'of ioredis 5': () => new Cluster5(cluster.startupNodes) as never,
};

describe.each(Object.keys(clients))('On a cluster, with a client %s', (name) => {
  const namespace = name.replaceAll(' ', '-');
  let application: TestingModule;
  let rows: Cache<number, string>;
  let connection: ElastiCacheModuleOptions['connection'];

  beforeAll(async () => {
    connection = clients[name]!();
    const module = ElastiCacheModule.forRoot({
      namespace,
      connection,
      errorHandler: () => {},
      defaults: { jitter: 0, timeouts: { store: '5s' } },
      caches: { rows: { consistency: 'eventual' } },
    });
    application = await Test.createTestingModule({ imports: [module] })
      .setLogger(quiet)
      .compile();
    await application.init();
    rows = application.get(CacheManager).getCache('rows');
    await until('connected', () => rows.evict(-1));
    await rows.putMany(ids.map((id) => [id, `row ${id}`]));
  });
  afterAll(async () => {
    await application.close();
    (connection as { disconnect?: () => void }).disconnect?.();
  });

  const replica = () => cluster.replica!;
  const readAll = () => Promise.all(ids.map((id) => rows.get(id)));
  const titles = ids.map((id) => `row ${id}`);
  const commandsOf = (work: () => Promise<unknown>) => commandsDuring(replica(), work);
  const inUse = () =>
    until('it is read', async () => ((await commandsOf(readAll)).of['mget'] ?? 0) > 0);

  it('entries are read from replicas where there are any, and nothing else is', async () => {
    await inUse();
    await replica().command('ACL', 'LOG', 'RESET');
    const [own, service] = [
      ['+mget', '+readonly', '+ping'],
      ['+config', '+acl', '+client'],
    ];
    const rules = ['resetkeys', `~${namespace}:v1:*`, '-@all', ...own, ...service];
    const cluster = ['+cluster', '+info', '+role', '+exists', '+hello'];
    await replica().command('ACL', 'SETUSER', 'default', ...rules, ...cluster);
    try {
      const counts = await commandsOf(async () => {
        expect(await readAll()).toEqual(titles);
        await rows.evict(1, 2, 3);
        for (const id of ids) await rows.getOrLoad(id, async () => `row ${id}`);
        expect((await rows.getMany(ids)).size).toBe(ids.length);
      });
      expect(counts.of['mget']).toBeGreaterThan(10);
      expect(await replica().command('ACL', 'LOG')).toEqual([]);
    } finally {
      await replica().command('ACL', 'SETUSER', 'default', '~*', '+@all');
    }
  });

  it('entries are read from the primary while the replica hangs', async () => {
    await inUse();
    replica().pause();
    try {
      for (let i = 0; i < 5; i++) expect(await readAll()).toEqual(titles);
    } finally {
      replica().resume();
    }
    await inUse();
  });

  it('entries are read from the primary when the replica is gone', async () => {
    await inUse();
    await replica().kill();
    try {
      for (let i = 0; i < 5; i++) expect(await readAll()).toEqual(titles);
    } finally {
      await replica().restart();
    }
    await cluster.replicated();
  });
});

it('On a cluster, a replica that still reads its data is nothing to be told of', async () => {
  const log: string[] = [];
  const record = (line: unknown) => void log.push(String(line));
  const client = new Cluster(cluster.startupNodes);
  await Promise.all(times(6_000, (i) => client.set(`filling ${i}`, 'x'.repeat(100))));
  client.disconnect();
  const replica = cluster.replica!;
  await cluster.replicated();
  await replica.command('SAVE');
  let isThrough = false;
  const restarting = replica.restart().then(() => (isThrough = true));
  const module = ElastiCacheModule.forRoot({
    namespace: 'loading',
    connection: { cluster: cluster.startupNodes.slice(0, 1) },
    caches: { rows: { consistency: 'eventual' } },
  });
  const application = await Test.createTestingModule({ imports: [module] })
    .setLogger({ ...quiet, warn: record, log: record })
    .compile();
  await application.init();
  const rows = application.get(CacheManager).getCache<number, string>('rows');
  try {
    await until('it is through', async () => {
      for (const id of ids) await rows.getOrLoad(id, async () => `row ${id}`);
      return isThrough;
    });
    await until(
      'it is read',
      async () => ((await commandsDuring(replica, () => rows.getMany(ids))).of['mget'] ?? 0) > 0,
    );
    expect(log.filter((line) => line.includes('replica'))).toEqual([]);
  } finally {
    await restarting;
    await application.close();
  }
});
