/**
 * Whatever the store does: the method runs at most once per call, its own error wins and stays the same
 * object, its value is never lost. The failures are a real server's.
 */
import { describe, expect, it } from '@jest/globals';
import { CacheEvict, CachePut, Cacheable, CacheableMany, glob } from 'nestjs-elasticache';
import type { Cache, CacheError, CacheOptions } from 'nestjs-elasticache';
import { Observable, defer, firstValueFrom } from 'rxjs';
import { Counter, onTier } from '../support/cache.application.js';

interface Article {
  id: number;
  tags: string[];
}

class Articles extends Counter {
  readonly value: Article = { id: 7, tags: ['a'] };
  error: Error | undefined;
  duringCall: () => Promise<unknown> = async () => undefined;

  async load(...args: unknown[]): Promise<Article> {
    await this.run(...args);
    await this.duringCall();
    if (this.error) throw this.error;
    return this.value;
  }
  @Cacheable('articles')
  find(id: number): Promise<Article> {
    return this.load(id);
  }
  @Cacheable(['articles', 'others'])
  findInTwo(id: number): Promise<Article> {
    return this.load(id);
  }
  @CachePut('articles')
  save(id: number): Promise<Article> {
    return this.load(id);
  }
  @CacheEvict('articles')
  remove(id: number): Promise<Article> {
    return this.load(id);
  }
  @CacheEvict('articles', { beforeInvocation: true })
  removeEarly(id: number): Promise<Article> {
    return this.load(id);
  }
  @CacheEvict('articles', { allEntries: true })
  removeAll(): Promise<Article> {
    return this.load();
  }
  @CacheEvict('articles', { allEntries: true, beforeInvocation: true })
  removeAllEarly(): Promise<Article> {
    return this.load();
  }
  @CacheEvict('articles', { pattern: glob`7*` })
  removeMatching(): Promise<Article> {
    return this.load();
  }
  @Cacheable('articles')
  @CachePut('others')
  @CacheEvict('lists')
  everything(id: number): Promise<Article> {
    return this.load(id);
  }
  @CacheableMany('articles', { keys: (ids: number[]) => ids })
  async findMany(ids: number[]): Promise<(Article | null)[]> {
    const article = await this.load();
    return ids.map(() => article);
  }
  @Cacheable('streams')
  stream(id: number): Observable<Article> {
    return defer(() => this.load(id));
  }
}

interface Failure {
  defaults?: CacheOptions;
  begin(keys: string[]): unknown;
  felt: string[];
  end?(): unknown;
}

/** Each way into the cache that ends in one run of `load`. */
const calls: Record<string, (articles: Articles, cache: Cache) => Promise<unknown>> = {
  '@Cacheable': (articles) => articles.find(7),
  '@Cacheable of two caches': (articles) => articles.findInTwo(7),
  '@CachePut': (articles) => articles.save(7),
  '@CacheEvict': (articles) => articles.remove(7),
  'early @CacheEvict': (articles) => articles.removeEarly(7),
  allEntries: (articles) => articles.removeAll(),
  'early allEntries': (articles) => articles.removeAllEarly(),
  pattern: (articles) => articles.removeMatching(),
  'all three': (articles) => articles.everything(7),
  '@CacheableMany': async (articles) => (await articles.findMany([7]))[0],
  Observable: (articles) => firstValueFrom(articles.stream(7)),
  getOrLoad: (articles, cache) => cache.getOrLoad(7, () => articles.load()),
  getOrLoadMany: async (articles, cache) => {
    const load = async (missing: unknown[]) => {
      const article = await articles.load();
      return new Map(missing.map((key) => [key as number, article]));
    };
    return (await cache.getOrLoadMany([7], load)).get(7);
  },
};

const REPLACE_BY_LIST = "redis.call('DEL', KEYS[1]); return redis.call('RPUSH', KEYS[1], 'x')";

describe('The invariants', () => {
  const tier = onTier('redis');
  const redis = (...args: string[]) => tier.redis.command(...args);
  const each = (failure: (key: string) => Promise<unknown>) => (keys: string[]) =>
    Promise.all(keys.map(failure));

  /** How the server begins to fail for these keys, which operations feel it, and how it is put right. */
  const failures: Record<string, Failure> = {
    'refuses reads': {
      begin: () => tier.refuse('get'),
      felt: ['clear', 'evict', 'get', 'put'], // every script looks at the lease first
      end: () => tier.permit(),
    },
    'refuses writes': {
      begin: () => tier.refuse('put'),
      felt: ['put'],
      end: () => tier.permit(),
    },
    'refuses evictions': {
      begin: () => tier.refuse('evict', 'clear'),
      felt: ['clear', 'evict', 'put'], // a put ends with what removes, too
      end: () => tier.permit(),
    },
    'refuses everything': {
      begin: () => tier.acl('-@all'),
      felt: ['clear', 'evict', 'get', 'put'],
      end: () => tier.permit(),
    },
    'is out of memory': {
      begin: () => redis('CONFIG', 'SET', 'maxmemory', '1'),
      felt: ['put'],
      end: () => redis('CONFIG', 'SET', 'maxmemory', '0'),
    },
    'holds another type under the key': {
      // In one step: a load whose subscriber left early may still be storing.
      begin: each((key) => redis('EVAL', REPLACE_BY_LIST, '1', key)),
      felt: [], // it is absent to a read, and what is stored replaces it
    },
    'holds bytes that are not ours': {
      begin: each((key) => redis('SET', key, '\u0000garbage', 'EX', '60')),
      felt: ['get'],
    },
    hangs: {
      defaults: { timeouts: { store: '40ms' } },
      begin: () => tier.redis.pause(),
      felt: ['clear', 'evict', 'get', 'put'],
      end: () => tier.redis.resume(),
    },
    'is gone': {
      defaults: { timeouts: { store: '100ms' } },
      begin: () => tier.redis.kill(),
      felt: ['clear', 'evict', 'get', 'put'],
      end: () => tier.restart(),
    },
  };

  const reported = new Set<string>();
  const options = {
    errorHandler: (_error: CacheError, { operation }: { operation: string }) =>
      void reported.add(operation),
  };

  async function start(defaults: CacheOptions = { timeouts: { store: '5s' } }) {
    const running = await tier.start(Articles, { ...options, defaults });
    const keys = ['articles', 'others', 'lists', 'streams'].map((cache) =>
      running.keyOf(cache, '7'),
    );
    return { ...running, keys };
  }

  describe.each(Object.keys(failures))('when the server %s', (name) => {
    const failure = failures[name]!;

    async function during(work: () => Promise<void>) {
      try {
        await work();
      } finally {
        await failure.end?.();
        await tier.reset();
      }
    }

    it(`is felt, as a failure to ${failure.felt.join(', ') || 'do nothing'}`, () =>
      during(async () => {
        const { service, cache, keys } = await start(failure.defaults);
        await failure.begin(keys);
        reported.clear();
        for (const call of Object.values(calls)) {
          if (failure.end === undefined) await failure.begin(keys);
          await call(service, cache('articles'));
        }
        expect([...reported].sort()).toEqual(failure.felt);
      }));

    describe.each(Object.keys(calls))('%s', (via) => {
      const call = calls[via]!;

      it('its value is returned, from one run', () =>
        during(async () => {
          const { service, cache, keys } = await start(failure.defaults);
          await failure.begin(keys);
          expect(await call(service, cache('articles'))).toBe(service.value);
          expect(service.calls).toBe(1);
        }));

      it('its value is returned where the failure begins while it runs', () =>
        during(async () => {
          const { service, cache, keys } = await start(failure.defaults);
          service.duringCall = async () => failure.begin(keys);
          expect(await call(service, cache('articles'))).toBe(service.value);
          expect(service.calls).toBe(1);
        }));

      it('its error is thrown, from one run', () =>
        during(async () => {
          const { service, cache, keys } = await start(failure.defaults);
          await failure.begin(keys);
          const error = (service.error = new Error('own'));
          await expect(call(service, cache('articles'))).rejects.toBe(error);
          expect(service.calls).toBe(1);
        }));

      it('its error is thrown where the failure begins while it runs', () =>
        during(async () => {
          const { service, cache, keys } = await start(failure.defaults);
          service.duringCall = async () => failure.begin(keys);
          const error = (service.error = new Error('own'));
          await expect(call(service, cache('articles'))).rejects.toBe(error);
          expect(service.calls).toBe(1);
        }));
    });
  });

  it.each(['refuses everything', 'hangs', 'is gone'])(
    'when the server %s, programmatic reads miss, writes resolve, invalidations answer false',
    async (name) => {
      const failure = failures[name]!;
      const { cache, keys } = await start(failure.defaults);
      const articles = cache('articles');
      await articles.put(7, 'seven');
      try {
        await failure.begin(keys);
        expect(await articles.get(7)).toBeUndefined();
        expect(await articles.getEntry(7)).toBeUndefined();
        expect(await articles.getMany([7])).toEqual(new Map());
        expect(await articles.put(7, 'other')).toBeUndefined();
        expect(await articles.putIfAbsent(8, 'other')).toBeUndefined();
        expect(await articles.putMany([[9, 'nine']])).toBeUndefined();
        expect(await articles.evict(7)).toBe(false);
        expect(await articles.evictMatching('7')).toBe(0);
        expect(await articles.clear()).toBe(false);
      } finally {
        await failure.end?.();
      }
    },
  );

  it.each(['getOrLoad', '@Cacheable', '@CacheableMany'])(
    'an undecodable entry is a miss, removed and replaced: %s',
    async (via) => {
      const { service, cache, keyOf } = await start();
      const [articles, key] = [cache('articles'), keyOf('articles', '7')];
      const spoil = async () => {
        await articles.put(7, 'stored');
        await redis('SETRANGE', key, '0', 'not ours');
      };
      await spoil();
      expect(await articles.get(7)).toBeUndefined();
      expect(await redis('EXISTS', key)).toBe(0);
      await spoil();
      expect(await calls[via]!(service, articles)).toBe(service.value);
      expect(await articles.get(7)).toEqual(service.value);
      expect(await calls[via]!(service, articles)).toEqual(service.value);
      expect(service.calls).toBe(1);
    },
  );
});
