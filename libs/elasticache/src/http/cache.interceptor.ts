import {
  type CallHandler,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
} from '@nestjs/common';
import type { Observable } from 'rxjs';

import { RESPONSE_CACHING_TOKEN } from '../elasticache.tokens.js';
import type { ResponseCaching } from './response.caching.js';

/**
 * Caches what controllers answer, on Express and Fastify, by the rules of RFC 9111 for a shared
 * cache. Responses to requests with `Cookie` or `Authorization` are shared with nobody unless the
 * route says whose they are. Other contexts - RPC, WebSockets, GraphQL - pass untouched.
 *
 * @example
 * @UseInterceptors(CacheInterceptor)
 * @Controller('articles')
 * class ArticlesController {}
 *
 * @example
 * providers: [{ provide: APP_INTERCEPTOR, useClass: CacheInterceptor }]
 */
@Injectable()
export class CacheInterceptor implements NestInterceptor {
  constructor(
    @Inject(RESPONSE_CACHING_TOKEN) private readonly caching: ResponseCaching | undefined,
  ) {}

  /** Called by Nest. */
  intercept(
    context: ExecutionContext,
    next: CallHandler,
  ): Observable<unknown> | Promise<Observable<unknown>> {
    const { caching } = this;
    if (caching === undefined || context.getType() !== 'http') return next.handle();
    return caching.intercept(context, next);
  }
}
