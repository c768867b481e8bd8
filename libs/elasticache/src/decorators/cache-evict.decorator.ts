import type { CacheEvictOptions } from '../invocation/cache.operation.js';
import type { FittingDecorator } from './fit.js';
import { namedOptions, recording } from './operation.decorator.js';

/**
 * Removes what the method made untrue: one entry, those of a pattern, or all. After the method
 * unless `beforeInvocation`; not at all if it throws. Also after a hit skipped the method.
 * (Spring: `@CacheEvict`.)
 *
 * Put it above `@Transactional`-like decorators, so that it follows the commit.
 *
 * @throws CacheError from the call, where an option function fails before the method: it does not run
 * @example
 * @CacheEvict('articles', { key: (id: number) => id })
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
