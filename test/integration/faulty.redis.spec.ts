import { afterEach, describe, expect, it } from '@jest/globals';
import { CacheEvict, Cacheable } from 'nestjs-elasticache';
import { FaultyRedis } from 'nestjs-elasticache/testing';
import { Redis } from 'ioredis';
import { Counter, onTier, recordFailures } from '../support/cache.application.js';
import { timed, until } from '../support/waiting.js';

class Articles extends Counter {
  @Cacheable('articles')
  find(id: number): Promise<number> {
    return this.run(id);
  }
  @CacheEvict('articles')
  async rename(_id: number): Promise<string> {
    return 'renamed';
  }
}

const faults: Record<string, (redis: FaultyRedis) => void> = {
  hangs: (redis) => redis.hang(),
  'answers late': (redis) => redis.delay('20s'),
  'has lost what is sent to it': (redis) => redis.drop(),
  'answers with other bytes': (redis) => redis.corrupt(),
  'cannot be reached': (redis) => redis.partition(),
};

describe('A FaultyRedis', () => {
  const tier = onTier('redis');
  const started: FaultyRedis[] = [];
  const clients: Redis[] = [];
  afterEach(async () => {
    for (const client of clients.splice(0)) client.disconnect();
    await Promise.all(started.splice(0).map((redis) => redis.stop()));
  });

  async function proxied(): Promise<FaultyRedis> {
    const redis = await FaultyRedis.start(tier.connection().connection!);
    started.push(redis);
    return redis;
  }

  function connect({ url }: FaultyRedis, retryStrategy: () => number | null = () => 10): Redis {
    const client = new Redis(url, { retryStrategy });
    clients.push(client);
    return client;
  }

  async function start(timeouts: { store?: string } = {}) {
    const redis = await proxied();
    const failures = recordFailures();
    const running = await tier.start(Articles, {
      connection: redis.url,
      errorHandler: failures.handle,
      defaults: { timeouts },
    });
    const { service } = running;
    /** Resolves once reads are hits in Redis. */
    const hits = () =>
      until('a hit', async () => (await service.find(7)) === (await service.find(7)));
    await hits();
    return { ...running, redis, failures, hits };
  }

  it.each(Object.keys(faults))(
    'that %s: the service answers, the error handler is told, healed it is used again',
    async (fault) => {
      const { redis, service, failures, log, hits } = await start();
      const { calls } = service;
      failures.seen.length = 0;
      faults[fault]!(redis);

      const tookMs = await timed(async () => expect(await service.find(7)).toBe(calls + 1));
      expect(tookMs).toBeLessThan(10_000);
      expect(await service.rename(7)).toBe('renamed');
      expect(failures.operations()).toEqual(['get', 'evict']);
      await until('it is told that Redis is away', async () => {
        await service.find(8);
        return log.some((line) => line.includes('not available'));
      });

      redis.heal();
      await hits();
    },
  );

  it('answers late where somebody waits for it', async () => {
    const { redis, service } = await start({ store: '10s' });
    const { calls } = service;
    redis.delay('100ms');
    expect(await timed(() => service.find(7))).toBeGreaterThanOrEqual(99);
    expect(service.calls).toBe(calls);
  });

  it('lets nothing overtake an answer that is late', async () => {
    const redis = await proxied();
    const client = connect(redis);
    await client.ping();
    redis.delay('20s');
    const late = client.set('key', 'late');
    await until('it is set', async () => (await tier.redis.command('GET', 'key')) === 'late');
    await tier.redis.command('PING');
    redis.heal();
    expect(await client.get('key')).toBe('late');
    expect(await late).toBe('OK');
  });

  it('is broken for those alone who connect by way of it', async () => {
    const { redis, service } = await start();
    const { calls } = service;
    const other = await tier.start(Articles, { namespace: 'other' });
    redis.partition();
    await service.find(7);
    expect(service.calls).toBe(calls + 1);
    await other.service.find(7);
    await other.service.find(7);
    expect(other.service.calls).toBe(1);
  });

  it('passes on after a hang what was sent meanwhile, and nothing after a loss', async () => {
    const redis = await proxied();
    const client = connect(redis, () => null);
    await client.set('key', 'before');
    redis.hang();
    const held = client.set('key', 'held');
    expect(await tier.redis.command('GET', 'key')).toBe('before');
    redis.heal();
    await held;
    expect(await tier.redis.command('GET', 'key')).toBe('held');
    redis.drop();
    const lost = client.set('key', 'lost').catch(() => 'never answered');
    redis.heal();
    const next = connect(redis);
    expect(await next.get('key')).toBe('held');
    client.disconnect();
    expect(await lost).toBe('never answered');
  });

  it('keeps user, password and database of the URL, and takes none over TLS', async () => {
    const redis = await FaultyRedis.start('redis://app:secret@cache.internal:6380/2');
    started.push(redis);
    expect(redis.url).toMatch(/^redis:\/\/app:secret@127\.0\.0\.1:\d+\/2$/);
    for (const url of ['rediss://app:secret@cache.internal', 'cache.internal:6379']) {
      const refusal = await FaultyRedis.start(url).catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(RangeError);
      expect(String(refusal)).not.toContain('secret');
    }
    expect(() => redis.delay('soon')).toThrow("'soon' is not a positive duration");
  });
});
