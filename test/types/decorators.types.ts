/**
 * What must compile and what must not, checked by tsc: nothing here runs. A line under `@ts-expect-error`
 * that starts to compile is an error itself.
 */
import type { Observable } from 'rxjs';
import {
  CacheConfig,
  CacheEvict,
  CacheManager,
  CachePut,
  Cacheable,
  CacheableMany,
  Caching,
  ElastiCacheModule,
  InjectCache,
  fromResult,
  glob,
} from 'nestjs-elasticache';
import type { Cache, CacheEntry } from 'nestjs-elasticache';

interface Article {
  id: number;
  slug: string;
}
declare function find(...args: unknown[]): Promise<Article>;
declare function findAll(ids: number[]): Promise<(Article | null)[]>;
declare function stream(id: number): Observable<Article>;

@CacheConfig({ cacheNames: 'articles' })
export class Compiles {
  constructor(@InjectCache('articles') readonly cache: Cache<number, Article>) {}

  @InjectCache('lists')
  readonly lists!: Cache<[number, number], Article[]>;

  @Cacheable()
  bare(): Promise<Article> {
    return find();
  }
  @Cacheable('a', { key: (id: number) => id, condition: (id: number) => id > 0, ttl: '5m' })
  byArguments(id: number, language: string): Promise<Article> {
    return find(id, language);
  }
  @Cacheable(['a', 'b'], { unless: (result: Article, id: number) => result.id !== id })
  several(id: number): Promise<Article> {
    return find(id);
  }
  @Cacheable({
    cacheNames: 'a',
    ttl: fromResult((result: Article) => result.id),
    singleFlight: 'process',
  })
  optionsAlone(id: number): Promise<Article> {
    return find(id);
  }
  @Cacheable('a')
  undefinedIsAValue(id: number): Promise<Article | null | undefined> {
    return find(id);
  }
  @Cacheable('a', { returns: 'observable' })
  observable(id: number): Observable<Article> {
    return stream(id);
  }
  @Cacheable('a', {
    key(this: Compiles, id: number) {
      return `${this.cache.name}-${id}`;
    },
  })
  byInstance(id: number): Promise<Article> {
    return find(id);
  }
  @CachePut('a', { key: fromResult((result: Article, slug: string) => [result.id, slug]) })
  put(slug: string): Promise<Article> {
    return find(slug);
  }
  @CacheEvict('a', { key: (id: number) => id, beforeInvocation: true })
  @CacheEvict('b', { allEntries: true })
  @CacheEvict('c', { pattern: (id: number) => glob`user:${id}:*` })
  async evictMayBeVoid(id: number): Promise<void> {
    await find(id);
  }
  @Caching({ cacheable: [{ cacheNames: 'a' }], evict: [{ cacheNames: 'b', allEntries: true }] })
  caching(id: number): Promise<Article> {
    return find(id);
  }
  @CacheableMany('a', { keys: (ids: number[]) => ids })
  many(ids: number[]): Promise<(Article | null)[]> {
    return findAll(ids);
  }
  @Cacheable('a', { key: (ids: readonly number[]) => [...ids] })
  optionalAndRest(ids: readonly number[], page?: number, ...rest: string[]): Promise<Article> {
    return find(ids, page, rest);
  }
}

/** Of a type parameter nothing is known: that is no fault of the method. */
export class Repository<T extends { id: number }, Entity> {
  readonly name = 'articles';

  @Cacheable('a')
  found(id: number): Promise<T> {
    return find(id) as Promise<never>;
  }
  @Cacheable('a', { key: (id: number) => id, ttl: '5m' })
  unbounded(id: number): Promise<Entity> {
    return find(id) as Promise<never>;
  }
  @Cacheable('a', {
    key(this: { name: string }, id: number) {
      return [this.name, id];
    },
  })
  ofInstance(id: number): Promise<T | null> {
    return find(id) as Promise<never>;
  }
  @Cacheable('a')
  streamed(id: number): Observable<Entity> {
    return stream(id) as Observable<never>;
  }
  @Cacheable('a')
  generic<K extends string>(key: K): Promise<Entity> {
    return find(key) as Promise<never>;
  }
  @CachePut('a', { key: (id: number) => id })
  saved(id: number, entity: T): Promise<T> {
    return find(id, entity) as Promise<never>;
  }
  @CacheEvict('a', { key: (id: number) => id })
  removed(id: number): Promise<Entity> {
    return find(id) as Promise<never>;
  }
  @CacheableMany('a', { keys: (ids: readonly number[]) => ids })
  all(ids: readonly number[]): Promise<readonly (Entity | null)[]> {
    return findAll([...ids]) as Promise<never>;
  }
  @Caching({ cacheable: [{ cacheNames: 'a' }], evict: [{ cacheNames: 'b', allEntries: true }] })
  several(id: number): Promise<Entity> {
    return find(id) as Promise<never>;
  }
}

export class DoesNotCompile {
  // @ts-expect-error a method that answers at once cannot be cached
  @Cacheable('a')
  sync(id: number): Article {
    return { id, slug: '' };
  }
  // @ts-expect-error nor can one without a result
  @Cacheable('a')
  async nothing(id: number): Promise<void> {
    await find(id);
  }
  // @ts-expect-error nor can its result be put
  @CachePut('a')
  async putNothing(id: number): Promise<void> {
    await find(id);
  }
  // @ts-expect-error an eviction too needs a promise to wait for
  @CacheEvict('a')
  evictSync(id: number): void {
    stream(id);
  }
  // @ts-expect-error the key's parameter is no number of the method
  @Cacheable('a', { key: (id: string) => id })
  otherType(id: number): Promise<Article> {
    return find(id);
  }
  // @ts-expect-error the method has no second argument
  @Cacheable('a', { key: (id: number, page: number) => id + page })
  tooMany(id: number): Promise<Article> {
    return find(id);
  }
  // @ts-expect-error unless takes the method's result
  @Cacheable('a', { unless: (result: string) => result === '' })
  otherResult(id: number): Promise<Article> {
    return find(id);
  }
  // @ts-expect-error a condition is asked with the method's arguments
  @Cacheable('a', { condition: (id: string) => id === '' })
  otherCondition(id: number): Promise<Article> {
    return find(id);
  }
  // @ts-expect-error no result before the method
  @Cacheable('a', { key: fromResult((result: Article) => result.id) }) lateKey(
    id: number,
  ): Promise<Article> {
    return find(id);
  }
  // @ts-expect-error the same of a condition
  @Cacheable('a', { condition: fromResult((r: Article) => r.id > 0) }) lateIf(
    id: number,
  ): Promise<Article> {
    return find(id);
  }
  // @ts-expect-error fromResult is told the method's result
  @CachePut('a', { key: fromResult((result: string) => result) }) otherPut(
    id: number,
  ): Promise<Article> {
    return find(id);
  }
  // @ts-expect-error an eviction has no unless
  @CacheEvict('a', { unless: () => true })
  evictUnless(id: number): Promise<Article> {
    return find(id);
  }
  // @ts-expect-error an option nobody knows
  @Cacheable('a', { tll: '5m' })
  misspelt(id: number): Promise<Article> {
    return find(id);
  }
  // @ts-expect-error nor beside one that is known
  @Cacheable('a', { kye: (id: number) => id, ttl: 5 }) misspeltBeside(
    id: number,
  ): Promise<Article> {
    return find(id);
  }
  // @ts-expect-error an option of a later version
  @Cacheable('a', { scope: 'user', ttl: 5 })
  later(id: number): Promise<Article> {
    return find(id);
  }
  // @ts-expect-error an eviction stores nothing
  @CacheEvict('a', { ttl: 5, key: 1 })
  evictFor(id: number): Promise<Article> {
    return find(id);
  }
  // @ts-expect-error nor judges what to store
  @CacheEvict('a', { unless: (result: Article) => result.id > 0, key: 1 }) evictBut(
    id: number,
  ): Promise<Article> {
    return find(id);
  }
  // @ts-expect-error an operation that nobody knows
  @Caching({ evicts: [{ cacheNames: 'a' }], cacheable: [{ cacheNames: 'a' }] }) misspeltOperation(
    id: number,
  ): Promise<Article> {
    return find(id);
  }
  // @ts-expect-error an option that nobody knows, of one of several operations
  @Caching({ evict: [{ cacheNames: 'a', allEntires: true, key: 1 }] }) misspeltWithin(
    id: number,
  ): Promise<Article> {
    return find(id);
  }
  // @ts-expect-error a batch is an array
  @CacheableMany('a')
  batchOfOne(id: number): Promise<Article[]> {
    return findAll([id]) as Promise<Article[]>;
  }
  // @ts-expect-error and so is its result
  @CacheableMany('a')
  batchToOne(ids: number[]): Promise<Article> {
    return find(ids);
  }
  // @ts-expect-error a condition answers with a boolean
  @Cacheable('a', { condition: (id: number) => `${id}` })
  vague(id: number): Promise<Article> {
    return find(id);
  }
}

// @ts-expect-error a method's decorator says nothing about a class
@Cacheable('a')
export class Decorated {}

export async function typedCache(
  users: Cache<number, Article>,
  manager: CacheManager,
): Promise<void> {
  const hit: Article | undefined = await users.get(7);
  const entry: CacheEntry<Article> | undefined = await users.getEntry(7);
  const many: Map<number, Article> = await users.getMany(new Set([1, 2]));
  const loaded: Article = await users.getOrLoad(7, async (signal) => find(signal));
  const there: Article | undefined = await users.putIfAbsent(7, loaded);
  const evicted: boolean = await users.evict(1, 2, 3);
  const matching: number = await users.evictMatching(glob`1:${'a'}:*`);
  void [hit, entry, many, there, evicted, matching];

  await manager.getCache<[number, number], Article[]>('lists').put([0, 20], [loaded]);
  await manager.getCache('any').put({ id: 1, tags: ['a', null] }, new Map());

  await users.put(7, loaded, { shared: false });
  await users.getOrLoad(7, async (signal) => find(signal), { memory: false });
  // @ts-expect-error whether there is one is for the shared tier to tell
  await users.putIfAbsent(7, loaded, { shared: false });
  // @ts-expect-error keys are numbers
  await users.get('7');
  // @ts-expect-error values are articles
  await users.put(7, 'seven');
  // @ts-expect-error a loader's value is an article
  await users.getOrLoad(7, async () => 'seven');
  // @ts-expect-error a function is no key
  await manager.getCache('any').get(() => 7);
  // @ts-expect-error statistics are read only by name
  users.stats().hit;
}

ElastiCacheModule.forRoot();
ElastiCacheModule.forRoot({
  connection: 'redis://127.0.0.1:6379',
  defaults: { ttl: '5m', jitter: 0.1, cacheNull: '10s', serializer: 'json' },
  caches: {
    articles: { ttl: ({ key, value }) => (value ? key.length : '1m'), tti: 1000, version: 2 },
  },
});
ElastiCacheModule.forRoot({ defaults: { timeouts: { load: '1s' } } });
ElastiCacheModule.forFeature(['articles', { name: 'lists', ttl: '1m' }]);
// @ts-expect-error an option nobody knows
ElastiCacheModule.forRoot({ conection: 'redis://127.0.0.1' });
// @ts-expect-error an isolation nobody knows
ElastiCacheModule.forRoot({ defaults: { memory: { isolation: 'copy' } } });
// @ts-expect-error a feature has a name
ElastiCacheModule.forFeature([{ ttl: '1m' }]);
// @ts-expect-error a consistency nobody knows
ElastiCacheModule.forRoot({ defaults: { consistency: 'late' } });
