import { type ExecutionContext, SetMetadata } from '@nestjs/common';

import type { Duration } from '../time/duration.js';
import type { CacheResponseOptions } from './http.options.js';

export const RESPONSE_OPTIONS = 'nestjs-elasticache:response';
export const RESPONSE_TTL = 'nestjs-elasticache:response-ttl';
export const RESPONSE_KEY = 'nestjs-elasticache:response-key';
export const NO_RESPONSE_CACHE = 'nestjs-elasticache:no-response-cache';

type RouteDecorator = MethodDecorator & ClassDecorator;

/**
 * How {@link CacheInterceptor} caches a route, or all routes of a controller.
 *
 * @throws CacheConfigurationError when the application starts, for options that cannot be
 * @example
 * @Get() @CacheResponse({ ttl: '60s', vary: ['accept-language'], tags: ['articles'] })
 */
export function CacheResponse(options: CacheResponseOptions = {}): RouteDecorator {
  return SetMetadata(RESPONSE_OPTIONS, options);
}

/**
 * The lifetime alone: milliseconds, text, or a function of the request, as in `@nestjs/cache-manager`.
 *
 * @example
 * @Get(':id') @CacheTTL('5m')
 */
export function CacheTTL(
  ttl: Duration | ((context: ExecutionContext) => Duration | Promise<Duration>),
): RouteDecorator {
  return SetMetadata(RESPONSE_TTL, ttl);
}

/**
 * The key instead of host, path and query, as in `@nestjs/cache-manager`. Where a function answers
 * with undefined the request passes uncached.
 *
 * @example
 * @Get('motd') @CacheKey('message-of-the-day')
 */
export function CacheKey(
  key: string | ((context: ExecutionContext) => string | undefined | Promise<string | undefined>),
): RouteDecorator {
  return SetMetadata(RESPONSE_KEY, key);
}

/**
 * Nothing of this route, or of this controller, is cached.
 *
 * @example
 * @Get('live') @NoCache()
 */
export function NoCache(): RouteDecorator {
  return SetMetadata(NO_RESPONSE_CACHE, true);
}
