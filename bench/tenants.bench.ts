/** What does it add to a hit in memory that each tenant has entries of its own? */
import { createHash } from 'node:crypto';
import { CacheContext, type ElastiCacheModuleOptions } from 'nestjs-elasticache';
import { decorated } from './elasticache.subject.js';
import type { Contender, Question } from './question.js';

const acme = { tenant: 'acme' };
const resolved = { tenancy: { resolve: () => 'acme' } };
const key = { id: 'k', key: createHash('sha256').update('bench').digest() };

const inContext =
  (options: ElastiCacheModuleOptions): Contender['create'] =>
  async (world) => {
    const { call } = await decorated(options)(world);
    return { call: (id) => CacheContext.run(acme, () => call(id)) };
  };

export default {
  title: 'A hit in memory, of a tenant',
  needsRedis: false,
  calls: 'hits',
  cases: [{ name: '', inFlight: 1, batch: 4096 }],
  contenders: [
    { name: '**@Cacheable**, no tenants', create: decorated({}) },
    {
      name: '**@Cacheable** of everybody, beside tenants',
      create: decorated({ ...resolved, caches: { articles: { scope: 'global' } } }),
    },
    { name: '**@Cacheable** of a tenant, by `tenancy.resolve`', create: decorated(resolved) },
    {
      name: '**@Cacheable** of a tenant, secret keys',
      create: decorated({ ...resolved, keys: { secret: [key] } }),
    },
    { name: '**@Cacheable** within `CacheContext.run`', create: inContext({ tenancy: {} }) },
  ],
} satisfies Question;
