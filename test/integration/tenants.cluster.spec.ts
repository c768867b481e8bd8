import { describe, expect, it } from '@jest/globals';
import { CacheContext, CacheManager } from 'nestjs-elasticache';
import type { ElastiCacheModuleOptions } from 'nestjs-elasticache';
import { times } from '../support/cache.application.js';
import { onCluster } from '../support/cluster.application.js';

const key = { id: 'k', key: Buffer.alloc(32, 3) };
const older = { id: 'j', key: Buffer.alloc(32, 4) };

describe('Tenants on a cluster of three primaries', () => {
  const on = onCluster();

  async function start(options: ElastiCacheModuleOptions): Promise<CacheManager> {
    const application = await on.start({ defaults: { timeouts: { store: '10s' } }, ...options });
    return application.get(CacheManager);
  }

  it.each<[string, ElastiCacheModuleOptions]>([
    ['plain', {}],
    ['with secrets', { keys: { secret: [key, older] }, encryption: { keys: [key, older] } }],
  ])('are kept apart, and reached one by one or all together, %s', async (name, options) => {
    const manager = await start({ ...options, namespace: name.replace(' ', '-'), tenancy: {} });
    const cache = manager.getCache<number, string>('invoices');
    const tenants = times(20, (i) => `tenant ${i}`);
    let loads = 0;
    const read = (tenant: string) =>
      CacheContext.run({ tenant }, () =>
        cache.getOrLoad(7, async () => `${tenant}, load ${++loads}`, { tags: ['all'] }),
      );
    const readAll = async () => {
      const before = loads;
      const found = await Promise.all(tenants.map(read));
      for (const [i, value] of found.entries()) expect(value).toContain(`${tenants[i]},`);
      return loads - before;
    };
    expect([await readAll(), await readAll()]).toEqual([20, 0]);
    expect(await cache.forTenant('tenant 3').clear()).toBe(true);
    expect(await readAll()).toBe(1);
    expect(await CacheContext.run({ tenant: 'tenant 4' }, () => manager.evictTags('all'))).toBe(
      true,
    );
    expect(await readAll()).toBe(1);
    expect(await cache.forAllTenants().clear()).toBe(true);
    expect(await readAll()).toBe(20);
    expect(await manager.forAllTenants().evictTags('all')).toBe(true);
    expect(await readAll()).toBe(20);
  });
});
