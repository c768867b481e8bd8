import 'reflect-metadata';

import type { CacheConfigOptions, CacheOperation } from './cache.operation.js';

/** A decorated method: its operations in the order they were written, and what was there before the wrapper. */
export interface CachedMethod {
  /** Unique in the process: what an invoker files its plans under. */
  readonly id: number;
  readonly name: string;
  /** The prototype that declares it. */
  readonly target: object;
  readonly key: string | symbol;
  readonly original: (...args: unknown[]) => unknown;
  readonly operations: readonly CacheOperation[];
}

const METHODS = Symbol('nestjs-elasticache:methods');
const CONFIG = Symbol('nestjs-elasticache:config');

type Methods = Map<string | symbol, CachedMethod & { operations: CacheOperation[] }>;

/** Files one operation; answers with the method, and whether it is the method's first. */
export function recordOperation(
  method: Omit<CachedMethod, 'operations'>,
  operation: CacheOperation,
): { method: CachedMethod; isFirst: boolean } {
  const methods = ownMethods(method.target) ?? new Map();
  Reflect.defineMetadata(METHODS, methods, method.target);
  const known = methods.get(method.key);
  const recorded = known ?? { ...method, operations: [] };
  // Decorators apply from the bottom up; the list is in the order of the source.
  recorded.operations.unshift(Object.freeze(operation));
  methods.set(method.key, recorded);
  return { method: recorded, isFirst: known === undefined };
}

/** The decorated methods of a class as an instance has them: an override without decorator hides what it overrides. */
export function cachedMethodsOf(type: { prototype: object }): CachedMethod[] {
  const seen = new Set<string | symbol>();
  const found: CachedMethod[] = [];
  for (
    let prototype: object | null = type.prototype;
    prototype !== null && prototype !== Object.prototype;
    prototype = Object.getPrototypeOf(prototype) as object | null
  ) {
    for (const key of Reflect.ownKeys(prototype)) {
      const method = ownMethods(prototype)?.get(key);
      if (method !== undefined && !seen.has(key)) found.push(method);
      seen.add(key);
    }
  }
  return found;
}

export function recordConfig(type: object, config: CacheConfigOptions): void {
  Reflect.defineMetadata(CONFIG, Object.freeze({ ...config }), type);
}

/** The class's own `@CacheConfig`, else that of the nearest class it extends. */
export function configOf(type: object): CacheConfigOptions {
  return (Reflect.getMetadata(CONFIG, type) as CacheConfigOptions | undefined) ?? {};
}

/** The class the compiler says the method returns; undefined where it says nothing. */
export function returnTypeOf({ target, key }: CachedMethod): unknown {
  return Reflect.getMetadata('design:returntype', target, key);
}

/** How many parameters a call may give: those without a default first, then all the compiler tells of. */
export function arityOf({ target, key, original }: CachedMethod): { min: number; max: number } {
  const types = Reflect.getMetadata('design:paramtypes', target, key) as unknown[] | undefined;
  return { min: original.length, max: Math.max(original.length, types?.length ?? 0) };
}

function ownMethods(prototype: object): Methods | undefined {
  return Reflect.getOwnMetadata(METHODS, prototype) as Methods | undefined;
}
