import type { Type } from '@nestjs/common';
import { type DiscoveryService } from '@nestjs/core';

import { ElastiCacheCore } from './elasticache.providers.js';
import { CacheConfigurationError } from './errors/cache.errors.js';
import type { Fault } from './errors/catalogue.js';
import { routeFaults } from './http/route.faults.js';
import {
  arityOf,
  type CachedMethod,
  cachedMethodsOf,
  configOf,
} from './invocation/cache.metadata.js';
import { FromResult } from './invocation/cache.operation.js';
import { cacheNamesOf, faultsOf, whereOf } from './invocation/method.plan.js';
import { configRules } from './invocation/operation.rules.js';
import { faultsIn } from './invocation/option.rules.js';

interface DecoratedMethod {
  readonly type: object;
  readonly method: CachedMethod;
}

/**
 * Looks at every decorated method of the application before its first call.
 *
 * @throws CacheConfigurationError with every fault of `forFeature` and of the decorators, at once
 */
export async function inspect(
  discovery: DiscoveryService,
  core: ElastiCacheCore,
  warn: (message: string) => void,
): Promise<void> {
  const decorated = decoratedMethods(discovery);
  const faults = [
    ...core.featureFaults(),
    ...configFaults(decorated),
    ...rootFaults(discovery),
    ...controllerFaults(discovery, core),
  ];
  for (const { type, method } of decorated) {
    const own = [
      ...faultsOf(method, type),
      ...unknownCaches(method, type, core),
      ...unguardedTags(method, type, core),
      ...patternsOfSecrets(method, type, core),
    ];
    faults.push(...own);
    if (own.length === 0) faults.push(...(await preparationFaults(method, type, core)));
  }
  if (faults.length > 0) throw new CacheConfigurationError(faults);
  for (const warning of core.hasKeyGenerator ? [] : sharedDefaultKeys(decorated)) warn(warning);
}

async function preparationFaults(
  method: CachedMethod,
  type: object,
  core: ElastiCacheCore,
): Promise<readonly Fault[]> {
  try {
    await core.caching?.prepare(method, type);
    return [];
  } catch (error) {
    if (error instanceof CacheConfigurationError) return error.faults;
    throw error;
  }
}

/** `@CacheConfig` of each class whose methods are decorated. */
function configFaults(decorated: readonly DecoratedMethod[]): Fault[] {
  const types = new Set(decorated.map(({ type }) => type));
  return [...types].flatMap((type) => {
    const at = `@CacheConfig on ${(type as { name: string }).name}`;
    return faultsIn(configOf(type), configRules).map(({ path, message }) => ({
      path: `${at}: ${path}`,
      message,
    }));
  });
}

function rootFaults(discovery: DiscoveryService): Fault[] {
  const cores = discovery.getProviders().filter(({ token }) => token === ElastiCacheCore);
  const message = 'is imported more than once: an application has one, with several caches';
  return cores.length > 1 ? [{ path: 'ElastiCacheModule.forRoot()', message }] : [];
}

function controllerFaults(discovery: DiscoveryService, core: ElastiCacheCore): Fault[] {
  const types = new Set(
    discovery
      .getControllers()
      .flatMap(({ metatype }) =>
        typeof metatype === 'function' && metatype.prototype ? [metatype as Type] : [],
      ),
  );
  return [...types].flatMap((type) => routeFaults(type, core.routeConditions));
}

function decoratedMethods(discovery: DiscoveryService): DecoratedMethod[] {
  const types = new Set(
    [...discovery.getProviders(), ...discovery.getControllers()].flatMap(({ metatype }) =>
      typeof metatype === 'function' && metatype.prototype ? [metatype] : [],
    ),
  );
  return [...types].flatMap((type) =>
    cachedMethodsOf(type as { prototype: object }).map((method) => ({ type, method })),
  );
}

function unknownCaches(method: CachedMethod, type: object, core: ElastiCacheCore): Fault[] {
  const names = new Set(
    method.operations.flatMap(({ options }) =>
      options.cacheResolver ? [] : cacheNamesOf(options, configOf(type)),
    ),
  );
  return [...names]
    .filter((name) => !core.isKnown(name))
    .map((name) => ({
      path: whereOf(method, type),
      message: `names the cache '${name}', which nobody configured, and dynamicCaches is false: add it to forRoot({ caches })`,
    }));
}

/** In strict mode tags that only the result names are guarded by guarding the caches that bear them: so these must be named. */
function unguardedTags(method: CachedMethod, type: object, core: ElastiCacheCore): Fault[] {
  if (!core.isAnyStrict) return [];
  const isUnguarded = method.operations.some(
    ({ kind, options }) =>
      kind === 'evict' &&
      options.tags instanceof FromResult &&
      (options.cacheResolver ?? configOf(type).cacheResolver) === undefined &&
      cacheNamesOf(options, configOf(type)).length === 0,
  );
  const message =
    'evicts tags that only the result names, in strict mode: give cacheNames, the caches that bear them';
  return isUnguarded ? [{ path: whereOf(method, type), message }] : [];
}

/** A pattern would find nothing among keys that cannot be read. */
function patternsOfSecrets(method: CachedMethod, type: object, core: ElastiCacheCore): Fault[] {
  const hasPattern = method.operations.some(
    ({ kind, options }) => kind === 'evict' && options.pattern !== undefined,
  );
  if (core.hasReadableKeys || !hasPattern) return [];
  const message =
    'evicts by a pattern, which finds nothing among the keys that keys.secret makes: evict by key or by tag';
  return [{ path: whereOf(method, type), message }];
}

/** Methods whose default keys may be equal on one cache: as in Spring, the method's name is no part of the key. */
function sharedDefaultKeys(decorated: readonly DecoratedMethod[]): string[] {
  const defaultKeyed = decorated.flatMap(({ type, method }) =>
    method.operations.flatMap(({ kind, options }) => {
      const config = configOf(type);
      const hasDefaultKey =
        kind === 'cacheable' &&
        options.key === undefined &&
        (options.keyGenerator ?? config.keyGenerator) === undefined &&
        (options.cacheResolver ?? config.cacheResolver) === undefined;
      if (!hasDefaultKey) return [];
      const { min, max } = arityOf(method);
      return cacheNamesOf(options, config).map((cache) => ({ cache, method, type, min, max }));
    }),
  );
  return defaultKeyed.flatMap((a, i) =>
    defaultKeyed.slice(i + 1).flatMap((b) => {
      const areOverlapping = a.min <= b.max && b.min <= a.max;
      if (a.cache !== b.cache || a.method === b.method || !areOverlapping) return [];
      return [
        `${whereOf(a.method, a.type)} and ${whereOf(b.method, b.type)} both cache in '${a.cache}' under their ` +
          'arguments alone, and may read each other’s entries: give one of them a key, or a cache of its own.',
      ];
    }),
  );
}
