import 'reflect-metadata';

import {
  type ExecutionContext,
  type NestInterceptor,
  type Type,
  type VersioningOptions,
  VersioningType,
} from '@nestjs/common';

import {
  NO_RESPONSE_CACHE,
  RESPONSE_KEY,
  RESPONSE_OPTIONS,
  RESPONSE_TTL,
} from './cache-response.decorator.js';
import { type CacheResponseOptions, responseDefaults } from './http.options.js';

/** What Nest's decorators leave on handlers and classes, by the names that Nest 11 and 12 share. */
const NEST = {
  headers: '__headers__',
  interceptors: '__interceptors__',
  path: 'path',
  passthrough: '__responsePassthrough__',
  arguments: '__routeArguments__',
  sse: '__sse__',
  version: '__version__',
} as const;

/** Kinds of parameters that hand the response over to the handler: `@Res()` and `@Next()`. */
const RESPONSE_PARAMETERS = ['1', '2'];

/** Everything about a route that holds for each of its requests. */
export interface RoutePlan {
  /** `ArticlesController.list`. */
  readonly method: string;
  /** The same, told from others of that name. */
  readonly label: string;
  /** `'cached'`; `'off'`: not to be cached; `'untouched'`: nobody knows when it answers. */
  readonly kind: 'cached' | 'off' | 'untouched';
  readonly options: CacheResponseOptions;
  readonly cacheName: string;
  readonly key: ((context: ExecutionContext) => unknown) | undefined;
  readonly ttl: ((context: ExecutionContext) => unknown) | undefined;
  /** Nothing is stored without a lifetime of the handler's. */
  readonly isByHandler: boolean;
  /** Fields of the request, declared or by which Nest chooses the version. */
  readonly vary: readonly string[];
  /** Fields that the route sets by `@Header`. */
  readonly decorated: ReadonlySet<string>;
  /** Fields that its responses were seen to vary on, beside those declared. */
  readonly learned: Set<string>;
  /** Whether interceptors of others stand around the cache's. */
  readonly hasOuter: boolean;
}

/** As Nest's contexts have it. */
export type Handler = ExecutionContext['getHandler'] extends () => infer H ? H : never;

export interface RouteSurroundings {
  /** Interceptors of the whole application, in their order. */
  readonly globals: readonly unknown[];
  /** Of this class are the interceptors that cache. */
  readonly own: Type<NestInterceptor>;
  /** Those that need not see a hit. */
  readonly transparent: readonly Type<NestInterceptor>[];
  /** Undefined where the application has no versions. */
  readonly versioning: VersioningOptions | undefined;
}

export function routePlan(type: Type, handler: Handler, around: RouteSurroundings): RoutePlan {
  const options = optionsOf(type, handler);
  const name = nameOf(type, handler);
  const method = `${type.name}.${name}`;
  const version = read<unknown>(NEST.version, type, handler);
  const named = [method, Reflect.getMetadata(NEST.path, type), version];
  const ttl = options.ttl ?? read<unknown>(RESPONSE_TTL, type, handler);
  const key = options.key ?? read<unknown>(RESPONSE_KEY, type, handler);
  const headers = (Reflect.getMetadata(NEST.headers, handler) ?? []) as { name: string }[];
  return {
    method,
    label: named
      .filter((part) => part !== undefined)
      .map(textOf)
      .join('@'),
    kind: kindOf(type, handler, name),
    options,
    cacheName: options.cacheName ?? responseDefaults.cacheName,
    key: asFunction(key),
    ttl: ttl === 'handler' ? undefined : asFunction(ttl),
    isByHandler: ttl === 'handler',
    vary: [...(options.vary ?? []), ...versionFields(version, around.versioning)].map((name) =>
      name.toLowerCase(),
    ),
    decorated: new Set(headers.map(({ name }) => name.toLowerCase())),
    learned: new Set(),
    hasOuter: hasOuter(type, handler, around),
  };
}

/** The handler's options over the controller's. */
export function optionsOf(type: Type, handler: Handler): CacheResponseOptions {
  return {
    ...(Reflect.getMetadata(RESPONSE_OPTIONS, type) as CacheResponseOptions | undefined),
    ...(Reflect.getMetadata(RESPONSE_OPTIONS, handler) as CacheResponseOptions | undefined),
  };
}

function kindOf(type: Type, handler: Handler, name: string): RoutePlan['kind'] {
  if (Reflect.getMetadata(NEST.sse, handler) || answersItself(type, name)) return 'untouched';
  return read(NO_RESPONSE_CACHE, type, handler) ? 'off' : 'cached';
}

/** Whether the handler has the response, and Nest does not answer after it. */
function answersItself(type: Type, name: string): boolean {
  const args = (Reflect.getMetadata(NEST.arguments, type, name) ?? {}) as object;
  const hasResponse = Object.keys(args).some((key) =>
    RESPONSE_PARAMETERS.includes(key.split(':', 1)[0]!),
  );
  return hasResponse && Reflect.getMetadata(NEST.passthrough, type, name) !== true;
}

/** Of a list, too, in which there may be a symbol: Nest's `VERSION_NEUTRAL`. */
function textOf(part: unknown): string {
  return [part].flat().map(String).join();
}

/** What tells the versions of one URL apart, of which a handler may answer several. */
function versionFields(version: unknown, versioning: VersioningOptions | undefined): string[] {
  if (versioning === undefined || (version ?? versioning.defaultVersion) === undefined) return [];
  if (versioning.type === VersioningType.HEADER) return [versioning.header];
  return versioning.type === VersioningType.MEDIA_TYPE ? ['accept'] : [];
}

/** As Nest calls it: a decorator may have put another function in its place, of another name or none. */
function nameOf(type: Type, handler: Handler): string {
  const named = [...methodsOf(type)].find(([, method]) => method === handler);
  return named?.[0] ?? handler.name;
}

/** All methods of a class by their names, inherited ones included. */
export function methodsOf(type: Type): Map<string, Handler> {
  const found = new Map<string, Handler>();
  for (let prototype: object = type.prototype; prototype !== Object.prototype;) {
    for (const name of Object.getOwnPropertyNames(prototype)) {
      const { value } = Object.getOwnPropertyDescriptor(prototype, name)!;
      const isMethod = typeof value === 'function' && name !== 'constructor';
      if (isMethod && !found.has(name)) found.set(name, value as Handler);
    }
    prototype = Object.getPrototypeOf(prototype) as object;
  }
  return found;
}

/** In Nest's order: the application's, the controller's, the handler's. */
function hasOuter(type: Type, handler: Handler, around: RouteSurroundings): boolean {
  const { globals, own, transparent } = around;
  const listed = [type, handler].flatMap(
    (owner) => (Reflect.getMetadata(NEST.interceptors, owner) ?? []) as unknown[],
  );
  // One that a factory did not make is left out by Nest.
  const all = [...globals, ...listed].filter((one) => one !== undefined && one !== null);
  const outer = all.slice(
    0,
    Math.max(
      0,
      all.findIndex((one) => isOf(own, one)),
    ),
  );
  return outer.some((one) => !transparent.some((kind) => isOf(kind, one)));
}

/** Whether an interceptor, as it was handed to Nest, is of that class: the class, one of its own, or an instance. */
function isOf(kind: Type<NestInterceptor>, one: unknown): boolean {
  if (typeof one !== 'function') return one instanceof kind;
  return one === kind || one.prototype instanceof kind;
}

/** The handler's, else the controller's. */
export function read<T>(name: string, type: Type, handler: Handler): T | undefined {
  return (Reflect.getMetadata(name, handler) ?? Reflect.getMetadata(name, type)) as T | undefined;
}

function asFunction(value: unknown): ((context: ExecutionContext) => unknown) | undefined {
  if (value === undefined) return undefined;
  return typeof value === 'function'
    ? (value as (context: ExecutionContext) => unknown)
    : () => value;
}
