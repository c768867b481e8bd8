import { afterEach, describe, expect, it } from '@jest/globals';
import { Cacheable, CacheableMany } from 'nestjs-elasticache';
import { FaultyRedis } from 'nestjs-elasticache/testing';
import { Counter, onTier, recordFailures } from '../support/cache.application.js';
import { until } from '../support/waiting.js';

class Rates extends Counter {
  isDown = false;

  @Cacheable('rates')
  find(id: number): Promise<number> {
    return this.quote(id);
  }

  @CacheableMany('rates')
  findMany(ids: number[]): Promise<number[]> {
    return Promise.all(ids.map((id) => this.quote(id)));
  }

  async quote(id: number): Promise<number> {
    if (this.isDown) throw new Error('the bank is closed');
    return this.run(id);
  }
}

const faults: Record<string, (redis: FaultyRedis) => void> = {
  hangs: (redis) => redis.hang(),
  'is gone': (redis) => redis.partition(),
};

describe.each(Object.keys(faults))(
  'staleIfError, while Redis %s and the database fails',
  (fault) => {
    const tier = onTier('both');
    const ends: (() => unknown)[] = [];
    afterEach(async () => {
      for (const end of ends.splice(0)) await end();
    });

    /** Copies are not believed for long, so that nobody vouches for them once Redis is away. */
    async function start(staleIfError?: string, consistency?: 'strict') {
      const redis = await FaultyRedis.start(tier.connection().connection!);
      ends.push(() => redis.stop());
      const failures = recordFailures();
      const running = await tier.start(Rates, {
        connection: redis.url,
        errorHandler: failures.handle,
        defaults: {
          timeouts: {},
          memory: { maxStaleness: '100ms' },
          ...(staleIfError !== undefined && { staleIfError }),
          ...(consistency && { consistency }),
        },
      });
      const rates = running.cache('rates');
      await until('it is connected', () => rates.evict('nothing'));
      await until('a copy is in memory', async () => {
        await running.service.find(7);
        return (await rates.getEntry(7))?.tier === 'memory';
      });
      const known = await running.service.find(7);
      faults[fault]!(redis);
      running.service.isDown = true;
      return { ...running, rates, failures, known };
    }

    const unvouched = (rates: { getEntry(key: number): Promise<unknown> }) =>
      until('nobody vouches for the copy', async () => (await rates.getEntry(7)) === undefined);

    it('serves the copy that nobody can vouch for any more, and tells of the load', async () => {
      const { service, rates, failures, known } = await start('1m');
      await unvouched(rates);
      expect(await service.find(7)).toBe(known);
      expect(failures.seen.map(({ error }) => error.code)).toContain('CACHE_LOAD_FAILED');
      expect(rates.stats().staleServed).toBe(1);
      await expect(service.find(8)).rejects.toThrow('the bank is closed');
    });

    it('serves the copies to a batch that finds one of each element', async () => {
      const { service, rates, failures, known } = await start('1m');
      await unvouched(rates);
      expect(await service.findMany([7, 7])).toEqual([known, known]);
      expect(failures.seen.map(({ error }) => error.code)).toContain('CACHE_LOAD_FAILED');
      const load = () => Promise.reject(new Error('the bank is closed'));
      expect(await rates.getOrLoadMany([7], load)).toEqual(new Map([[7, known]]));
      expect(rates.stats().staleServed).toBe(2);

      await expect(service.findMany([7, 8])).rejects.toThrow('the bank is closed');
      await expect(rates.getOrLoadMany([8, 7], load)).rejects.toThrow('the bank is closed');
      expect(rates.stats().staleServed).toBe(2);
    });

    it('serves none that this process has tried to evict', async () => {
      const { service, rates } = await start('1m');
      expect(await rates.evict(7)).toBe(false);
      await expect(service.find(7)).rejects.toThrow('the bank is closed');
      await expect(service.findMany([7])).rejects.toThrow('the bank is closed');
    });

    it('serves none in strict mode, where nobody may be wrong', async () => {
      const { service, rates } = await start('1m', 'strict');
      await unvouched(rates);
      await expect(service.find(7)).rejects.toThrow('the bank is closed');
      await expect(service.findMany([7])).rejects.toThrow('the bank is closed');
      expect(rates.stats().staleServed).toBe(0);
    });

    it('serves none for longer, and none where it was not asked for', async () => {
      for (const staleIfError of [undefined, '1ms']) {
        const { service, rates } = await start(staleIfError);
        await unvouched(rates);
        await until('its time is over', () =>
          service.find(7).then(
            () => false,
            (error: Error) => error.message === 'the bank is closed',
          ),
        );
      }
    });
  },
);
