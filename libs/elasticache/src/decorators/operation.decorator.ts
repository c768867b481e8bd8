import { CacheConfigurationError } from '../errors/cache.errors.js';
import type { CacheOperation, OperationOptions } from '../invocation/cache.operation.js';
import { decorate } from '../invocation/method.wrapper.js';

/** `@Cacheable('articles', options)` and `@Cacheable({ cacheNames: 'articles', … })` say the same. */
export function namedOptions<O extends OperationOptions>(
  cacheNames: string | readonly string[] | O | undefined,
  options: O | undefined,
): O {
  const isNames = typeof cacheNames === 'string' || Array.isArray(cacheNames);
  if (!isNames) return Object.freeze({ ...(cacheNames as O | undefined), ...options } as O);
  if (options?.cacheNames !== undefined) {
    const message = 'names its caches twice: before the options and in them';
    throw new CacheConfigurationError([{ path: `cacheNames: ${String(cacheNames)}`, message }]);
  }
  return Object.freeze({ ...options, cacheNames } as unknown as O);
}

/** Records the operations in the order given, as if each had a decorator of its own. */
export function recording(...operations: readonly CacheOperation[]) {
  return (...at: readonly unknown[]): void => {
    const place = at as [object, string | symbol, PropertyDescriptor | undefined];
    for (const operation of [...operations].reverse()) decorate(operation, place);
  };
}
