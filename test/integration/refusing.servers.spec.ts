/** Servers that answer, and refuse: each costs misses at most, and is told of with what to do about it. */
import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Cacheable, type ElastiCacheModuleOptions } from 'nestjs-elasticache';
import { Counter, onTier, recordFailures } from '../support/cache.application.js';
import { createAuthority } from '../support/certificates.js';
import { startRedisCluster } from '../support/redis.cluster.js';
import { freePort, type RedisServer, startRedis } from '../support/redis.server.js';
import { until } from '../support/waiting.js';

class Articles extends Counter {
  @Cacheable('articles')
  find(id: number): Promise<number> {
    return this.run(id);
  }
}

describe('A server that refuses', () => {
  const tier = onTier('memory'); // the servers are the tests' own
  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  async function server(...args: string[]): Promise<RedisServer> {
    const started = await startRedis({ args });
    ends.push(() => started.stop());
    return started;
  }

  async function start(connection: ElastiCacheModuleOptions['connection']) {
    const failures = recordFailures();
    const running = await tier.start(Articles, {
      connection: connection!,
      errorHandler: failures.handle,
    });
    const messages = () => failures.seen.map(({ error }) => error.message);
    return { ...running, failures, messages };
  }

  type Started = Awaited<ReturnType<typeof start>>;

  /** Every call is answered by its method, with nothing stored, and somebody is told what to do. */
  async function expectMisses({ service, messages }: Started, advice: RegExp) {
    const before = service.calls;
    expect([await service.find(7), await service.find(7)]).toEqual([before + 1, before + 2]);
    expect(messages().some((message) => advice.test(message))).toBe(true);
  }

  const isCached = async ({ service }: Started) =>
    (await service.find(7)) === (await service.find(7));

  const untilCached = (started: Started) => until('it caches again', () => isCached(started));

  it('READONLY: a replica, which was the primary', async () => {
    const redis = await server();
    const started = await start(redis.url);
    await untilCached(started);
    await started.cache('articles').evict(7);
    await redis.command('REPLICAOF', '127.0.0.1', `${await freePort()}`);
    await expectMisses(started, /READONLY.*connect to the primary endpoint/);
    await redis.command('REPLICAOF', 'NO', 'ONE');
    await untilCached(started);
  });

  it('MASTERDOWN: a replica without its primary', async () => {
    const redis = await server('--replica-serve-stale-data', 'no');
    const started = await start(redis.url);
    await untilCached(started);
    await started.cache('articles').evict(7);
    await redis.command('REPLICAOF', '127.0.0.1', `${await freePort()}`);
    await expectMisses(started, /MASTERDOWN.*connect to the primary endpoint/);
    await redis.command('REPLICAOF', 'NO', 'ONE');
    await untilCached(started);
  });

  it('OOM: no memory left, and none to be made', async () => {
    const redis = await server('--maxmemory-policy', 'noeviction');
    const started = await start(redis.url);
    await untilCached(started);
    await started.cache('articles').evict(7);
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    await expectMisses(started, /OOM.*set maxmemory-policy to allkeys-lru/);
    await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    await untilCached(started);
  });

  it('NOPERM: a command that the user may not send', async () => {
    const redis = await server();
    const started = await start(redis.url);
    await untilCached(started);
    await started.cache('articles').evict(7);
    await redis.command('ACL', 'SETUSER', 'default', '-evalsha', '-eval');
    await expectMisses(started, /NOPERM.*allow/);
    await redis.command('ACL', 'SETUSER', 'default', '+@all');
    await untilCached(started);
  });

  it('CLUSTERDOWN: slots that nobody serves', async () => {
    const redis = await server('--cluster-enabled', 'yes');
    const started = await start(redis.url);
    await until('it is asked', async () => {
      await started.service.find(1);
      return started.messages().some((message) => message.includes('CLUSTERDOWN'));
    });
    await expectMisses(started, /CLUSTERDOWN.*wait for the failover to end, or repair the cluster/);
  });

  it('MOVED: one node of a cluster, where a client of the whole is meant', async () => {
    const cluster = await startRedisCluster();
    ends.push(() => cluster.stop());
    const started = await start(cluster.nodes[0]!.url);
    await until('it is told', async () => {
      await Promise.all([1, 2, 3, 4].map((id) => started.service.find(id)));
      return started
        .messages()
        .some((message) => /(MOVED|CROSSSLOT).*give connection.cluster/.test(message));
    });
  });

  it('LOADING: a server that reads its data from disk', async () => {
    const redis = await server(
      '--key-load-delay',
      '2000',
      '--loading-process-events-interval-bytes',
      '1024',
    );
    const started = await start(redis.url);
    await untilCached(started);
    for (let i = 0; i < 500; i++) await redis.command('SET', `filling ${i}`, 'x'.repeat(100));
    await redis.command('SAVE');
    let isBack = false;
    const restarting = redis.restart().then(() => (isBack = true)); // through with its data
    await until('it is through', async () => {
      await started.service.find(1);
      return isBack;
    });
    await restarting;
    // None where the server listens again before anybody has looked.
    expect(started.log.filter((line) => line.includes('not available')).length).toBeLessThan(2);
    await untilCached(started);
  });

  it('FLUSHALL: everything is gone, and loaded once more', async () => {
    const redis = await server();
    const started = await start(redis.url);
    await untilCached(started);
    const before = await started.service.find(7);
    await redis.command('FLUSHALL');
    await until('the copy is given up, too', async () => (await started.service.find(7)) > before);
    await untilCached(started);
    expect(started.messages()).toEqual([]);
  });

  it('a certificate that has expired', async () => {
    const redis = await server();
    const authority = await createAuthority();
    ends.push(() => authority.remove());
    const { cert, key } = await authority.issueExpired('IP:127.0.0.1');
    const tls = createServer({ cert, key }, (socket) => {
      const upstream = connect(redis.port, '127.0.0.1');
      socket.pipe(upstream).pipe(socket);
      for (const side of [socket, upstream]) side.on('error', () => side.destroy());
    });
    tls.listen(0, '127.0.0.1');
    await once(tls, 'listening');
    ends.push(() => tls.close());
    const { port } = tls.address() as AddressInfo;
    const started = await start({
      host: '127.0.0.1',
      port,
      tls: { ca: authority.ca },
    });
    expect([await started.service.find(7), await started.service.find(7)]).toEqual([1, 2]);
    await until('it is logged, with what to do', async () => {
      await started.service.find(7);
      return started.log.some((line) => /expired.*renew the server's certificate/.test(line));
    });
  });
});
