import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as library from 'nestjs-elasticache';
import { breed } from '../coherence/mutant.js';
import type { Mutation } from '../coherence/mutations.js';
import { type RedisServer, startRedis } from '../support/redis.server.js';
import { loadTenants } from './tenant.load.js';

const REPOSITORY = new URL('../../', import.meta.url);
const TENANTS = 50;
const SECONDS = 2;
const CALLS = 1_000;
/** Far more than any of them needs. */
const SECONDS_TO_CATCH = 20;

type Planted = Pick<Mutation, 'name' | 'edits'> & { readonly tier: 'memory' | 'redis' | 'both' };

/** Mistakes, each of which lets something reach another tenant or user. */
const PLANTED: Planted[] = [
  {
    name: 'keys in Redis do not say whose they are',
    tier: 'redis',
    edits: [
      {
        file: 'elasticache.caches.js',
        find: 'scope: names.scope(of)',
        replace: "scope: 'global'",
      },
    ],
  },
  {
    name: 'copies in memory do not say whose they are',
    tier: 'both',
    edits: [{ file: 'memory/scoped.tier.js', find: '${++this.last}:', replace: ':' }],
  },
  {
    name: 'entries in memory do not say whose they are',
    tier: 'memory',
    edits: [{ file: 'memory/scoped.tier.js', find: '${++this.last}:', replace: ':' }],
  },
  {
    name: 'users of a tenant are taken for one',
    tier: 'redis',
    edits: [
      {
        file: 'cache/cache.family.js',
        find: '${tenant.length}:${tenant}${user}',
        replace: '${tenant}',
      },
    ],
  },
  {
    name: 'the scope is decided once a process',
    tier: 'memory',
    edits: [
      {
        file: 'cache/cache.family.js',
        find: 'const scope = scopes.scopeOf(kind, where);',
        replace: 'const scope = (this.first ??= scopes.scopeOf(kind, where));',
      },
    ],
  },
  {
    name: 'who waits for room runs in the context of who gives it up',
    tier: 'memory',
    edits: [
      {
        file: 'resilience/bulkhead.js',
        find: 'await new Promise((resolve) => this.waiting.set(caller, resolve));',
        replace: `return new Promise((resolve, reject) => this.waiting.set(caller, () => {
          work().then(resolve, reject).finally(() => this.passOn());
        }));`,
      },
    ],
  },
];

describe('50 tenants under load', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  const optionsOf = (tier: Planted['tier'], seed: number) => ({
    ...(tier !== 'memory' && { connection: server.url }),
    copies: tier === 'both',
    tenants: TENANTS,
    seed,
  });

  it.each(['memory', 'redis', 'both'] as const)('never mix, %s', async (tier) => {
    const long = { seconds: SECONDS, atLeast: CALLS };
    const outcome = await loadTenants({ ...optionsOf(tier, 1), library, ...long });
    expect(outcome.mixed).toBeUndefined();
    expect(outcome.calls).toBeGreaterThan(CALLS);
    expect(outcome.loads).toBeGreaterThan(TENANTS);
  });

  it('never mix with secret keys and sealed values', async () => {
    const key = { id: 'k', key: Buffer.alloc(32, 1) };
    const more = { keys: { secret: [key] }, encryption: { keys: [key] } };
    const options = { ...optionsOf('both', 9), library, seconds: SECONDS, more };
    expect((await loadTenants(options)).mixed).toBeUndefined();
  });

  it.each(PLANTED.map((planted, i) => [planted.name, planted, i] as const))(
    'are seen to, where %s',
    async (name, { edits, tier }, i) => {
      const mutant = breed({ name, edits } as Mutation, REPOSITORY);
      try {
        const options = { ...optionsOf(tier, 2 + i), seconds: SECONDS_TO_CATCH };
        const planted = (await import(mutant.library)) as typeof library;
        const { mixed } = await loadTenants({ ...options, library: planted });
        expect(mixed).toBeDefined();
      } finally {
        mutant.remove();
      }
    },
  );
});
