import { CacheConfigurationError } from '../errors/cache.errors.js';
import type {
  CacheOperation,
  CacheableOptions,
  CacheEvictOptions,
  CachePutOptions,
} from '../invocation/cache.operation.js';
import type { FittingAll } from './fit.js';
import { namedOptions, recording } from './operation.decorator.js';

/** The members of `@Caching`, named after the kinds of operation they hold. */
const kinds = ['cacheable', 'put', 'evict'] as const;

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
  const unknown = Object.keys(operations).filter(
    (name) => !(kinds as readonly string[]).includes(name),
  );
  if (unknown.length > 0) {
    const message = `knows cacheable, put and evict, but not ${unknown.join(', ')}`;
    throw new CacheConfigurationError([{ path: '@Caching', message }]);
  }
  return recording(
    ...kinds.flatMap((kind) =>
      (operations[kind] ?? []).map(
        (options) => ({ kind, options: namedOptions(undefined, options) }) as CacheOperation,
      ),
    ),
  );
}
