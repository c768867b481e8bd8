import { createHash } from 'node:crypto';

import { describe, expect, it } from '@jest/globals';
import { Cacheable, CacheContext, type ElastiCacheModuleOptions } from 'nestjs-elasticache';
import { onTier, recordFailures } from '../support/cache.application.js';
import { recordEvents } from '../support/recorded.events.js';
import { until } from '../support/waiting.js';

const keyOf = (seed: string) => createHash('sha256').update(seed).digest();
const e1 = { id: 'e1', key: keyOf('one') };
const e2 = { id: 'e2', key: keyOf('two') };
const SECRET = 'a salary of 4711';

class Salaries {
  runs = 0;

  @Cacheable('salaries')
  async find(id: number) {
    return { id, salary: SECRET, run: ++this.runs };
  }
}

describe('Sealed values', () => {
  const harness = onTier('redis');
  let namespaces = 0;
  const start = (
    keys: NonNullable<ElastiCacheModuleOptions['encryption']>['keys'] | undefined,
    more: ElastiCacheModuleOptions = {},
  ) => {
    const failures = recordFailures();
    const options = { ...(keys && { encryption: { keys } }), errorHandler: failures.handle };
    const running = harness.start(Salaries, {
      namespace: `sealed${namespaces}`,
      ...options,
      ...more,
    });
    return running.then((one) => ({ ...one, failures }));
  };
  const fresh = () => void namespaces++;
  const bytesOf = (key: string) => harness.redis.command('GET', key) as Promise<string>;

  it('cannot be read in Redis, and are hits', async () => {
    fresh();
    const { service, keyOf: full } = await start([e1]);
    await service.find(1);
    expect(await service.find(1)).toMatchObject({ run: 1, salary: SECRET });
    const bytes = await bytesOf(full('salaries', '1'));
    expect(bytes).not.toContain('salary');
    expect(bytes).toContain('e1');
  });

  it('are misses where they were moved to another key, are removed, counted, and told', async () => {
    fresh();
    const { service, manager, keyOf: full, failures } = await start([e1]);
    await service.find(1);
    const [source, target] = [full('salaries', '1'), full('salaries', '2')];
    await harness.redis.command('COPY', source, target);
    const events = recordEvents(`sealed${namespaces}`);
    expect(await manager.getCache('salaries').get(2)).toBeUndefined();
    expect(events.take('miss')).toMatchObject([{ key: '2', reason: 'undecodable' }]);
    events.stop();
    expect(await harness.redis.command('EXISTS', target)).toBe(0);
    expect(await harness.redis.command('EXISTS', source)).toBe(1);
    const stats = manager.getCache('salaries').stats();
    expect(stats).toMatchObject({ misses: 2, errors: 1 });
    expect(failures.seen).toMatchObject([{ error: { code: 'CACHE_UNDECODABLE' } }]);
    expect(JSON.stringify(failures.seen)).not.toContain(SECRET);
  });

  it('are misses in another tenant', async () => {
    fresh();
    const { service, failures } = await start([e1], { tenancy: {} });
    const as = (tenant: string) => CacheContext.run({ tenant }, () => service.find(1));
    await as('acme');
    await as('globex');
    const name = (tenant: string) => `sealed${namespaces}:v1:t=${tenant}:salaries:1`;
    await harness.redis.command('COPY', name('acme'), name('globex'), 'REPLACE');
    // With what vouches for it: nothing but the seal keeps it from being read.
    const version = (tenant: string) => `sealed${namespaces}:~cache:salaries:t=${tenant}`;
    const copied = ['COPY', version('acme'), version('globex'), 'REPLACE'] as const;
    expect(await harness.redis.command(...copied)).toBe(1);
    expect(await as('globex')).toMatchObject({ run: 3 });
    expect(failures.operations()).toEqual(['get']);
  });

  it('live on while a key is replaced', async () => {
    fresh();
    await (await start([e1])).service.find(1);
    const { service } = await start([e2, e1]);
    expect(await service.find(1)).toMatchObject({ run: 1 });
    expect(service.runs).toBe(0);
    const last = await start([e2]);
    await last.service.find(1);
    expect(last.service.runs).toBe(1);
    expect(last.manager.getCache('salaries').stats()).toMatchObject({ misses: 1, errors: 1 });
  });

  it('are not believed where they are not sealed, nor read without a key', async () => {
    fresh();
    await (await start(undefined)).service.find(1);
    const sealing = await start([e1]);
    await sealing.service.find(1);
    expect(sealing.service.runs).toBe(1);
    const without = await start(undefined);
    await without.service.find(1);
    expect(without.service.runs).toBe(1);
  });

  it('do not come back to life: a longer one cannot be given to what is stored', async () => {
    fresh();
    const { service, keyOf: full } = await start([e1]);
    await service.find(1);
    const key = full('salaries', '1');
    await harness.redis.command('SETRANGE', key, '11', '\x42\x7f'); // expiresAt
    await service.find(1);
    expect(service.runs).toBe(2);
  });

  it('can be put back after a clear with what vouched for them, until their time is over', async () => {
    fresh();
    const {
      service,
      cache,
      keyOf: full,
    } = await start([e1], {
      defaults: { ttl: '2s', jitter: 0, memory: false, timeouts: { store: '5s' } },
    });
    await service.find(1);
    const names = [full('salaries', '1'), `sealed${namespaces}:~cache:salaries`];
    for (const name of names) await harness.redis.command('COPY', name, `kept:${name}`);
    for (const name of names) await harness.redis.command('PERSIST', `kept:${name}`);
    const putBack = async () => {
      for (const name of names)
        await harness.redis.command('COPY', `kept:${name}`, name, 'REPLACE');
    };
    await cache('salaries').clear();
    await putBack();
    expect(await cache('salaries').get(1)).toMatchObject({ run: 1 });
    await until('its time is over', async () => {
      await putBack();
      return (await cache('salaries').get(1)) === undefined;
    });
  });

  it('are sealed in Redis alone: copies in memory are as ever', async () => {
    fresh();
    const { service } = await start([e1], { defaults: { memory: {}, timeouts: { store: '5s' } } });
    await service.find(1);
    expect(await service.find(1)).toMatchObject({ run: 1 });
    const { log } = await harness.start(Salaries, { encryption: { keys: [e1] } });
    expect(log).toEqual([]);
  });
});
