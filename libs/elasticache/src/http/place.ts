import type { ExecutionContext } from '@nestjs/common';

import type { CacheFamily } from '../cache/cache.family.js';
import type { NamedCache } from '../cache/named.cache.js';
import { CacheError } from '../errors/cache.errors.js';
import { CacheContext, type Identity } from '../identity/cache.context.js';
import type { RequestIdentity } from '../identity/request.identity.js';
import { ScopeResolver, type TenancyOptions } from '../identity/scope.resolver.js';
import type { ResponseScope } from './http.options.js';

/** Where the responses to one request are kept, and whose they are. */
export interface Place {
  readonly cache: NamedCache;
  /** A part of the key. */
  readonly scope: string;
  /** Caches of others must not give it to anybody else. */
  readonly isPrivate: boolean;
  /** One user's alone. */
  readonly isUsers: boolean;
  /** The route says whose it is, so credentials do not matter. */
  readonly isDeclared: boolean;
}

export interface Places {
  readonly tenancy: TenancyOptions | undefined;
  readonly identity: RequestIdentity | undefined;
}

/**
 * Finds the place by who is asking: on whose behalf the handler runs.
 * What is private to a tenant is in a cache of its own; a user, and what a function names, are
 * parts of the key.
 */
export class PlaceFinder {
  private readonly scopes: ScopeResolver;
  private readonly hasTenants: boolean;
  /** Of caches that are everybody's. */
  private readonly opens = new WeakMap<CacheFamily, Place>();

  constructor(private readonly places: Places) {
    this.hasTenants = places.tenancy !== undefined;
    // A request whose scope is unknown passes uncached: nothing to throw about.
    this.scopes = new ScopeResolver({ ...places.tenancy, required: false });
  }

  /** Undefined where the scope is unknown. */
  find(
    family: CacheFamily,
    scope: ResponseScope | undefined,
    context: ExecutionContext,
  ): Place | undefined {
    if (scope === undefined && family.only !== undefined) return this.open(family, family.only);
    if (scope === 'public') return placeOf(family.inScope({}), { isDeclared: true });
    return this.within(context, () => this.ownPlace(family, scope, context));
  }

  private open(family: CacheFamily, only: NamedCache): Place {
    let place = this.opens.get(family);
    if (place === undefined) this.opens.set(family, (place = placeOf(only)));
    return place;
  }

  private ownPlace(
    family: CacheFamily,
    scope: Exclude<ResponseScope, 'public'> | undefined,
    context: ExecutionContext,
  ): Place | undefined {
    const tenant = this.scopes.scopeOf('tenant', HTTP)?.tenant;
    const user = CacheContext.current()?.user;
    if (this.hasTenants && tenant === undefined) return undefined;
    const cache = family.inScope(this.hasTenants ? { tenant: tenant! } : {});
    if (scope === undefined) {
      if (family.kind !== 'user') return placeOf(cache, { isPrivate: true });
      return user === undefined ? undefined : usersPlace(cache, user);
    }
    if (typeof scope === 'function') {
      const name = scope(context);
      if (name === undefined || name === null) return undefined;
      return placeOf(cache, { scope: `s=${name}`, isPrivate: true, isDeclared: true });
    }
    if (scope === 'user') return user === undefined ? undefined : usersPlace(cache, user, tenant);
    if (tenant === undefined) return undefined;
    return placeOf(cache, { scope: `t=${tenant}`, isPrivate: true, isDeclared: true });
  }

  /** Runs as whoever is asking: outside of the interceptor that sees to it, that is not yet known. */
  private within(context: ExecutionContext, work: () => Place | undefined): Place | undefined {
    const identity = this.identityOf(context);
    const found = identity === undefined ? work : () => CacheContext.run(identity, work);
    try {
      return found();
    } catch (error) {
      if (error instanceof CacheError) return undefined; // no name, or a `resolve` that fails
      throw error;
    }
  }

  /** Whether a guard has verified a user, by whatever he sent: what is made for him is made for nobody else. */
  knowsUser(context: ExecutionContext): boolean {
    const { user } = context.getArgByIndex<{ user?: unknown }>(0); // switchToHttp() makes an object
    return (user ?? this.identityOf(context)?.user) !== undefined;
  }

  private identityOf(context: ExecutionContext): Identity | undefined {
    const { identity } = this.places;
    return identity ? identity.of(context.getArgByIndex<object>(0)) : CacheContext.current();
  }

  /** Runs on behalf of whoever is asking, where that is known. */
  asWhoAsks<T>(context: ExecutionContext, work: () => T): T {
    const identity = this.identityOf(context);
    return identity === undefined ? work() : CacheContext.run(identity, work);
  }
}

const HTTP = 'CacheInterceptor';

function placeOf(cache: NamedCache, more: Partial<Place> = {}): Place {
  return { cache, scope: '', isPrivate: false, isUsers: false, isDeclared: false, ...more };
}

function usersPlace(cache: NamedCache, user: string, tenant?: string): Place {
  // Where there are no tenants to keep apart, users of two may still bear one name.
  const scope = tenant === undefined ? `u=${user}` : `t=${tenant.length}:${tenant},u=${user}`;
  return placeOf(cache, { scope, isPrivate: true, isUsers: true, isDeclared: true });
}
