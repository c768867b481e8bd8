import { describe, expect, it } from '@jest/globals';

import { ElastiCacheCore } from '../elasticache.providers.js';
import { CacheContext } from '../identity/cache.context.js';
import { ScopeResolver } from '../identity/scope.resolver.js';
import type { Scope } from '../key/scope.js';
import { systemClock } from '../time/clock.js';
import { CacheFamily, type FamilyParts } from './cache.family.js';
import type { NamedCache } from './named.cache.js';

/** A family that knows two scopes at a time, of real caches in memory. */
async function family(kind: FamilyParts['kind'] = 'tenant') {
  const core = await ElastiCacheCore.open({ tenancy: {} }, systemClock);
  const forgotten: Scope[] = [];
  const made: string[] = [];
  const inner = core.manager.family('inner');
  const build = ({ tenant = '', user = '' }: Scope): NamedCache => {
    made.push(`${tenant}/${user}`);
    // Each of a name of its own: what is asked here is which one a call gets.
    const named = core.manager.family(`made ${made.length}`);
    return CacheContext.run({ tenant: 'x' }, () => named.current());
  };
  const unscoped = () => CacheContext.run({ tenant: 'nobody' }, () => inner.current());
  const parts: FamilyParts = {
    kind,
    tier: 'memory',
    policy: inner.policy,
    scopes: new ScopeResolver({}),
    build,
    unscoped,
    forget: (scope) => forgotten.push(scope),
    clearShared: async () => undefined,
    recorder: unscoped().recorder,
    mostScopes: 2,
  };
  const one = new CacheFamily('a', parts);
  const of = (tenant: string, user = 'ann') =>
    CacheContext.run({ tenant, user }, () => one.current());
  return { one, of, made, forgotten };
}

describe('A cache in all its scopes', () => {
  it('is one and the same for one scope, and another for each other', async () => {
    const { of } = await family();
    expect(of('acme')).toBe(of('acme', 'bob'));
    expect(of('acme')).not.toBe(of('globex'));
  });

  it('tells tenants and users apart whose names run into each other', async () => {
    const { of } = await family('user');
    expect(of('a', 'bc')).not.toBe(of('ab', 'c'));
    expect(of('1:a', 'b')).not.toBe(of('1', ':ab'));
  });

  it('forgets the scope that was not seen for longest, and keeps its counts for all together', async () => {
    const { one, of, made, forgotten } = await family();
    of('acme').recorder.miss('7', 'absent');
    of('globex');
    of('acme');
    of('initech');
    expect(forgotten).toEqual([{ tenant: 'globex' }]);
    of('globex');
    expect(forgotten).toEqual([{ tenant: 'globex' }, { tenant: 'acme' }]);
    expect(made).toEqual(['acme/', 'globex/', 'initech/', 'globex/']);
    expect(of('acme').recorder.stats()).toMatchObject({ misses: 0 });
    expect(one.stats()).toMatchObject({ misses: 1 });
  });

  it('is one for all where it belongs to everybody', async () => {
    const { one } = await family('global');
    expect(one.current()).toBe(one.only);
    expect(CacheContext.run({ tenant: 'acme' }, () => one.current())).toBe(one.only);
  });
});
