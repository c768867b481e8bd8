import type { CacheableManyOptions } from '../invocation/cache.operation.js';
import type { FittingDecorator } from './fit.js';
import { namedOptions, recording } from './operation.decorator.js';

/**
 * Reads a batch through the cache: one entry per element of the first parameter, all looked up in
 * one round trip; the method runs once, with the elements that are missing, and not at all when
 * none is. Its results come in the order of its argument, null where there is none.
 *
 * Entries are shared with a `@Cacheable` on the same cache and keys.
 *
 * @throws CacheError from the call, where the method answers with another number of results, or reorders its batch
 * @example
 * @CacheableMany('articles', { keys: (ids: number[]) => ids })
 * findMany(ids: number[]): Promise<(Article | null)[]> { … }
 */
export function CacheableMany(
  cacheNames?: string | readonly string[],
): FittingDecorator<'many', object>;
export function CacheableMany<const O extends CacheableManyOptions>(
  cacheNames: string | readonly string[],
  options: O,
): FittingDecorator<'many', O>;
export function CacheableMany<const O extends CacheableManyOptions>(
  options: O,
): FittingDecorator<'many', O>;
export function CacheableMany(
  cacheNames?: string | readonly string[] | CacheableManyOptions,
  options?: CacheableManyOptions,
): FittingDecorator<'many', object> {
  return recording({ kind: 'many', options: namedOptions(cacheNames, options) });
}
