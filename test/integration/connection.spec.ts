import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import { CacheManager, Cacheable, ElastiCacheModule } from 'nestjs-elasticache';
import type { Cache, CacheError, ElastiCacheModuleOptions } from 'nestjs-elasticache';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { Counter, onTier, recordFailures, times } from '../support/cache.application.js';
import { startProxy, type TcpProxy } from '../support/tcp.proxy.js';
import { until } from '../support/waiting.js';

class Articles extends Counter {
  @Cacheable('articles')
  find(id: number): Promise<number> {
    return this.run(id);
  }
}

const outages = (log: readonly string[]) => log.filter((line) => line.includes('not available'));

const quiet = { errorHandler: () => {} };

describe('The connection', () => {
  const tier = onTier('redis');
  const proxies: TcpProxy[] = [];
  afterEach(() => Promise.all(proxies.splice(0).map((proxy) => proxy.stop())));

  const redis = (...args: string[]) => tier.redis.command(...args);
  const infoOf = async (section: string, name: string) =>
    new RegExp(`${name}:(.*)`).exec(String(await redis('INFO', section)))?.[1];
  const received = () => infoOf('stats', 'total_connections_received');
  /** The lines of CLIENT LIST of the applications' user. */
  const clients = async () => String(await redis('CLIENT', 'LIST')).match(/.*user=app.*/g) ?? [];

  /** Resolves once the cache has Redis behind it. */
  async function untilUp(cache: Cache): Promise<void> {
    while (!(await cache.evict('nothing'))) await new Promise(setImmediate);
  }

  /** The application's connection, by way of a proxy. */
  async function proxied(): Promise<{ proxy: TcpProxy; connection: string }> {
    const proxy = await startProxy(tier.redis);
    proxies.push(proxy);
    const url = new URL(tier.connection().connection!);
    url.port = String(proxy.port);
    return { proxy, connection: url.href };
  }

  const start = (options: ElastiCacheModuleOptions = {}) =>
    tier.start(Articles, { ...quiet, ...options });

  it('is not waited for: an application starts without Redis, and has it once it comes', async () => {
    await tier.redis.kill();
    const { service, cache, log } = await start();
    expect([await service.find(7), await service.find(7)]).toEqual([1, 2]);
    expect(outages(log)).toEqual([expect.stringContaining('ECONNREFUSED')]);
    await tier.restart();
    await untilUp(cache('articles'));
    await until('it is used', async () => (await service.find(7)) === (await service.find(7)));
  });

  it('is there for the first call of all where Redis is up', async () => {
    const failures = recordFailures();
    const { service, log } = await start({ errorHandler: failures.handle });
    expect([await service.find(7), await service.find(7)]).toEqual([1, 1]);
    expect([failures.seen, log]).toEqual([[], []]);
  });

  it('comes back by itself after Redis was killed and started anew; each change is logged once', async () => {
    const { service, cache, log } = await start();
    for (const id of [1, 2]) {
      await service.find(id);
      await tier.redis.kill();
      const down = service.calls;
      expect([await service.find(id), await service.find(id)]).toEqual([down + 1, down + 2]);
      while (outages(log).length < id) await new Promise(setImmediate);
      await tier.restart();
      await untilUp(cache('articles'));
      await until(
        'entries are stored again, once those it may have forgotten are cleared',
        async () => (await service.find(id)) === (await service.find(id)),
      );
    }
    expect(outages(log)).toHaveLength(2);
  });

  it('that hangs keeps no call: each is answered while it hangs', async () => {
    const client = new Redis(tier.redis.url); // ours would give the silent socket up, and end a wait by that
    const failures = recordFailures();
    const { service, cache } = await start({
      connection: client,
      errorHandler: failures.handle,
      defaults: { timeouts: { store: '100ms' } },
    });
    await service.find(7);
    const articles = cache('articles');
    const calls: [() => Promise<unknown>, unknown][] = [
      [() => service.find(7), 2],
      [() => Promise.all(times(50, () => service.find(7))), times(50, () => 3)],
      [() => articles.get(7), undefined],
      [() => articles.getMany([7, 8]), new Map()],
      [() => articles.getOrLoad(7, async () => 'own'), 'own'],
      [() => articles.put(7, 'other'), undefined],
      [() => articles.evict(7, 8), false],
      [() => articles.clear(), false],
    ];
    tier.redis.pause();
    try {
      for (const [call, answer] of calls) {
        failures.seen.length = 0;
        expect(await call()).toEqual(answer);
        expect(failures.seen.length).toBeGreaterThan(0);
        for (const { error } of failures.seen) {
          expect(`${error.code} ${error.message}`).toMatch(
            /^CACHE_TIMEOUT .* (50|100) ms \(.*timeouts\.store|^CACHE_UNAVAILABLE .*no answer/,
          );
        }
      }
    } finally {
      tier.redis.resume();
    }
    await untilUp(articles);
    await until(
      'the clear was made up for, and entries are stored again',
      async () => (await service.find(9)) === (await service.find(9)),
    );
    client.disconnect();
  });

  it('that is cut sends nothing a second time', async () => {
    const { proxy, connection } = await proxied();
    const failures = recordFailures();
    const { cache, keyOf } = await start({
      connection,
      errorHandler: failures.handle,
      defaults: { timeouts: { store: '5s' } },
    });
    const articles = cache('articles');
    await articles.put('before', 1);
    await redis('CONFIG', 'RESETSTAT');
    proxy.hang();
    const writes = [
      articles.put(7, 'old'),
      articles.putMany([[8, 'old']]),
      articles.putIfAbsent(9, 'old'),
    ];
    proxy.cut();
    proxy.resume();
    await Promise.all(writes);
    expect(failures.operations()).toEqual(['put', 'put', 'put']);
    await untilUp(articles);
    expect(await redis('EXISTS', ...[7, 8, 9].map((id) => keyOf('articles', String(id))))).toBe(0);
    expect(await infoOf('commandstats', 'cmdstat_set')).toBeUndefined();
  });

  it('that comes late is not sent what has timed out meanwhile', async () => {
    const { proxy, connection } = await proxied();
    proxy.hang();
    const failures = recordFailures();
    const { cache, keyOf } = await start({
      connection,
      errorHandler: failures.handle,
      defaults: { timeouts: { store: '30ms' } },
    });
    const articles = cache('articles');
    await Promise.all([
      articles.put(7, 'old'),
      articles.putMany([[8, 'old']]),
      articles.putIfAbsent(9, 'old'),
      articles.getOrLoad(10, async () => 'old'),
    ]);
    expect(failures.seen.map(({ error }) => error.code)).toEqual(times(4, () => 'CACHE_TIMEOUT'));
    proxy.resume();
    await untilUp(articles);
    const keys = [7, 8, 9, 10].map((id) => keyOf('articles', String(id)));
    expect(await redis('EXISTS', ...keys)).toBe(0);
  });

  it('may be given as settings; the database is the one named', async () => {
    const { host, port } = tier.redis;
    const { cache } = await start({
      connection: { host, port, username: 'app', password: 'correct-horse', db: 3 },
    });
    await cache('articles').put(7, 'seven');
    expect(await cache('articles').get(7)).toBe('seven');
    expect(await infoOf('keyspace', 'db3')).toMatch(/^keys=2,/); // the entry, and the version of its cache
  });

  it('of ours is closed with the application, down to the last one', async () => {
    const before = (await clients()).length;
    const { service } = await start();
    await service.find(7);
    expect(await clients()).toHaveLength(before + 1);
    await tier.reset();
    expect(await clients()).toHaveLength(before);
  });

  it('is not made for an application that turns out to be wrong, and does not start', async () => {
    const before = await received();
    class Wrong {
      @Cacheable({})
      async find(id: number): Promise<number> {
        return id;
      }
    }
    expect(await tier.refusal(() => Wrong)).toMatchObject({ code: 'CACHE_CONFIGURATION' });
    for (let i = 0; i < 20; i++) await redis('PING').then(() => new Promise(setImmediate));
    expect(await received()).toBe(before);
  });

  it.each([
    ['6', (url: string) => new Redis(url)],
    ['5.11', (url: string) => new Redis5(url)],
  ])(
    'that was handed in, a ready client of ioredis %s, is its owner’s to close',
    async (_, makeClient) => {
      const connection = makeClient(tier.connection().connection!);
      try {
        const { service } = await start({ connection });
        expect([await service.find(7), await service.find(7)]).toEqual([1, 1]);
        await tier.reset();
        expect(connection.status).toBe('ready');
        expect(await connection.ping()).toBe('PONG');
      } finally {
        connection.disconnect();
      }
    },
  );

  it('that was handed in before it connected is connected', async () => {
    const connection = new Redis(tier.connection().connection!, { lazyConnect: true });
    try {
      const { service } = await start({ connection });
      expect([await service.find(7), await service.find(7)]).toEqual([1, 1]);
    } finally {
      connection.disconnect();
    }
  });

  it('is not made where caching is disabled', async () => {
    const before = await received();
    const { service, cache } = await start({ enabled: false });
    expect([await service.find(7), await service.find(7)]).toEqual([1, 2]);
    await cache('articles').put(7, 'seven');
    expect(await cache('articles').get(7)).toBeUndefined();
    expect(await cache('articles').clear()).toBe(true);
    await tier.reset();
    expect(await received()).toBe(before);
  });

  it('with a wrong password says so, and never says the password', async () => {
    const secret = 'hunter2-and-more';
    const { host, port } = tier.redis;
    const ready = new Redis(port, host, { username: 'app', password: secret }).on(
      'error',
      () => {},
    );
    const connections = [
      `redis://app:${secret}@${host}:${port}`,
      { host, port, username: 'app', password: secret },
      ready,
    ];
    try {
      for (const connection of connections) {
        const failures: CacheError[] = [];
        const { service, log } = await start({
          connection,
          errorHandler: (error) => void failures.push(error),
        });
        expect([await service.find(7), await service.find(7)]).toEqual([1, 2]);
        if (connection !== ready) expect(log.join()).toContain('WRONGPASS');
        expect(failures.length).toBeGreaterThan(0);
        const told = inspect([failures, log], { depth: 20, showHidden: true });
        expect(told).not.toContain(secret);
      }
    } finally {
      ready.disconnect();
    }
  });

  it('is closed only after the writes that are under way', async () => {
    const failures = recordFailures();
    const { cache, keyOf } = await start({
      errorHandler: failures.handle,
      defaults: { timeouts: { store: '10s' } },
    });
    await cache('articles').put('ready', 1);
    const value = 'x'.repeat(500_000);
    const writes = times(40, (id) => cache('articles').put(id, value));
    await tier.reset();
    await Promise.all(writes);
    expect(failures.seen).toEqual([]);
    const keys = times(40, (id) => keyOf('articles', String(id)));
    expect(await redis('EXISTS', ...keys)).toBe(40);
  });

  it('closed, it leaves calls without a cache and opens no other', async () => {
    const failures = recordFailures();
    const { service } = await start({ errorHandler: failures.handle });
    await service.find(7);
    await tier.reset();
    const before = await received();
    expect([await service.find(7), await service.find(7)]).toEqual([2, 3]);
    expect(failures.seen[0]?.error.message).toContain('closed');
    expect(await received()).toBe(before);
  });

  it('that hangs does not hold up the closing for long', async () => {
    const imports = [ElastiCacheModule.forRoot(tier.connection())];
    const application = await Test.createTestingModule({ imports }).compile();
    await application.init();
    await application.get(CacheManager).getCache('articles').put(7, 'seven');
    tier.redis.pause();
    try {
      const begun = performance.now();
      await application.close();
      expect(performance.now() - begun).toBeLessThan(3_000);
    } finally {
      tier.redis.resume();
    }
  });
});
