import 'reflect-metadata';

import type { Type } from '@nestjs/common';

import type { Fault } from '../errors/catalogue.js';
import { faultsIn } from '../invocation/option.rules.js';
import { parseDuration } from '../time/duration.js';
import { RESPONSE_KEY, RESPONSE_OPTIONS, RESPONSE_TTL } from './cache-response.decorator.js';
import { responseDefaults, responseRules } from './http.options.js';
import { type Handler, optionsOf, read } from './route.plan.js';

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
  const handlers = handlersOf(type).filter((handler) => isDecorated(type, handler));
  return [
    ...ofClass,
    ...handlers.flatMap((handler) => {
      const at = `${type.name}.${handler.name}`;
      return [
        ...optionFaults(handler, `@CacheResponse on ${at}`),
        ...ttlFaults(type, handler),
        ...scopeFaults(type, handler, conditions),
        ...cacheFaults(type, handler, conditions),
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

function ttlFaults(type: Type, handler: Handler): Fault[] {
  const ttl = read<unknown>(RESPONSE_TTL, type, handler);
  if (ttl === undefined || typeof ttl === 'function' || parseDuration(ttl) !== undefined) return [];
  const message = "takes a positive duration, such as 5000 or '5s', or a function";
  return [{ path: `@CacheTTL on ${type.name}.${handler.name}`, message }];
}

function scopeFaults(type: Type, handler: Handler, conditions: RouteConditions): Fault[] {
  const { scope } = optionsOf(type, handler);
  const { hasIdentity, hasTenants } = conditions;
  const isMissing =
    (scope === 'user' && !hasIdentity) || (scope === 'tenant' && !hasIdentity && !hasTenants);
  if (!isMissing) return [];
  const message = `'${scope}' needs to know who is asking: set the option identity of forRoot`;
  return [{ path: `@CacheResponse on ${type.name}.${handler.name}: scope`, message }];
}

function cacheFaults(type: Type, handler: Handler, { isKnown }: RouteConditions): Fault[] {
  const { cacheName = responseDefaults.cacheName } = optionsOf(type, handler);
  if (typeof cacheName !== 'string' || isKnown(cacheName)) return [];
  const message = `caches in '${cacheName}', which nobody configured, and dynamicCaches is false: add it to forRoot({ caches })`;
  return [{ path: `${type.name}.${handler.name}`, message }];
}

function isDecorated(type: Type, handler: Handler): boolean {
  return [RESPONSE_OPTIONS, RESPONSE_TTL, RESPONSE_KEY].some(
    (name) => read(name, type, handler) !== undefined,
  );
}

function handlersOf(type: Type): Handler[] {
  const found = new Map<string, Handler>();
  for (let prototype: object = type.prototype; prototype !== Object.prototype;) {
    for (const name of Object.getOwnPropertyNames(prototype)) {
      const { value } = Object.getOwnPropertyDescriptor(prototype, name)!;
      const isRoute = typeof value === 'function' && Reflect.hasMetadata(PATH, value as object);
      if (isRoute && name !== 'constructor' && !found.has(name)) found.set(name, value as Handler);
    }
    prototype = Object.getPrototypeOf(prototype) as object;
  }
  return [...found.values()];
}
