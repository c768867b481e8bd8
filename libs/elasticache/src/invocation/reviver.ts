import { createRequire } from 'node:module';

import { CacheConfigurationError } from '../errors/cache.errors.js';

type Type = new (...args: never[]) => unknown;
type PlainToInstance = (type: Type, plain: unknown) => unknown;

/**
 * Turns plain data into instances of a class, arrays element by element; the identity without a
 * class. What is an instance already stays as it is.
 */
export function reviver(type: Type | undefined): (value: unknown) => unknown {
  if (type === undefined) return (value) => value;
  const plainToInstance = requireTransformer();
  return (value) => (value instanceof type ? value : plainToInstance(type, value));
}

function requireTransformer(): PlainToInstance {
  try {
    const { plainToInstance } = createRequire(import.meta.url)('class-transformer') as {
      plainToInstance: PlainToInstance;
    };
    return plainToInstance;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    const message =
      'reviving hits needs the package class-transformer; run: npm i class-transformer';
    throw new CacheConfigurationError([{ path: 'type', message }]);
  }
}
