import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from '@jest/globals';
import {
  CacheEvict,
  type CacheManager,
  CachePut,
  CacheTransaction,
  Cacheable,
  CacheableMany,
  fromResult,
  glob,
} from 'nestjs-elasticache';
import type { Cache, CacheOptions } from 'nestjs-elasticache';
import { gate, onTier, recordFailures, tiers } from '../support/cache.application.js';

class Articles {
  truth = 'old';
  loads = 0;

  async load(): Promise<string> {
    this.loads++;
    return this.truth;
  }
  @Cacheable('articles', { tags: ['news'] })
  find(_id: number): Promise<string> {
    return this.load();
  }
  @CacheableMany('articles', { tags: ['news'] })
  async findMany(ids: number[]): Promise<string[]> {
    const value = await this.load();
    return ids.map(() => value);
  }
  @CacheEvict('articles')
  async remove(_id: number): Promise<void> {}
  @CacheEvict('articles', { key: fromResult(() => 7) })
  async removeByResult(): Promise<void> {}
  @CacheEvict('articles', { allEntries: true })
  async removeAll(): Promise<void> {}
  @CacheEvict('articles', { pattern: '7*' })
  async removeMatching(): Promise<void> {}
  @CacheEvict({ tags: ['news'] })
  async removeTag(): Promise<void> {}
  @CacheEvict({ tags: fromResult(() => ['news']) })
  async removeTagOfResult(): Promise<void> {}
  @CacheEvict('articles', { beforeInvocation: true })
  async removeEarly(_id: number): Promise<void> {}
  @CachePut('articles', { key: (id: number) => id, tags: ['news'] })
  async save(_id: number): Promise<string> {
    return 'put';
  }
  @CachePut('articles', { key: fromResult(() => 7), tags: ['news'] })
  async create(): Promise<string> {
    return 'put';
  }
}

interface Parts {
  readonly service: Articles;
  readonly articles: Cache;
  readonly manager: CacheManager;
}
type Write = (parts: Parts) => Promise<unknown>;

/** Every way to say in a unit of work that key 7 is no longer true. */
const evictions: Record<string, Write> = {
  evict: ({ articles }) => articles.evict(7),
  clear: ({ articles }) => articles.clear(),
  evictMatching: ({ articles }) => articles.evictMatching(glob`7*`),
  evictTags: ({ manager }) => manager.evictTags('news'),
  clearAll: ({ manager }) => manager.clearAll(),
  '@CacheEvict': ({ service }) => service.remove(7),
  '@CacheEvict by a key of the result': ({ service }) => service.removeByResult(),
  '@CacheEvict of all entries': ({ service }) => service.removeAll(),
  '@CacheEvict of a pattern': ({ service }) => service.removeMatching(),
  '@CacheEvict of a tag': ({ service }) => service.removeTag(),
  '@CacheEvict of a tag of the result': ({ service }) => service.removeTagOfResult(),
};
const puts: Record<string, Write> = {
  put: ({ articles }) => articles.put(7, 'put', { tags: ['news'] }),
  'put of a function': ({ articles }) => articles.put(7, () => 'put', { tags: ['news'] }),
  putMany: ({ articles }) => articles.putMany([[7, 'put']], { tags: ['news'] }),
  '@CachePut': ({ service }) => service.save(7),
  '@CachePut by a key of the result': ({ service }) => service.create(),
};
const writes = { ...evictions, ...puts };
const after = (how: string) => (how in puts ? 'put' : undefined);

const error = new Error('own');

/** Runs what is no part of a unit of work, wherever it is called. */
const outside = AsyncLocalStorage.snapshot();

describe.each(tiers)('A unit of work, %s', (name) => {
  const tier = onTier(name);

  async function start(options: CacheOptions = {}) {
    const failures = recordFailures();
    const running = await tier.start(Articles, {
      errorHandler: failures.handle,
      defaults: { timeouts: { store: '5s' }, ...options },
    });
    const articles = running.cache('articles');
    return { ...running, articles, failures };
  }

  describe.each(Object.keys(writes))('with %s', (how) => {
    const write = writes[how]!;

    it('is applied when its work resolves: until then others see what was', async () => {
      const parts = await start();
      const { service, articles, failures } = parts;
      await service.find(7);
      const result = await CacheTransaction.run(async () => {
        await write(parts);
        expect(await outside(() => articles.get(7))).toBe('old');
        return 'result';
      });
      expect(result).toBe('result');
      expect(await articles.get(7)).toBe(after(how));
      expect(failures.seen).toEqual([]);
    });

    it('is dropped when its work throws, and the error is the same', async () => {
      const parts = await start();
      const { service, articles, failures } = parts;
      await service.find(7);
      const run = CacheTransaction.run(async () => {
        await write(parts);
        throw error;
      });
      await expect(run).rejects.toBe(error);
      expect(await articles.get(7)).toBe('old');
      expect(service.loads).toBe(1);
      await articles.evict(7);
      service.truth = 'new';
      expect([await service.find(7), await articles.get(7)]).toEqual(['new', 'new']);
      expect(failures.seen).toEqual([]);
    });

    it('conceals from its own reads what it changes, and they store nothing', async () => {
      const parts = await start();
      const { service, articles } = parts;
      await service.find(7);
      service.truth = 'new';
      await CacheTransaction.run(async () => {
        expect(await service.find(7)).toBe('old');
        await write(parts);
        expect(await articles.get(7)).toBeUndefined();
        expect(await articles.getEntry(7)).toBeUndefined();
        expect((await articles.getMany([7])).size).toBe(0);
        expect(await service.find(7)).toBe('new');
        expect(await service.findMany([7])).toEqual(['new']);
        expect(await articles.getOrLoad(7, () => service.load())).toBe('new');
        expect(await outside(() => articles.get(7))).toBe('old');
      });
      expect(service.loads).toBe(4);
      expect(await articles.get(7)).toBe(after(how));
    });

    it('conceals as much of what is not there', async () => {
      const parts = await start();
      const { service, articles } = parts;
      const run = CacheTransaction.run(async () => {
        await write(parts);
        expect([await service.find(7), await service.find(7)]).toEqual(['old', 'old']);
        expect(await articles.getEntry(7)).toBeUndefined();
        expect(await outside(() => articles.getEntry(7))).toBeUndefined();
        throw error;
      });
      await expect(run).rejects.toBe(error);
      expect(service.loads).toBe(2);
      expect(await articles.getEntry(7)).toBeUndefined();
      await service.find(7);
      expect(await articles.get(7)).toBe('old');
    });

    it('is as good by hand: begin, run, commit', async () => {
      const parts = await start();
      await parts.service.find(7);
      const unit = CacheTransaction.begin();
      await unit.run(() => write(parts));
      expect(await parts.articles.get(7)).toBe('old');
      await unit.commit();
      expect(await parts.articles.get(7)).toBe(after(how));
      await parts.articles.put(7, 'later');
      await unit.commit();
      await unit.rollback();
      expect(await parts.articles.get(7)).toBe('later');
    });

    it('is as good by hand: begin, run, roll back', async () => {
      const parts = await start();
      await parts.service.find(7);
      const unit = CacheTransaction.begin();
      await unit.run(() => write(parts));
      await unit.rollback();
      await unit.commit();
      expect(await parts.articles.get(7)).toBe('old');
    });

    it('in another is part of that one', async () => {
      const parts = await start();
      const { service, articles } = parts;
      await service.find(7);
      await CacheTransaction.run(async () => {
        await CacheTransaction.run(() => write(parts));
        expect(await outside(() => articles.get(7))).toBe('old');
      });
      expect(await articles.get(7)).toBe(after(how));
      await articles.put(7, 'old');
      const run = CacheTransaction.run(async () => {
        await CacheTransaction.run(() => write(parts));
        throw error;
      });
      await expect(run).rejects.toBe(error);
      expect(await articles.get(7)).toBe('old');
    });

    it('that goes on after the end is a write like any other', async () => {
      const parts = await start();
      const { service, articles } = parts;
      await service.find(7);
      let dangling: Promise<unknown> = Promise.resolve();
      let go = () => {};
      await CacheTransaction.run(async () => {
        dangling = new Promise<void>((resolve) => (go = resolve)).then(() => write(parts));
      });
      go();
      await dangling;
      expect(await articles.get(7)).toBe(after(how));
    });

    it('that is under way at the end is not lost', async () => {
      const parts = await start();
      const { service, articles } = parts;
      await service.find(7);
      await service.find(8);
      let dangling: Promise<unknown> = Promise.resolve();
      await CacheTransaction.run(() => {
        dangling = write(parts);
      });
      await dangling;
      expect(await articles.get(7)).toBe(after(how));
      await articles.evict(7);
      await service.find(7); // nobody has the key for good
      expect(await articles.get(7)).toBe('old');
    });
  });

  it.each(['evict', 'clear', 'evictTags', 'put', '@CachePut'])(
    'shares no load with others, who see another truth: after %s',
    async (how) => {
      const parts = await start();
      const { articles } = parts;
      const tags = ['news'];
      const own = () => articles.getOrLoad(7, async () => 'uncommitted', { tags });
      const others = () => outside(() => articles.getOrLoad(7, async () => 'committed', { tags }));
      for (const isOwnFirst of [true, false]) {
        await articles.evict(7);
        const [door, begun] = [gate(), gate()];
        const run = CacheTransaction.run(async () => {
          await writes[how]!(parts);
          const slow = async () => {
            begun.open();
            await door.opened;
            return 'committed';
          };
          const running = outside(() => articles.getOrLoad(7, slow, { tags }));
          await begun.opened;
          const early = isOwnFirst ? own() : undefined;
          const other = others();
          const reads = [early ?? own(), other, running];
          for (let i = 0; i < 5; i++) await articles.get('nothing');
          door.open();
          expect(await Promise.all(reads)).toEqual(['uncommitted', 'committed', 'committed']);
          throw error;
        });
        await expect(run).rejects.toBe(error);
        expect(await articles.get(7)).not.toBe('uncommitted');
      }
    },
  );

  it('is left alone by an early eviction and a put if absent, which are at once', async () => {
    const { service, articles } = await start();
    for (const id of [7, 8]) await service.find(id);
    const run = CacheTransaction.run(async () => {
      await service.removeEarly(7);
      expect(await outside(() => articles.getEntry(7))).toBeUndefined();
      expect(await articles.putIfAbsent(8, 'new')).toBe('old');
      expect(await articles.putIfAbsent(9, 'new')).toBeUndefined();
      expect(await outside(() => articles.get(9))).toBe('new');
      throw error;
    });
    await expect(run).rejects.toBe(error);
    expect(await articles.getEntry(7)).toBeUndefined();
    expect(await articles.get(9)).toBe('new');
  });
});
