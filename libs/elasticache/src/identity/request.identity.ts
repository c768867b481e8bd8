import { CacheContext, type Identity } from './cache.context.js';
import type { IdentitySource } from './identity.source.js';

/** On whose behalf the handler of a request runs, as it is asked around the interceptor that sees to it, or within. */
export class RequestIdentity {
  private readonly settled = new WeakSet<object>();

  constructor(private readonly source: IdentitySource) {}

  /** For all that runs within from now on. */
  settle(request: object): Identity | undefined {
    this.settled.add(request);
    return this.source(request);
  }

  /** What a middleware took him for counts where nothing else is known: so it will within. */
  of(request: object): Identity | undefined {
    const around = CacheContext.current();
    if (around !== undefined && this.settled.has(request)) return around;
    return this.source(request) ?? around;
  }
}
