import type {
  CacheableOptions,
  CacheEvictOptions,
  CachePutOptions,
} from '../invocation/cache.operation.js';
import type { FittingAll } from './fit.js';
import { namedOptions, recording } from './operation.decorator.js';

/** Operations for one method, any number of each kind; each names its caches, or the class does. */
export interface CachingOptions {
  readonly cacheable?: readonly CacheableOptions[];
  readonly put?: readonly CachePutOptions[];
  readonly evict?: readonly CacheEvictOptions[];
}

/**
 * Several operations on one method, beside those of its other decorators. (Spring: `@Caching`.)
 * Their order does not matter: see `docs/reference/decorators.md`.
 *
 * @example
 * @Caching({ evict: [{ cacheNames: 'articles', key: (id: number) => id }, { cacheNames: 'lists', allEntries: true }] })
 * update(id: number, change: Change): Promise<Article> { … }
 */
export function Caching<const O extends CachingOptions>(operations: O): FittingAll<O> {
  const { cacheable = [], put = [], evict = [] } = operations;
  return recording(
    ...cacheable.map((options) => ({
      kind: 'cacheable' as const,
      options: namedOptions(undefined, options),
    })),
    ...put.map((options) => ({ kind: 'put' as const, options: namedOptions(undefined, options) })),
    ...evict.map((options) => ({
      kind: 'evict' as const,
      options: namedOptions(undefined, options),
    })),
  );
}
