import type { ElastiCacheModuleOptions } from 'nestjs-elasticache';
import type { Environment } from './environment.js';

/** Every cache of the application and how long it keeps what; a name that is not here is a mistake. */
export function cacheOptions(environment: Environment): ElastiCacheModuleOptions {
  return {
    ...(environment.REDIS_URL === undefined ? {} : { connection: environment.REDIS_URL }),
    namespace: 'demo',
    dynamicCaches: false,
    caches: {
      articles: { ttl: environment.CACHE_TTL_ARTICLE },
      articleLists: { ttl: environment.CACHE_TTL_ARTICLES_LIST },
      // findOne() and findMany() share this cache: a null one leaves must not turn the other's 404 into a hit.
      users: { ttl: environment.CACHE_TTL_USER, cacheNull: false },
      tags: { ttl: environment.CACHE_TTL_TAGS },
      health: { ttl: '1s' },
    },
  };
}
