import { afterEach, describe, expect, it } from '@jest/globals';
import type { Cache } from 'nestjs-elasticache';
import { FaultyRedis } from 'nestjs-elasticache/testing';
import { onTier, recordFailures, times } from '../support/cache.application.js';
import { until } from '../support/waiting.js';

class Nothing {}

/** A peer that accepts everything and answers nothing, as a partition does. */
describe('A Redis that has fallen silent', () => {
  const tier = onTier('redis');
  const proxies: FaultyRedis[] = [];
  afterEach(() => Promise.all(proxies.splice(0).map((proxy) => proxy.stop())));

  async function start() {
    const redis = await FaultyRedis.start(tier.connection().connection!);
    proxies.push(redis);
    const failures = recordFailures();
    const running = await tier.start(Nothing, {
      connection: redis.url,
      errorHandler: failures.handle,
      defaults: { timeouts: { store: '20ms' } },
    });
    return { ...running, redis, failures, articles: running.cache('articles') };
  }

  /** Resolves once the cache has Redis behind it. */
  async function untilUp(cache: Cache): Promise<void> {
    while (!(await cache.evict('nothing'))) await new Promise(setImmediate);
  }

  it('is not asked any more after three calls; nothing waits to be sent, or is sent late', async () => {
    const { redis, articles, log, keyOf } = await start();
    await untilUp(articles);
    redis.hang();
    const told = () => log.some((line) => line.includes('not available'));
    for (let calls = 0; !told(); calls++) {
      expect(calls).toBeLessThanOrEqual(3);
      await articles.get('any');
    }
    const value = 'x'.repeat(10_000);
    await Promise.all(times(500, (id) => articles.put(id, value)));
    redis.heal();
    await untilUp(articles);
    const keys = times(500, (id) => keyOf('articles', String(id)));
    expect(await tier.redis.command('EXISTS', ...keys)).toBe(0);
  });

  it('is given up by its connection after two seconds, so that nothing piles up in it', async () => {
    const { redis, articles, log } = await start();
    await untilUp(articles);
    redis.hang();
    await until('the socket is given up', async () => {
      await articles.get('any');
      return log.some((line) => line.includes('still away: Socket timeout'));
    });
    redis.partition();
    redis.heal();
    await untilUp(articles);
  });
});
