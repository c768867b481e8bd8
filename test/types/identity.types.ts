/** What must and must not compile, of tenants and secrets. */
import {
  type Cache,
  type CacheManager,
  CacheContext,
  ElastiCacheModule,
  entraIdentity,
  fromRequest,
} from 'nestjs-elasticache';

declare const invoices: Cache<number, { cents: number }>;
declare const manager: CacheManager;

const result: number = CacheContext.run({ tenant: 'acme' }, () => 7);
const later: Promise<string> = CacheContext.run({ user: 'ann', roles: ['a'] }, async () => 'x');
const roles: readonly string[] | undefined = CacheContext.current()?.roles;
// @ts-expect-error a tenant is a text
CacheContext.run({ tenant: 7 }, () => undefined);

const cents: Promise<{ cents: number } | undefined> = invoices.forTenant('acme').get(7);
// @ts-expect-error keys keep their type
void invoices.forTenant('acme').get('7');
const hits: number = invoices.forAllTenants().stats().hits;
const allHits: number | undefined = manager.forAllTenants().stats()['invoices']?.hits;

interface Request {
  readonly user?: { readonly company: string; readonly id: number };
}
fromRequest(({ user }: Request) => user && { tenant: user.company, user: `${user.id}` });
fromRequest((request) => ({ tenant: request.user.tenant }));
// @ts-expect-error a user is a text
fromRequest(({ user }: Request) => ({ user: user?.id }));

ElastiCacheModule.forRoot({
  tenancy: { resolve: () => undefined, required: true },
  identity: entraIdentity(),
  keys: { secret: [{ id: 'k1', key: Buffer.alloc(32) }] },
  encryption: { keys: [{ id: 'e1', key: 'text' }] },
  sensitive: { fields: ['password'], action: 'strip' },
  caches: { a: { scope: 'tenant' }, b: { scope: 'user' }, c: { scope: 'global' } },
});
// @ts-expect-error there is no such scope
ElastiCacheModule.forRoot({ caches: { a: { scope: 'public' } } });
// @ts-expect-error tenants are known at once
ElastiCacheModule.forRoot({ tenancy: { resolve: async () => 'acme' } });

export { allHits, cents, hits, later, result, roles };
