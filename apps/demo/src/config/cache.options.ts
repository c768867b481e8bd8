import { type ElastiCacheModuleOptions, entraIdentity } from 'nestjs-elasticache';
import type { Environment } from './environment.js';

/** Every cache of the application and how long it keeps what; a name that is not here is a mistake. */
export function cacheOptions(environment: Environment): ElastiCacheModuleOptions {
  return {
    ...(environment.REDIS_URL === undefined ? {} : { connection: environment.REDIS_URL }),
    namespace: 'demo',
    enabled: environment.CACHE === 'on',
    dynamicCaches: false,
    // An organisation is a tenant. Most of the site is for everybody, signed in or not.
    tenancy: { required: false },
    identity: entraIdentity(),
    defaults: { scope: 'global', timeouts: { store: environment.CACHE_TIMEOUTS_STORE } },
    // Should a query ever select the password hash, it is not what gets cached.
    sensitive: {},
    caches: {
      articles: { ttl: environment.CACHE_TTL_ARTICLE },
      // Nobody waits for a list that has expired: the old one is served while a new one is loaded.
      articleLists: { ttl: environment.CACHE_TTL_ARTICLES_LIST, staleWhileRevalidate: '30s' },
      users: {
        ttl: environment.CACHE_TTL_USER,
        // findOne() and findMany() share this cache: a null one leaves must not turn the other's 404 into a hit.
        cacheNull: false,
        // An old name must not come back, not even from a process that dies between commit and eviction.
        consistency: 'strict',
      },
      tags: { ttl: environment.CACHE_TTL_TAGS },
      tenants: { ttl: '1h' },
      organisations: { ttl: environment.CACHE_TTL_TAGS, scope: 'tenant' },
      feeds: { ttl: environment.CACHE_TTL_ARTICLES_LIST, scope: 'user' },
      health: { ttl: '1s' },
    },
  };
}
