import type { CacheEvictOptions } from '../invocation/cache.operation.js';
import type { FittingDecorator } from './fit.js';
import { namedOptions, recording } from './operation.decorator.js';

/**
 * Removes what the method made untrue: one entry, those of a pattern, those that bear a tag, or all.
 * After the method unless `beforeInvocation`; not at all if it throws. Also after a hit skipped the
 * method. (Spring: `@CacheEvict`.)
 *
 * It has to follow the commit: whoever misses between an eviction and the commit stores the old row
 * again. So put it *above* a `@Transactional` decorator: the upper of two decorators is the outer
 * one, and the transaction is over before the eviction begins. (The same goes for `@CachePut`.) Where
 * a caller opens the transaction, wrap that in `CacheTransaction.run`.
 *
 * In a strict cache the entry is removed before the method, too.
 *
 * @throws CacheError from the call, where an option function fails before the method: it does not run
 * @throws CacheUnavailableError in strict mode, where the eviction could not be prepared: the method
 *   did not run; and under `onEvictFailure: 'throw'`, where it was not acknowledged: it did
 * @example
 * @CacheEvict('articles', { key: (id: number) => id })
 * @Transactional()
 * remove(id: number): Promise<void> { … }
 */
export function CacheEvict(
  cacheNames?: string | readonly string[],
): FittingDecorator<'evict', object>;
export function CacheEvict<const O extends CacheEvictOptions>(
  cacheNames: string | readonly string[],
  options: O,
): FittingDecorator<'evict', O>;
export function CacheEvict<const O extends CacheEvictOptions>(
  options: O,
): FittingDecorator<'evict', O>;
export function CacheEvict(
  cacheNames?: string | readonly string[] | CacheEvictOptions,
  options?: CacheEvictOptions,
): FittingDecorator<'evict', object> {
  return recording({ kind: 'evict', options: namedOptions(cacheNames, options) });
}
