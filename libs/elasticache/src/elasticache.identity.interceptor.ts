import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { Observable } from 'rxjs';

import { CacheContext } from './identity/cache.context.js';
import type { RequestIdentity } from './identity/request.identity.js';

/**
 * Runs the handlers of HTTP requests on behalf of who is asking. An interceptor, since these come
 * after the guards: what they let pass is verified.
 */
export class IdentityInterceptor implements NestInterceptor {
  constructor(private readonly identities: RequestIdentity) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'http') return next.handle();
    const identity = this.identities.settle(context.switchToHttp().getRequest<object>());
    if (identity === undefined) return next.handle();
    return new Observable((subscriber) =>
      CacheContext.run(identity, () => next.handle().subscribe(subscriber)),
    );
  }
}
