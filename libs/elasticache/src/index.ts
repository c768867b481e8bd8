export { ElastiCacheModule } from './elasticache.module.js';
export type { ElastiCacheModuleAsyncOptions } from './elasticache.module-definition.js';
export type {
  CacheOptions,
  CacheTimeouts,
  ElastiCacheModuleOptions,
  ElastiCacheOptionsFactory,
  EncryptionOptions,
  FeatureCache,
  KeyOptions,
  LoadLimits,
} from './elasticache.options.js';
export { getCacheToken } from './elasticache.tokens.js';

export { Cacheable } from './decorators/cacheable.decorator.js';
export { CacheableMany } from './decorators/cacheable-many.decorator.js';
export { CacheConfig } from './decorators/cache-config.decorator.js';
export { CacheEvict } from './decorators/cache-evict.decorator.js';
export { CachePut } from './decorators/cache-put.decorator.js';
export { Caching, type CachingOptions } from './decorators/caching.decorator.js';
export { InjectCache } from './decorators/inject-cache.decorator.js';
export {
  type CacheableManyOptions,
  type CacheableOptions,
  type CacheConfigOptions,
  type CacheEvictOptions,
  type CachePutOptions,
  type CacheResolver,
  type CacheResolverContext,
  fromResult,
  type KeyGenerator,
  type KeyLike,
  type Tags,
} from './invocation/cache.operation.js';

export { CacheInterceptor } from './http/cache.interceptor.js';
export { CacheKey, CacheResponse, CacheTTL, NoCache } from './http/cache-response.decorator.js';
export type { CacheResponseOptions, ResponseScope } from './http/http.options.js';
export type { QueryOptions } from './http/request.key.js';

export type {
  AllTenants,
  Cache,
  CacheErrorContext,
  CacheErrorHandler,
  CacheExplanation,
  CacheStats,
  LoadOptions,
  PutOptions,
} from './cache/cache.js';
export type { SensitiveOptions } from './cache/sensitive.values.js';
export { CacheManager } from './cache/cache.manager.js';
export type { SingleFlight, TtlCall } from './cache/cache.policy.js';
export { CacheTransaction } from './coherence/cache.transaction.js';
export { CacheContext, type Identity } from './identity/cache.context.js';
export { entraIdentity, fromRequest, type IdentitySource } from './identity/identity.source.js';
export type { TenancyOptions } from './identity/scope.resolver.js';
export type { CacheEntry, Tier } from './entry/cache.entry.js';
export { type Glob, glob, type GlobValue } from './key/glob.js';
export type { Key } from './key/key.encoding.js';
export type { NamedKey } from './key/key.secret.js';
export type { ScopeKind } from './key/scope.js';

export type { CompressionOptions, Serializer, SerializerName } from './codec/serializer.js';
export type { ConnectionOptions } from './connection/connection.options.js';
export type { RedisClient } from './connection/redis.client.js';
export type { Eviction, Isolation, MemoryTierOptions } from './memory/memory.tier.js';
export type { Removals } from './memory/removals.js';
export type { Clock } from './time/clock.js';
export type { Duration } from './time/duration.js';

export {
  CacheConfigurationError,
  CacheError,
  CacheSerializationError,
  CacheTimeoutError,
  CacheUnavailableError,
  TenantRequiredError,
  UnknownCacheError,
} from './errors/cache.errors.js';
export type { CacheErrorCode, Fault } from './errors/catalogue.js';
export type { CacheEvent, CacheEvents, MissReason } from './events/cache.events.js';
