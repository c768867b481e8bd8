import type { CachePutOptions } from '../invocation/cache.operation.js';
import type { StoringDecorator } from './fit.js';
import { namedOptions, recording } from './operation.decorator.js';

/**
 * Always runs the method and stores its result, replacing what was there. (Spring: `@CachePut`.)
 *
 * @throws CacheError from the call, where an option function fails before the method: it does not run
 * @example
 * @CachePut('articles', { key: fromResult((article: Article) => article.id) })
 * create(draft: Draft): Promise<Article> { … }
 */
export function CachePut(cacheNames?: string | readonly string[]): StoringDecorator<'put', object>;
export function CachePut<const O extends CachePutOptions>(
  cacheNames: string | readonly string[],
  options: O,
): StoringDecorator<'put', O>;
export function CachePut<const O extends CachePutOptions>(options: O): StoringDecorator<'put', O>;
export function CachePut(
  cacheNames?: string | readonly string[] | CachePutOptions,
  options?: CachePutOptions,
): unknown {
  return recording({ kind: 'put', options: namedOptions(cacheNames, options) });
}
