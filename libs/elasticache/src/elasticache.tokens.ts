/** The clock of one application; tests bring one they can move. */
export const ELASTICACHE_CLOCK = Symbol('ELASTICACHE_CLOCK');

/** The hidden property in which a decorated instance finds its application's caches. */
export const CACHE_INVOKER = Symbol('nestjs-elasticache:invoker');

/** What is injected there. Nest prints this token where it is missing, so it says what to import. */
export const CACHE_INVOKER_TOKEN = 'ElastiCacheModule.forRoot()';

/** What the interceptor of controllers is injected with; named for the same reason. */
export const RESPONSE_CACHING_TOKEN = 'ElastiCacheModule.forRoot(), for CacheInterceptor';

/**
 * The injection token of a named cache, for `useFactory` providers and tests.
 *
 * @example
 * { provide: Feed, inject: [getCacheToken('articles')], useFactory: (articles: Cache) => new Feed(articles) }
 */
export function getCacheToken(name: string): string {
  return `ElastiCache:${name}`;
}
