import { describe, expect, it } from '@jest/globals';
import {
  type Cache,
  CacheError,
  CacheEvict,
  type CacheManager,
  type CacheOptions,
  CacheUnavailableError,
  fromResult,
  glob,
} from 'nestjs-elasticache';
import { onTier, recordFailures } from '../support/cache.application.js';
import { timed, until } from '../support/waiting.js';

class Articles {
  calls = 0;

  private async write(): Promise<string> {
    this.calls++;
    return 'written';
  }
  @CacheEvict('articles')
  remove(_id: number): Promise<string> {
    return this.write();
  }
  @CacheEvict('articles', { key: fromResult(() => 7) })
  removeByResult(): Promise<string> {
    return this.write();
  }
  @CacheEvict('articles', { allEntries: true })
  removeAll(): Promise<string> {
    return this.write();
  }
  @CacheEvict('articles', { pattern: '7*' })
  removeMatching(): Promise<string> {
    return this.write();
  }
  @CacheEvict({ tags: ['news'] })
  removeTag(): Promise<string> {
    return this.write();
  }
  @CacheEvict({ tags: fromResult(() => ['news']) })
  removeTagOfResult(): Promise<string> {
    return this.write();
  }
  @CacheEvict('articles', { beforeInvocation: true })
  removeEarly(_id: number): Promise<string> {
    return this.write();
  }
}

interface ByHand {
  readonly evict: (cache: Cache, manager: CacheManager) => Promise<unknown>;
  readonly failed: false | 0;
  readonly told: { operation: string; cache: string; key?: string };
}

const byHand: Record<string, ByHand> = {
  evict: {
    evict: (cache) => cache.evict(7),
    failed: false,
    told: { operation: 'evict', cache: 'articles', key: '7' },
  },
  'evict of several': {
    evict: (cache) => cache.evict(7, 8),
    failed: false,
    told: { operation: 'evict', cache: 'articles' },
  },
  evictMatching: {
    evict: (cache) => cache.evictMatching(glob`7*`),
    failed: 0,
    told: { operation: 'evict', cache: 'articles' },
  },
  'evictMatching of a key': {
    evict: (cache) => cache.evictMatching(glob`${7}`),
    failed: 0,
    told: { operation: 'evict', cache: 'articles', key: '7' },
  },
  clear: {
    evict: (cache) => cache.clear(),
    failed: false,
    told: { operation: 'clear', cache: 'articles' },
  },
  evictTags: {
    evict: (_, manager) => manager.evictTags('news'),
    failed: false,
    told: { operation: 'evict', cache: '*' },
  },
  clearAll: {
    evict: (_, manager) => manager.clearAll(),
    failed: false,
    told: { operation: 'clear', cache: 'articles' },
  },
};

const decorated: Record<string, (articles: Articles) => Promise<unknown>> = {
  '@CacheEvict': (articles) => articles.remove(7),
  '@CacheEvict by a key of the result': (articles) => articles.removeByResult(),
  '@CacheEvict of all entries': (articles) => articles.removeAll(),
  '@CacheEvict of a pattern': (articles) => articles.removeMatching(),
  '@CacheEvict of a tag': (articles) => articles.removeTag(),
  '@CacheEvict of a tag of the result': (articles) => articles.removeTagOfResult(),
};

describe('An eviction that is not acknowledged', () => {
  const tier = onTier('redis');

  async function start(defaults: CacheOptions = {}) {
    const failures = recordFailures();
    const running = await tier.start(Articles, {
      errorHandler: failures.handle,
      defaults: { timeouts: { store: '300ms' }, ...defaults },
    });
    const articles = running.cache('articles');
    await until('connected', () => articles.evict('nothing').catch(() => false));
    failures.seen.length = 0;
    return { ...running, articles, failures };
  }

  it.each(Object.keys(byHand))('is said by the answer, and told: %s', async (how) => {
    const { articles, manager, failures } = await start();
    const { evict, failed, told } = byHand[how]!;
    await tier.redis.kill();
    try {
      let answer: unknown;
      const took = await timed(async () => (answer = await evict(articles, manager)));
      expect(answer).toBe(failed);
      expect(took).toBeLessThan(4_000);
      expect(failures.seen.map(({ context }) => context)).toEqual([told]);
      expect(failures.seen[0]!.error).toBeInstanceOf(CacheError);
    } finally {
      await tier.restart();
    }
    await until('it is up again', () => articles.evict('nothing'));
    expect(await evict(articles, manager)).toBe(failed === false ? true : 0);
  });

  it.each(Object.keys(byHand))('is thrown, too, where the options say so: %s', async (how) => {
    const { articles, manager, failures } = await start({ onEvictFailure: 'throw' });
    await tier.redis.kill();
    try {
      const error = await byHand[how]!.evict(articles, manager).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(CacheUnavailableError);
      expect(failures.seen.map(({ context }) => context)).toEqual([byHand[how]!.told]);
    } finally {
      await tier.restart();
    }
  });

  it.each(['evict', 'clear', 'evictTags'])('by a Redis that hangs is the same: %s', async (how) => {
    for (const onEvictFailure of ['journal', 'throw'] as const) {
      const { articles, manager, failures } = await start({ onEvictFailure });
      tier.redis.pause();
      try {
        const { evict } = byHand[how]!;
        const answer = await evict(articles, manager).catch((reason: unknown) => reason);
        if (onEvictFailure === 'journal') expect(answer).toBe(false);
        else expect(answer).toBeInstanceOf(CacheUnavailableError);
        expect(failures.seen.map(({ context }) => context)).toEqual([byHand[how]!.told]);
      } finally {
        tier.redis.resume();
      }
    }
  });

  it.each(Object.keys(decorated))('costs the caller nothing but what is told: %s', async (how) => {
    const { service, failures } = await start();
    await tier.redis.kill();
    try {
      expect(await decorated[how]!(service)).toBe('written');
      expect(service.calls).toBe(1);
      expect(failures.seen.length).toBe(1);
      expect(failures.seen[0]!.context.method).toMatch(/^Articles\.remove/);
    } finally {
      await tier.restart();
    }
  });

  it.each(Object.keys(decorated))('fails the call where the options say so: %s', async (how) => {
    const { service, failures } = await start({ onEvictFailure: 'throw' });
    await tier.redis.kill();
    try {
      await expect(decorated[how]!(service)).rejects.toBeInstanceOf(CacheUnavailableError);
      expect(service.calls).toBe(1);
      expect(failures.seen.length).toBe(1);
    } finally {
      await tier.restart();
    }
  });

  it('before the method: it does not run where the options say so, else it does', async () => {
    for (const onEvictFailure of ['journal', 'throw'] as const) {
      const { service } = await start({ onEvictFailure });
      await tier.refuse('evict');
      const call = service.removeEarly(7);
      if (onEvictFailure === 'journal') expect(await call).toBe('written');
      else await expect(call).rejects.toBeInstanceOf(CacheUnavailableError);
      expect(service.calls).toBe(onEvictFailure === 'journal' ? 1 : 0);
      await tier.permit();
    }
  });

  it('at first is repeated while there is time', async () => {
    const { articles, failures } = await start({ timeouts: { store: '10s' } });
    await articles.put(7, 'old');
    await tier.redis.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    expect(await articles.evict(7)).toBe(true);
    expect(await tier.redis.keys('*:articles:7')).toEqual([]); // a read might find the connection lost
    await tier.redis.kill();
    const evicting = articles.evict(7);
    await tier.restart();
    expect(await evicting).toBe(true);
    expect(failures.seen).toEqual([]);
  });

  it('is made up for without what the server refuses, which is told once and tried again', async () => {
    const { articles, failures } = await start({ timeouts: {} });
    const find = (id: number) => articles.getOrLoad(id, async () => 'loaded');
    for (const id of [7, 8]) await articles.put(id, 'old');
    await tier.refuse('evict');
    expect(await articles.evict(7, 8)).toBe(false);
    // All again, but for the entry of one key.
    await tier.acl('resetkeys', '~*[^7]', '+@all');
    await until('the other is made up for', async () => (await articles.get(8)) === undefined);
    await until('and is used again', async () => {
      await find(8);
      return (await articles.get(8)) === 'loaded';
    });
    await until('why is told', () => failures.seen.some(isOfKeys));
    expect(await articles.get(7)).toBeUndefined();
    const before = failures.seen.filter(isOfKeys).length;
    expect(await articles.evict(9)).toBe(true);
    await tier.permit();
    await until('so is this one', async () => {
      await find(7);
      return (await articles.get(7)) === 'loaded';
    });
    expect([before, failures.seen.filter(isOfKeys).length]).toEqual([1, 1]);
  });
});

/** Of a replay, which is nobody's call: the call itself was refused its commands. */
function isOfKeys({ error, context }: ReturnType<typeof recordFailures>['seen'][number]): boolean {
  return context.operation === 'evict' && /NOPERM.* access .*key/.test(error.message);
}
