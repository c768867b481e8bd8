/** As decorators.types.ts, for tags, freshness, fenced writes, units of work and what explains them. */
import type { Observable } from 'rxjs';
import {
  CacheEvict,
  CacheManager,
  CachePut,
  Cacheable,
  CacheableMany,
  CacheTransaction,
  ElastiCacheModule,
  fromResult,
  glob,
} from 'nestjs-elasticache';
import type { Cache, CacheExplanation } from 'nestjs-elasticache';
import { Cluster, Redis } from 'ioredis';
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5';

interface Article {
  id: number;
  author: string;
}
declare function find(...args: unknown[]): Promise<Article>;
declare function findAll(ids: number[]): Promise<(Article | null)[]>;
declare function stream(id: number): Observable<Article>;

export class Compiles {
  @Cacheable('a', { tags: ['news'], staleWhileRevalidate: '1m', staleIfError: 60_000 })
  constant(id: number): Promise<Article> {
    return find(id);
  }
  @Cacheable('a', { tags: (id: number) => [`article:${id}`], refreshAhead: 0.8 })
  ofArguments(id: number): Promise<Article> {
    return find(id);
  }
  @Cacheable('a', { tags: fromResult((result: Article, id: number) => [result.author, `${id}`]) })
  ofResult(id: number): Promise<Article> {
    return find(id);
  }
  @Cacheable('a', { tags: ['news'], singleFlight: 'distributed', returns: 'observable' })
  observable(id: number): Observable<Article> {
    return stream(id);
  }
  @CachePut('a', { shared: false })
  @Cacheable('a', { memory: false })
  oneTier(id: number): Promise<Article> {
    return find(id);
  }
  @CacheableMany('a', { keys: (ids: number[]) => ids, tags: (id: number) => [`article:${id}`] })
  many(ids: number[]): Promise<(Article | null)[]> {
    return findAll(ids);
  }
  @CachePut('a', {
    key: (id: number) => id,
    tags: fromResult((result: Article) => [result.author]),
  })
  put(id: number): Promise<Article> {
    return find(id);
  }
  @CacheEvict({ tags: (id: number) => [`article:${id}`] })
  @CacheEvict({ tags: ['news'], beforeInvocation: true })
  @CacheEvict('a', { key: (id: number) => id })
  async evict(id: number): Promise<void> {
    await find(id);
  }
  @CacheEvict({ tags: fromResult((result: Article) => [result.author]) })
  evictByResult(id: number): Promise<Article> {
    return find(id);
  }
}

export class DoesNotCompile {
  // @ts-expect-error tags are a list
  @Cacheable('a', { tags: 'news' }) oneTag(id: number): Promise<Article> {
    return find(id);
  }
  // @ts-expect-error of texts
  @Cacheable('a', { tags: (id: number) => [id] }) numbers(id: number): Promise<Article> {
    return find(id);
  }
  // @ts-expect-error a function of the method's own arguments
  @Cacheable('a', { tags: (slug: string) => [slug] }) otherArguments(id: number): Promise<Article> {
    return find(id);
  }
  // @ts-expect-error of the method's own result
  @CachePut('a', { tags: fromResult((result: string) => [result]) }) otherResult(
    id: number,
  ): Promise<Article> {
    return find(id);
  }
  // @ts-expect-error a put leaves no copy anyway
  @CachePut('a', { memory: false, ttl: 5 }) putCopy(id: number): Promise<Article> {
    return find(id);
  }
  // @ts-expect-error an eviction reaches every tier
  @CacheEvict('a', { shared: false, key: 1 }) evictOne(id: number): Promise<Article> {
    return find(id);
  }
  // @ts-expect-error a share is a number
  @Cacheable('a', { refreshAhead: '1m' }) share(id: number): Promise<Article> {
    return find(id);
  }
  // @ts-expect-error nobody, a process or all of them share a load
  @Cacheable('a', { singleFlight: true }) shared(id: number): Promise<Article> {
    return find(id);
  }
  // @ts-expect-error a put has nothing stale to serve
  @CachePut('a', { staleIfError: '1m', ttl: 5 }) putStale(id: number): Promise<Article> {
    return find(id);
  }
  // @ts-expect-error tags or a key
  @CacheEvict('a', { tags: ['news'], key: 1 }) tagsOrKey(id: number): Promise<Article> {
    return find(id);
  }
  // @ts-expect-error tags or a pattern
  @CacheEvict('a', { tags: ['news'], pattern: '7*' }) tagsOrPattern(id: number): Promise<Article> {
    return find(id);
  }
  // @ts-expect-error tags or everything
  @CacheEvict('a', { tags: ['news'], allEntries: true }) tagsOrAll(id: number): Promise<Article> {
    return find(id);
  }
  // @ts-expect-error early is before there is a result
  @CacheEvict({ beforeInvocation: true, tags: fromResult((r: Article) => [r.author]) }) early(
    id: number,
  ): Promise<Article> {
    return find(id);
  }
}

export async function typedCache(
  articles: Cache<number, Article>,
  manager: CacheManager,
): Promise<void> {
  await articles.put(7, async () => find(7), { tags: ['news'], ttl: '1m' });
  await articles.put(7, () => ({ id: 7, author: 'ann' }), { tags: ({ author }) => [author] });
  await articles.getOrLoad(7, () => find(7), {
    tags: (article) => [article.author],
    singleFlight: 'distributed',
    staleWhileRevalidate: '1m',
  });
  const explained: CacheExplanation = await articles.explain(7);
  const evicted: boolean = await manager.evictTags('news', 'author:7');
  const stale: number = articles.stats().staleServed;
  const moved: Article = await CacheTransaction.run(async () => {
    await articles.evict(7);
    return find(7);
  });
  const unit = CacheTransaction.begin();
  const inUnit: number = await unit.run(() => articles.evictMatching(glob`7*`));
  await unit.commit();
  await unit.rollback();
  void [explained, evicted, stale, moved, inUnit];

  // @ts-expect-error what a function brings is an article, too
  await articles.put(7, async () => 'seven');
  // @ts-expect-error a tag is a text
  await manager.evictTags(7);
  // @ts-expect-error a unit of work is begun, not made
  void new CacheTransaction();
}

ElastiCacheModule.forRoot({
  connection: new Cluster([{ host: '127.0.0.1' }], { lazyConnect: true }),
  defaults: {
    tags: ['all'],
    consistency: 'strict',
    onEvictFailure: 'throw',
    timeouts: { store: '1s', wait: '5s' },
    loads: { concurrent: 16, queue: 128 },
    singleFlight: 'distributed',
    staleWhileRevalidate: '1m',
    staleIfError: '1h',
    refreshAhead: 0.8,
  },
});
ElastiCacheModule.forRoot({ connection: new Cluster5([], { lazyConnect: true }) });
ElastiCacheModule.forRoot({ connection: new Redis({ lazyConnect: true }) });
ElastiCacheModule.forRoot({ connection: new Redis5({ lazyConnect: true }) });
// @ts-expect-error a bulkhead has a size
ElastiCacheModule.forRoot({ defaults: { loads: { queue: 5 } } });
// @ts-expect-error strict or not
ElastiCacheModule.forRoot({ defaults: { consistency: true } });
