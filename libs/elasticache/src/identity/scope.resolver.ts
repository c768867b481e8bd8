import { evaluated, TenantRequiredError } from '../errors/cache.errors.js';
import type { Scope, ScopeKind } from '../key/scope.js';
import { CacheContext, checkedName } from './cache.context.js';

/**
 * One application for many tenants: caches keep their entries apart unless their `scope` says
 * otherwise.
 *
 * @example
 * ElastiCacheModule.forRoot({ tenancy: { resolve: () => cls.get('tenantId') } })
 */
export interface TenancyOptions {
  /** The tenant of the running code, where {@link CacheContext} has none. It answers at once, with undefined where there is none. */
  readonly resolve?: () => string | null | undefined;
  /**
   * Default true: without a tenant (or a user, for a cache of users) a call fails with
   * `TenantRequiredError`, and its method does not run. False: it runs uncached.
   */
  readonly required?: boolean;
}

const RESOLVE = 'tenancy.resolve';

/** Finds the scope of the running code. Never one that is broader than asked for. */
export class ScopeResolver {
  constructor(
    /** Undefined where there are no tenants. */
    private readonly tenancy: TenancyOptions | undefined,
  ) {}

  /** What a cache is that does not say. */
  get defaultKind(): ScopeKind {
    return this.tenancy === undefined ? 'global' : 'tenant';
  }

  /** Whose the tags of a scope are: its tenant's, whoever of its users has entries that bear them; everybody's where there are no tenants. */
  ofTags({ tenant }: Scope): Scope {
    return this.tenancy === undefined || tenant === undefined ? {} : { tenant };
  }

  /**
   * The scope of that kind; undefined where it is unknown and nothing requires it.
   *
   * @throws TenantRequiredError where it is required
   */
  scopeOf(kind: ScopeKind, where: string): Scope | undefined {
    if (kind === 'global') return {};
    // Users of two tenants may bear one name, whether or not tenants are kept apart otherwise.
    const tenant = this.tenantOf();
    if (this.tenancy !== undefined && tenant === undefined) return this.unknown('tenant', where);
    if (kind === 'tenant') return { tenant: tenant! };
    const user = CacheContext.current()?.user;
    if (user === undefined) return this.unknown('user', where);
    return tenant === undefined ? { user } : { tenant, user };
  }

  /** @throws TenantRequiredError where no user is known */
  userOf(where: string): string {
    const user = CacheContext.current()?.user;
    if (user === undefined) throw new TenantRequiredError('user', where);
    return user;
  }

  private tenantOf(): string | undefined {
    const own = CacheContext.current()?.tenant;
    const resolve = this.tenancy?.resolve;
    if (own !== undefined || resolve === undefined) return own;
    const answer: unknown = evaluated('ElastiCacheModule', RESOLVE, resolve);
    if (answer === undefined || answer === null) return undefined;
    return checkedName(answer, 'tenant', RESOLVE);
  }

  private unknown(what: 'tenant' | 'user', where: string): undefined {
    if (this.tenancy?.required ?? true) throw new TenantRequiredError(what, where);
    return undefined;
  }
}
