import { recordConfig } from '../invocation/cache.metadata.js';
import type { CacheConfigOptions } from '../invocation/cache.operation.js';

/**
 * What the cache operations of a class start from; what an operation says itself wins. A subclass's
 * own applies to inherited methods, too. It caches nothing by itself. (Spring: `@CacheConfig`.)
 *
 * @example
 * @CacheConfig({ cacheNames: 'articles' })
 * class ArticlesService { @Cacheable() findOne(id: number): Promise<Article> { … } }
 */
export function CacheConfig(config: CacheConfigOptions): ClassDecorator {
  return (type) => recordConfig(type, config);
}
