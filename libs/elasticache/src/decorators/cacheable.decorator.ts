import type { CacheableOptions } from '../invocation/cache.operation.js';
import type { StoringDecorator } from './fit.js';
import { namedOptions, recording } from './operation.decorator.js';

/**
 * Reads through the cache: the method runs on a miss, and its result is stored. Null and undefined
 * are results; an exception is not. Concurrent calls for one key in one process run the method once.
 * (Spring: `@Cacheable`, with `sync` always on.)
 *
 * The method returns a Promise or an Observable. Put it above `@Transactional`-like decorators.
 * A failure of the cache does not fail the call: see `errorHandler`.
 *
 * @throws CacheError from the call, where `key`, `condition` or `cacheResolver` fails: the method does not run
 * @example
 * @Cacheable('articles', { key: (id: number) => id, ttl: '5m' })
 * findOne(id: number): Promise<Article> { … }
 */
export function Cacheable(
  cacheNames?: string | readonly string[],
): StoringDecorator<'cacheable', object>;
export function Cacheable<const O extends CacheableOptions>(
  cacheNames: string | readonly string[],
  options: O,
): StoringDecorator<'cacheable', O>;
export function Cacheable<const O extends CacheableOptions>(
  options: O,
): StoringDecorator<'cacheable', O>;
export function Cacheable(
  cacheNames?: string | readonly string[] | CacheableOptions,
  options?: CacheableOptions,
): unknown {
  return recording({ kind: 'cacheable', options: namedOptions(cacheNames, options) });
}
