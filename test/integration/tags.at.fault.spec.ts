import { describe, expect, it } from '@jest/globals';
import {
  CacheError,
  CacheEvict,
  CachePut,
  Cacheable,
  CacheableMany,
  fromResult,
} from 'nestjs-elasticache';
import type { ElastiCacheModuleOptions } from 'nestjs-elasticache';
import { Counter, onTier, recordFailures, tiers, times } from '../support/cache.application.js';

/** What no list of tags can be. */
const wrong: [string, unknown][] = [
  ['no array', 'news'],
  ['an empty text', ['news', '']],
  ['a number', [7]],
  ['undefined', [undefined]],
  ['a list in a list', [['news']]],
  ['a text of more than 1,024 bytes', ['é'.repeat(513)]],
  ['more than 1,000', times(1_001, String)],
];

class Nothing {}

describe.each(tiers)('Tags at fault, %s', (name) => {
  const tier = onTier(name);

  it.each(wrong)('of a cache, when the application starts: %s', async (_, tags) => {
    const caches = { articles: { tags } } as ElastiCacheModuleOptions['caches'];
    const error = await tier.refusal(() => Nothing, { caches: caches! });
    expect(error).toMatchObject({ code: 'CACHE_CONFIGURATION' });
    expect((error as Error).message).toMatch(/caches\.articles\.tags: .*must be an array of texts/);
  });

  it.each(wrong)('of an operation, when the application starts: %s', async (_, given) => {
    const tags = given as string[];
    const declare = () => {
      class Articles {
        @Cacheable('articles', { tags })
        async find(id: number): Promise<number> {
          return id;
        }
        @CachePut('articles', { tags })
        async save(id: number): Promise<number> {
          return id;
        }
        @CacheableMany('articles', { tags })
        async findMany(ids: number[]): Promise<number[]> {
          return ids;
        }
        @CacheEvict({ tags })
        async remove(_id: number): Promise<void> {}
      }
      return Articles;
    };
    const { message } = (await tier.refusal(declare)) as Error;
    for (const site of ['@Cacheable on Articles.find', '@CachePut on Articles.save']) {
      expect(message).toContain(`${site}: tags`);
    }
    expect(message).toContain('@CacheableMany on Articles.findMany: tags');
    expect(message).toContain('@CacheEvict on Articles.remove: tags');
  });

  it('beside what else says what to evict: neither compiles nor starts', async () => {
    const declare = () => {
      class Articles {
        // @ts-expect-error -- 'key' and 'tags' exclude each other
        @CacheEvict('articles', { tags: ['news'], key: 7 })
        async byKey(): Promise<void> {}
        // @ts-expect-error -- 'pattern' and 'tags' exclude each other
        @CacheEvict('articles', { tags: ['news'], pattern: '7*' })
        async byPattern(): Promise<void> {}
        // @ts-expect-error -- 'tags' and 'allEntries' exclude each other
        @CacheEvict('articles', { tags: ['news'], allEntries: true })
        async all(): Promise<void> {}
        @CacheEvict('articles', { tags: ['news'], keyGenerator: () => 7 })
        async generated(): Promise<void> {}
        // @ts-expect-error -- beforeInvocation does not wait for the result
        @CacheEvict({ tags: fromResult(() => ['news']), beforeInvocation: true })
        async early(): Promise<void> {}
        @CacheEvict({ tags: ['news'], allEntries: false })
        async fine(): Promise<void> {}
      }
      return Articles;
    };
    const { message } = (await tier.refusal(declare)) as Error;
    const faults = message.split('\n').slice(1).sort();
    expect(faults).toEqual([
      expect.stringMatching(/Articles\.all: .*`allEntries`.*exclude each other/),
      expect.stringMatching(/Articles\.byKey: .*`key`.*exclude each other/),
      expect.stringMatching(/Articles\.byPattern: .*`pattern`.*exclude each other/),
      expect.stringMatching(/Articles\.early: .*`tags`.*beforeInvocation/),
      expect.stringMatching(/Articles\.generated: .*`keyGenerator`.*exclude each other/),
    ]);
  });

  it('functions that do not fit the method do not compile', () => {
    class Articles {
      // @ts-expect-error -- takes a text, the method a number
      @Cacheable('articles', { tags: (slug: string) => [slug] })
      async find(id: number): Promise<number> {
        return id;
      }
      // @ts-expect-error -- the result is a number
      @CachePut('articles', { tags: fromResult((slug: string) => [slug]) })
      async save(id: number): Promise<number> {
        return id;
      }
      // @ts-expect-error -- gets one element of the batch
      @CacheableMany('articles', { tags: (ids: number[]) => ids.map(String) })
      async findMany(ids: number[]): Promise<number[]> {
        return ids;
      }
    }
    expect(Articles.name).toBe('Articles');
  });

  /** Tags that the application's functions answer with at the call. */
  let answer: () => string[] = () => ['news'];

  class Articles extends Counter {
    @Cacheable('articles', { tags: (_id: number) => answer() })
    find(id: number): Promise<number> {
      return this.run(id);
    }
    @CachePut('articles', { tags: (_id: number) => answer() })
    save(id: number): Promise<number> {
      return this.run(id);
    }
    @CacheableMany('articles', { tags: (_id: number) => answer() })
    async findMany(ids: number[]): Promise<number[]> {
      const value = await this.run(ids);
      return ids.map(() => value);
    }
    @CacheEvict({ tags: (_id: number) => answer() })
    remove(id: number): Promise<number> {
      return this.run(id);
    }
    @CacheEvict({ tags: (_id: number) => answer(), beforeInvocation: true })
    removeEarly(id: number): Promise<number> {
      return this.run(id);
    }
    @Cacheable('articles', { tags: fromResult(() => answer()) })
    findTagged(id: number): Promise<number> {
      return this.run(id);
    }
    @CachePut('articles', { tags: fromResult(() => answer()) })
    saveTagged(id: number): Promise<number> {
      return this.run(id);
    }
    @CacheableMany('articles', { tags: fromResult(() => answer()) })
    async findManyTagged(ids: number[]): Promise<number[]> {
      const value = await this.run(ids);
      return ids.map(() => value);
    }
    @CacheEvict({ tags: fromResult(() => answer()) })
    removeTagged(id: number): Promise<number> {
      return this.run(id);
    }
  }

  const problem = new Error('own');
  const answers: [string, () => string[]][] = [
    ...wrong.map(([what, tags]) => [what, () => tags as string[]] as [string, () => string[]]),
    [
      'none, but an error',
      () => {
        throw problem;
      },
    ],
  ];

  async function start() {
    const failures = recordFailures();
    const running = await tier.start(Articles, { errorHandler: failures.handle });
    return { ...running, failures, articles: running.cache('articles') };
  }

  const early = ['find', 'save', 'findMany', 'remove', 'removeEarly'] as const;

  it.each(answers)(
    'of the arguments fail the call, and the method does not run: %s',
    async (_, tags) => {
      const { service, articles } = await start();
      await articles.put(7, 'before');
      answer = tags;
      for (const how of early) {
        if (how === 'find') await articles.evict(7);
        const call = how === 'findMany' ? service.findMany([7]) : service[how](7);
        const error = await call.then(
          () => undefined,
          (reason: unknown) => reason,
        );
        expect(error).toBeInstanceOf(CacheError);
        const thrown = tags === answers.at(-1)![1];
        expect(error).toMatchObject(
          thrown ? { code: 'CACHE_OPTION_FAILED', cause: problem } : { code: 'CACHE_OPTION_VALUE' },
        );
        expect((error as Error).message).toContain(`Articles.${how}: its option \`tags\``);
      }
      expect(service.calls).toBe(0);
    },
  );

  const late = ['findTagged', 'saveTagged', 'findManyTagged', 'removeTagged'] as const;

  it.each(answers)(
    'of the result are reported; the value is returned, and nothing is stored: %s',
    async (_, tags) => {
      const { service, articles, failures } = await start();
      answer = tags;
      for (const how of late) {
        const calls = service.calls + 1;
        const result = await (how === 'findManyTagged' ? service[how]([7]) : service[how](7));
        expect([result].flat()).toEqual([calls]);
        expect(await articles.getEntry(7)).toBeUndefined();
        const [failure, ...others] = failures.seen.splice(0);
        expect(others).toEqual([]);
        expect(failure?.error.code).toMatch(/^CACHE_OPTION_(VALUE|FAILED)$/);
        expect(failure?.error.message).toContain(`Articles.${how}: its option \`tags\``);
        expect(failure?.context.method).toBe(`Articles.${how}`);
      }
    },
  );

  it.each(wrong.filter(([what]) => what !== 'no array'))('by hand reject: %s', async (_, given) => {
    const { articles, manager } = await start();
    const tags = given as string[];
    const rejected = { code: 'CACHE_OPTION_VALUE' };
    await expect(manager.evictTags(...tags)).rejects.toMatchObject(rejected);
    await expect(articles.put(7, 7, { tags })).rejects.toMatchObject(rejected);
    await expect(articles.put(7, () => 7, { tags })).rejects.toMatchObject(rejected);
    await expect(articles.putMany([[7, 7]], { tags })).rejects.toMatchObject(rejected);
    await expect(articles.putIfAbsent(7, 7, { tags })).rejects.toMatchObject(rejected);
    await expect(articles.getOrLoad(7, async () => 7, { tags })).rejects.toMatchObject(rejected);
    await expect(
      articles.getOrLoadMany([7], async () => new Map(), { tags }),
    ).rejects.toMatchObject(rejected);
    expect(await articles.getEntry(7)).toBeUndefined();
  });
});
