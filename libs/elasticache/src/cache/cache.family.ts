import { LRUCache } from 'lru-cache';

import type { ScopeResolver } from '../identity/scope.resolver.js';
import { checkedName } from '../identity/cache.context.js';
import type { Scope, ScopeKind } from '../key/scope.js';
import type { CacheStats } from './cache.js';
import { unacknowledged } from './cache.evictions.js';
import type { CachePolicy } from './cache.policy.js';
import { addStats, type CacheRecorder } from './cache.recorder.js';
import type { NamedCache } from './named.cache.js';

/** Scopes of one cache that are known at a time; one that is forgotten has its copies in memory made anew. */
const MOST_SCOPES = 10_000;

export interface FamilyParts {
  readonly kind: ScopeKind;
  readonly policy: CachePolicy;
  readonly scopes: ScopeResolver;
  /** Makes the cache of one scope. */
  readonly build: (scope: Scope) => NamedCache;
  /** Told of a scope that is forgotten. */
  readonly forget: (scope: Scope) => void;
  /** For who has no scope, and needs none: keeps nothing. */
  readonly unscoped: () => NamedCache;
  /** Empties the cache in all scopes of the shared tier. */
  readonly clearShared: () => Promise<void>;
  /** Of what concerns no single scope. */
  readonly recorder: CacheRecorder;
  /** Default 10,000. */
  readonly mostScopes?: number;
}

/**
 * One cache in all its scopes: for each a cache of its own, with a store, a view of memory, loads and
 * counters of its own, so that nothing can be shared by accident. Which one is meant is decided when
 * a call begins.
 */
export class CacheFamily {
  /** The one cache there is, where it belongs to everybody. */
  readonly only: NamedCache | undefined;
  readonly kind: ScopeKind;
  readonly policy: CachePolicy;
  private readonly members: LRUCache<string, { readonly scope: Scope; readonly cache: NamedCache }>;
  private past: CacheStats | undefined;
  private none: NamedCache | undefined;

  constructor(
    readonly name: string,
    private readonly parts: FamilyParts,
  ) {
    const { kind, policy, build, forget, mostScopes = MOST_SCOPES } = parts;
    this.kind = kind;
    this.policy = policy;
    this.only = kind === 'global' ? build({}) : undefined;
    this.members = new LRUCache({
      maxSize: mostScopes, // `max` would take the room of all at once
      sizeCalculation: () => 1,
      dispose: ({ scope, cache }) => {
        this.past = addStats(this.past, cache.recorder.stats());
        forget(scope);
      },
    });
  }

  /**
   * The cache of the running code.
   *
   * @throws TenantRequiredError where nobody knows whose that is
   */
  current(where = `cache '${this.name}'`): NamedCache {
    if (this.only !== undefined) return this.only;
    const { scopes, kind, unscoped } = this.parts;
    const scope = scopes.scopeOf(kind, where);
    return scope === undefined ? (this.none ??= unscoped()) : this.of(scope);
  }

  /** Of a scope that the caller has found. */
  inScope(scope: Scope): NamedCache {
    const isGlobal = scope.tenant === undefined && scope.user === undefined;
    return isGlobal && this.only !== undefined ? this.only : this.of(scope);
  }

  /** Of a tenant, and of the running code's user where users are kept apart, too. */
  ofTenant(tenant: string): NamedCache {
    checkedName(tenant, 'tenant', 'forTenant');
    const { scopes, kind } = this.parts;
    if (kind !== 'user') return this.of({ tenant });
    return this.of({ tenant, user: scopes.userOf(`cache '${this.name}'`) });
  }

  /** Empties every scope. True once acknowledged by every tier. */
  async clear(): Promise<boolean> {
    const { recorder, clearShared, policy } = this.parts;
    try {
      await clearShared();
      const members = [...this.members.values()].map(({ cache }) => cache);
      const emptied = members.filter(({ kind }) => kind === 'memory');
      await Promise.all(emptied.map((cache) => cache.store.clear()));
      recorder.evicted(0);
      return true;
    } catch (error) {
      recorder.failed(error, { operation: 'clear' });
      if (policy.onEvictFailure === 'throw') throw unacknowledged(`cache '${this.name}'`, error);
      return false;
    }
  }

  /** Of all scopes together, those included that were forgotten. */
  stats(): CacheStats {
    const known = [...this.members.values()].map(({ cache }) => cache.recorder.stats());
    return [this.parts.recorder.stats(), ...known].reduce(addStats, this.past)!;
  }

  private of(scope: Scope): NamedCache {
    const { tenant = '', user = '' } = scope;
    const key = `${tenant.length}:${tenant}${user}`;
    let member = this.members.get(key);
    if (member === undefined) {
      member = { scope, cache: this.parts.build(scope) };
      this.members.set(key, member);
    }
    return member.cache;
  }
}
