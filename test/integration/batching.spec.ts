/** Whether single reads of one turn of the event loop travel to Redis together. */
import { describe, expect, it } from '@jest/globals';
import { Cacheable } from 'nestjs-elasticache';
import { onTier, times } from '../support/cache.application.js';
import { commandsDuring } from '../support/command.counts.js';

const ids = times(20, (id) => id);

class Articles {
  @Cacheable('together')
  async find(id: number): Promise<number> {
    return id;
  }
  @Cacheable('alone')
  async findAlone(id: number): Promise<number> {
    return id;
  }
}

describe('Single reads of one turn', () => {
  const tier = onTier('redis');

  it('are one command, and one each with `batching: false`, whoever asks', async () => {
    const { service, cache } = await tier.start(Articles, {
      caches: { alone: { batching: false } },
    });
    const ways = [
      [(id: number) => service.find(id), (id: number) => service.findAlone(id)],
      [(id: number) => cache('together').get(id), (id: number) => cache('alone').get(id)],
    ] as const;
    const reads = async (read: (id: number) => Promise<unknown>) =>
      (await commandsDuring(tier.redis, () => Promise.all(ids.map(read)))).of['mget'];
    for (const pair of ways) for (const read of pair) await Promise.all(ids.map(read));
    for (const [together, alone] of ways) {
      expect([await reads(together), await reads(alone)]).toEqual([1, ids.length]);
    }
  });

  it('are one each, too, for callers of one key', async () => {
    const { service } = await tier.start(Articles, { caches: { alone: { batching: false } } });
    const reads = async (read: (id: number) => Promise<unknown>) => {
      await read(7);
      return (await commandsDuring(tier.redis, () => Promise.all(ids.map(() => read(7))))).of[
        'mget'
      ];
    };
    expect(await reads((id) => service.find(id))).toBe(1);
    expect(await reads((id) => service.findAlone(id))).toBe(ids.length);
  });
});
