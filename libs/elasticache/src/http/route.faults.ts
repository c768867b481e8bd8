import 'reflect-metadata';

import type { Type } from '@nestjs/common';

import type { Fault } from '../errors/catalogue.js';
import { faultsIn } from '../invocation/option.rules.js';
import { parseDuration } from '../time/duration.js';
import { RESPONSE_KEY, RESPONSE_OPTIONS, RESPONSE_TTL } from './cache-response.decorator.js';
import { type CacheResponseOptions, responseDefaults, responseRules } from './http.options.js';
import { type Handler, methodsOf, optionsOf, read } from './route.plan.js';

/** What Nest's `@Get()` and its like leave on a handler. */
const PATH = 'path';

/** What routes may count on. */
export interface RouteConditions {
  /** Something says who is asking. */
  readonly hasIdentity: boolean;
  readonly hasTenants: boolean;
  readonly isKnown: (cacheName: string) => boolean;
}

/** Everything wrong with the caching of a controller's routes. */
export function routeFaults(type: Type, conditions: RouteConditions): Fault[] {
  const ofClass = optionFaults(type, `@CacheResponse on ${type.name}`);
  const handlers = [...methodsOf(type)].filter(
    ([, handler]) => Reflect.hasMetadata(PATH, handler) && isDecorated(type, handler),
  );
  return [
    ...ofClass,
    ...handlers.flatMap(([name, handler]) => {
      const at = `${type.name}.${name}`;
      return [
        ...optionFaults(handler, `@CacheResponse on ${at}`),
        ...ttlFaults(at, read(RESPONSE_TTL, type, handler)),
        ...scopeFaults(at, optionsOf(type, handler), conditions),
        ...cacheFaults(at, optionsOf(type, handler), conditions),
      ];
    }),
  ];
}

function optionFaults(owner: object, path: string): Fault[] {
  const own: unknown = Reflect.getMetadata(RESPONSE_OPTIONS, owner);
  if (own === undefined) return [];
  return faultsIn(own, responseRules).map((fault) => ({
    ...fault,
    path: `${path}: ${fault.path}`,
  }));
}

function ttlFaults(at: string, ttl: unknown): Fault[] {
  if (ttl === undefined || typeof ttl === 'function' || parseDuration(ttl) !== undefined) return [];
  const message = "takes a positive duration, such as 5000 or '5s', or a function";
  return [{ path: `@CacheTTL on ${at}`, message }];
}

function scopeFaults(
  at: string,
  { scope }: CacheResponseOptions,
  conditions: RouteConditions,
): Fault[] {
  const { hasIdentity, hasTenants } = conditions;
  const isMissing =
    (scope === 'user' && !hasIdentity) || (scope === 'tenant' && !hasIdentity && !hasTenants);
  if (!isMissing) return [];
  const message = `'${scope}' needs to know who is asking: set the option identity of forRoot`;
  return [{ path: `@CacheResponse on ${at}: scope`, message }];
}

function cacheFaults(
  at: string,
  { cacheName = responseDefaults.cacheName }: CacheResponseOptions,
  { isKnown }: RouteConditions,
): Fault[] {
  if (typeof cacheName !== 'string' || isKnown(cacheName)) return [];
  const message = `caches in '${cacheName}', which nobody configured, and dynamicCaches is false: add it to forRoot({ caches })`;
  return [{ path: at, message }];
}

function isDecorated(type: Type, handler: Handler): boolean {
  return [RESPONSE_OPTIONS, RESPONSE_TTL, RESPONSE_KEY].some(
    (name) => read(name, type, handler) !== undefined,
  );
}
