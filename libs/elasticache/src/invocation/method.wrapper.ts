import { Inject } from '@nestjs/common';

import { CACHE_INVOKER, CACHE_INVOKER_TOKEN } from '../elasticache.tokens.js';
import { CacheConfigurationError } from '../errors/cache.errors.js';
import { type CachedMethod, recordOperation } from './cache.metadata.js';
import { type CacheOperation, decoratorNames } from './cache.operation.js';

/** What the container gives every decorated instance: it runs the method with its operations around it. */
export interface CacheInvoker {
  call(method: CachedMethod, self: object, args: unknown[]): unknown;
}

type Method = (this: object, ...args: unknown[]) => unknown;

let methods = 0;

/** Records the operation; the first one of a method installs the wrapper, and with it the way to the container. */
export function decorate(
  operation: CacheOperation,
  [target, key, descriptor]: [object, string | symbol, PropertyDescriptor | undefined],
): void {
  const original = methodOf(operation, [target, key, descriptor]);
  const id = methods++;
  const { method, isFirst } = recordOperation(
    { id, name: String(key), target, key, original },
    operation,
  );
  if (!isFirst) return;
  // A hidden injected property, not a global: several applications in one process share nothing.
  Inject(CACHE_INVOKER_TOKEN)(target, CACHE_INVOKER);
  descriptor!.value = wrap(method);
}

function wrap(method: CachedMethod): Method {
  const { original } = method;
  // The name stays readable in stack traces; a class field or `new` outside Nest has no invoker.
  const wrapper = function (
    this: { [CACHE_INVOKER]?: CacheInvoker } | undefined,
    ...args: unknown[]
  ) {
    const invoker = this?.[CACHE_INVOKER];
    return invoker === undefined
      ? original.apply(this, args)
      : invoker.call(method, this as object, args);
  };
  for (const name of ['name', 'length'] as const) {
    Object.defineProperty(wrapper, name, { value: original[name], configurable: true });
  }
  // Routes, guards and Swagger read their metadata from the function.
  for (const name of Reflect.getOwnMetadataKeys(original)) {
    Reflect.defineMetadata(name, Reflect.getOwnMetadata(name, original), wrapper);
  }
  return wrapper as Method;
}

function methodOf(
  { kind }: CacheOperation,
  [target, key, descriptor]: [unknown, unknown, PropertyDescriptor | undefined],
): CachedMethod['original'] {
  const decorator = decoratorNames[kind];
  if (typeof key === 'object' && key !== null && 'kind' in key) {
    throw misuse(
      decorator,
      'standard decorators are not supported: set experimentalDecorators and emitDecoratorMetadata in tsconfig.json',
    );
  }
  if (key === undefined) {
    throw misuse(`${decorator} on ${ownerOf(target)}`, 'decorates methods: see @CacheConfig');
  }
  const where = `${decorator} on ${ownerOf(target)}.${String(key)}`;
  if (typeof target === 'function') {
    throw misuse(where, 'a static method has no instance to inject into');
  }
  if (typeof descriptor?.value !== 'function') {
    throw misuse(where, 'only methods can be cached: not accessors, properties or arrow functions');
  }
  return descriptor.value as CachedMethod['original'];
}

function misuse(path: string, message: string): CacheConfigurationError {
  return new CacheConfigurationError([{ path, message }]);
}

function ownerOf(target: unknown): string {
  const type = typeof target === 'function' ? target : (target as object).constructor;
  return type.name;
}
