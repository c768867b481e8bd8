import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  type INestApplication,
  Injectable,
  Module,
  UseGuards,
} from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  Cacheable,
  CacheContext,
  ElastiCacheModule,
  type ElastiCacheModuleOptions,
  entraIdentity,
  fromRequest,
} from 'nestjs-elasticache';
import { startProgram } from '../support/application.process.js';
import { onTier } from '../support/cache.application.js';

type Claims = Record<string, unknown>;

/** Stands for one that verifies a token: what it puts on the request is trusted. */
@Injectable()
class TokenGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<{ headers: Claims; user?: Claims }>();
    const { claims } = request.headers;
    if (typeof claims === 'string') request.user = JSON.parse(claims) as Claims;
    return true;
  }
}

@Injectable()
class Invoices {
  runs = 0;

  @Cacheable('invoices', { condition: () => !CacheContext.current()?.roles?.includes('auditor') })
  async find() {
    this.runs++;
    return CacheContext.current() ?? {};
  }
}

@Controller()
class InvoicesController {
  constructor(private readonly invoices: Invoices) {}

  @Get('invoices')
  @UseGuards(TokenGuard)
  find() {
    return this.invoices.find();
  }
}

let application: INestApplication | undefined;

afterEach(async () => {
  await application?.close();
  application = undefined;
});

async function start(cache: ReturnType<typeof ElastiCacheModule.forRoot>) {
  @Module({
    imports: [cache],
    controllers: [InvoicesController],
    providers: [Invoices],
  })
  class AppModule {}

  const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
  application = module.createNestApplication({ logger: false });
  await application.listen(0, '127.0.0.1');
  const { port } = (application.getHttpServer() as Server).address() as AddressInfo;
  const get = async (path: string, headers: Record<string, string>) => {
    const response = await fetch(`http://127.0.0.1:${port}/${path}`, { headers });
    return { status: response.status, body: (await response.json()) as unknown };
  };
  const as = (claims: unknown, more = {}) =>
    get('invoices', { claims: JSON.stringify(claims), ...more });
  return { get, as, invoices: module.get(Invoices) };
}

const forRoot = (options: ElastiCacheModuleOptions) => start(ElastiCacheModule.forRoot(options));

describe('The identity of an HTTP request', () => {
  it('is that of the claims a guard has verified, as Microsoft Entra issues them', async () => {
    const { as, invoices } = await forRoot({ tenancy: {}, identity: entraIdentity() });
    const ann = { tid: 'acme', oid: 'ann', roles: ['reader'], sub: 'else' };
    expect((await as(ann)).body).toEqual({ tenant: 'acme', user: 'ann', roles: ['reader'] });
    expect((await as({ ...ann, oid: 'bob' })).body).toMatchObject({ user: 'ann' }); // of the tenant
    expect((await as({ tid: 'globex' })).body).toEqual({ tenant: 'globex', roles: [] });
    expect(invoices.runs).toBe(2);
  });

  it('decides what is cached, by its roles', async () => {
    const { as, invoices } = await forRoot({ tenancy: {}, identity: entraIdentity() });
    const auditor = { tid: 'acme', oid: 'ann', roles: ['auditor'] };
    for (let i = 0; i < 3; i++) await as(auditor);
    expect(invoices.runs).toBe(3);
  });

  it('is nobody’s without claims that say so, whatever else the request holds', async () => {
    const { as, get, invoices } = await forRoot({ tenancy: {}, identity: entraIdentity() });
    const headers = { tid: 'acme', 'x-tenant': 'acme', 'x-ms-client-principal-id': 'ann' };
    const strangers = [
      {},
      { tid: '' },
      { tid: 7 },
      { oid: 'ann' },
      { tid: ['acme'] },
      null,
      'acme',
    ];
    for (const claims of strangers) expect((await as(claims, headers)).status).toBe(500);
    expect((await get('invoices?tid=acme', headers)).status).toBe(500);
    expect(invoices.runs).toBe(0);
  });

  it('is read from any other principal', async () => {
    type Request = { user?: { company: string; id: number } };
    const identity = fromRequest(({ user }: Request) =>
      user ? { tenant: user.company, user: `${user.id}` } : undefined,
    );
    const { as } = await forRoot({ tenancy: {}, identity });
    expect((await as({ company: 'acme', id: 7 })).body).toEqual({ tenant: 'acme', user: '7' });
    expect((await as(null)).status).toBe(500);
  });

  it('is read where the options come later', async () => {
    const { as } = await start(
      ElastiCacheModule.forRootAsync({
        useFactory: () => ({ tenancy: {}, identity: entraIdentity() }),
      }),
    );
    expect((await as({ tid: 'acme', oid: 'ann' })).body).toMatchObject({ tenant: 'acme' });
  });

  it('is nobody’s business without the option', async () => {
    const { as, invoices } = await forRoot({});
    for (const tid of ['acme', 'globex']) expect((await as({ tid })).status).toBe(200);
    expect(invoices.runs).toBe(1);
  });

  it('never reaches another request, however many there are', async () => {
    const { as, invoices } = await forRoot({ tenancy: {}, identity: entraIdentity() });
    const tenants = Array.from({ length: 200 }, (_, i) => `tenant-${i % 20}`);
    const answers = await Promise.all(tenants.map((tid) => as({ tid, oid: 'ann' })));
    expect(answers.map(({ body }) => (body as { tenant: string }).tenant)).toEqual(tenants);
    expect(invoices.runs).toBe(20);
  });
});

/** Of its own process: nestjs-cls is CommonJS and requires Nest, which Jest cannot do on Node 20. */
const WITH_CLS = `
import { createRequire } from 'node:module';
import { Module } from '@nestjs/common';
const { ClsModule, ClsService } = createRequire(process.cwd() + '/')('nestjs-cls');
const { ElastiCacheModule, Cacheable, CacheManager } = library;

let runs = 0;
class Invoices {
  constructor(cls) { this.cls = cls; }
  async find(id) {
    runs++;
    await new Promise((resolve) => setImmediate(resolve));
    return this.cls.get('tenantId') + ' ' + id;
  }
}
decorate(Invoices, 'find', Cacheable('invoices', { ttl: '1m' }));
const imports = [
  ClsModule.forRoot({ global: true }),
  ElastiCacheModule.forRootAsync({
    inject: [ClsService],
    useFactory: (cls) => ({ ...options, tenancy: { resolve: () => cls.get('tenantId') } }),
  }),
];
class App {}
Reflect.defineMetadata('design:paramtypes', [ClsService], Invoices);
Module({ imports, providers: [Invoices] })(App);
const app = await NestFactory.createApplicationContext(App, { logger: false });
const cls = app.get(ClsService);
const service = app.get(Invoices);
const as = (tenantId, work) => cls.runWith({ tenantId }, work);
const tenants = Array.from({ length: 200 }, (_, i) => 'tenant-' + (i % 20));
const answers = await Promise.all(tenants.map((tenant) => as(tenant, () => service.find(7))));
const nobody = await service.find(7).catch((error) => error.name);
const cache = app.get(CacheManager).getCache('invoices');
const loaded = await Promise.all(tenants.map((tenant) => as(tenant, () =>
  cache.getOrLoad(8, async () => cls.get('tenantId')))));
tell({ tenants, answers, nobody, loaded, runs });
await app.close();
process.disconnect();
`;

describe('With nestjs-cls', () => {
  const tier = onTier('redis');

  it.each([['memory'], ['both']])(
    'the tenant is what the application resolves, %s',
    async (name) => {
      const connection = name === 'memory' ? {} : { connection: tier.redis.url };
      const program = startProgram(WITH_CLS, { namespace: 'cls', ...connection });
      const { tenants, answers, nobody, loaded, runs } = (await program.told()) as Record<
        string,
        string[]
      >;
      expect(answers).toEqual(tenants!.map((tenant) => `${tenant} 7`));
      expect(loaded).toEqual(tenants);
      expect([nobody, runs]).toEqual(['TenantRequiredError', 20]);
      expect(await program.exited).toBe(0);
    },
  );
});
