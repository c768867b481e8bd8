import { describe, expect, it } from '@jest/globals';
import { CacheTransaction, glob } from 'nestjs-elasticache';
import { onTier, recordFailures } from '../support/cache.application.js';
import { documentedRights } from '../support/documented.rights.js';
import { until } from '../support/waiting.js';

class Nothing {}

describe.each(['redis', 'both'] as const)(
  'A user with the rights of the reference alone, %s',
  (name) => {
    const tier = onTier(name);

    it.each(['default', 'strict'] as const)('can do everything: %s', async (consistency) => {
      await tier.acl('resetkeys', 'resetchannels', ...documentedRights());
      const failures = recordFailures();
      const idle = { tti: '1m', consistency } as const;
      const { cache, manager, log } = await tier.start(Nothing, {
        namespace: 'shop',
        errorHandler: failures.handle,
        defaults: { consistency, tags: ['all'], timeouts: { store: '5s' } },
        caches: { idle },
      });
      for (const rows of [cache('rows'), cache('idle')]) {
        await rows.put(1, 'one');
        await rows.put(2, () => 'two');
        await rows.putMany([[3, 'three']]);
        expect(await rows.getOrLoad(4, async () => 'four')).toBe('four');
        expect((await rows.getMany([1, 3, 4])).size).toBe(3);
        expect((await rows.explain(1)).found).toBe('fresh');
        expect(await rows.putIfAbsent(5, 'five')).toBeUndefined();
        expect(await rows.evict(1, 2)).toBe(true);
        expect(await rows.evictMatching(glob`3*`)).toBe(1);
        await CacheTransaction.run(() => rows.evict(4));
        expect(await manager.evictTags('all')).toBe(true);
        expect(await rows.clear()).toBe(true);
        expect(await rows.get(5)).toBeUndefined();
      }
      if (name === 'both') {
        const rows = cache('rows');
        await rows.put(7, 'seven');
        await until('a copy', async () => (await rows.getEntry(7))?.tier === 'memory');
      }
      expect([failures.seen, log]).toEqual([[], []]);
    });

    it('reaches nothing else', async () => {
      await tier.acl('resetkeys', 'resetchannels', ...documentedRights());
      const failures = recordFailures();
      const { cache } = await tier.start(Nothing, {
        namespace: 'another',
        errorHandler: failures.handle,
      });
      await cache('rows').put(1, 'one');
      expect(failures.seen[0]!.error.message).toContain('docs/reference/permissions.md');
    });
  },
);
