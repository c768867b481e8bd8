import type { CacheOptions, ElastiCacheModuleOptions } from './elasticache.options.js';

/** What the application does to its objects of options later changes nothing here. */
export function copied(options: ElastiCacheModuleOptions): ElastiCacheModuleOptions {
  const caches = Object.entries(options.caches ?? {});
  return Object.freeze({
    ...options,
    ...(options.tenancy && { tenancy: { ...options.tenancy } }),
    defaults: copiedCache(options.defaults ?? {}),
    caches: Object.fromEntries(caches.map(([name, own]) => [name, copiedCache(own)])),
  });
}

export function copiedCache(options: CacheOptions): CacheOptions {
  const { memory, compression, timeouts, tags, loads } = options;
  return Object.freeze({
    ...options,
    ...(tags && { tags: [...tags] }),
    ...(loads && { loads: { ...loads } }),
    ...(memory && { memory: { ...memory } }),
    ...(compression && { compression: { ...compression } }),
    ...(timeouts && { timeouts: { ...timeouts } }),
  });
}
