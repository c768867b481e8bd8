/** Real Nest applications with the cache in them, on either tier, for the specs under test/contract. */
import { afterAll, afterEach, beforeAll } from '@jest/globals';
import type { DynamicModule, LoggerService, Provider, Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { CacheManager, ElastiCacheModule } from 'nestjs-elasticache';
import type { Cache, CacheError, ElastiCacheModuleOptions } from 'nestjs-elasticache';
import { type RedisServer, startRedis } from './redis.server.js';

/** This process's memory alone, Redis alone, and Redis with copies in memory, as it is by default. */
export const tiers = ['memory', 'redis', 'both'] as const;
export type Tier = (typeof tiers)[number];

/** What a running application shows of itself. */
export interface Running<T> {
  /** The instance of the class the application was started for. */
  readonly service: T;
  readonly manager: CacheManager;
  /** Every warning and error logged, start-up included. */
  readonly log: readonly string[];
  get<S>(type: Type<S>): S;
  /** An instance of its own where the class is request-scoped or transient. */
  resolve<S>(type: Type<S>): Promise<S>;
  cache(name: string): Cache;
  /** The text of an entry's key in Redis; `key` already encoded. */
  keyOf(cache: string, key: string): string;
}

/** How a store can be made to refuse, by what the application's Redis user may no longer do. */
const REFUSALS = {
  get: ['-@read', '+scan', '-getex', '-getdel'],
  put: ['-set', '-setex', '-psetex', '-setnx', '-mset', '-getset', '-hset', '-restore'],
  evict: ['-unlink', '-getdel'],
  clear: ['-unlink', '-scan', '-flushdb'],
} as const;

/** A busy machine is no outage. Specs of time-outs say how long they wait. */
const PATIENT = { store: '5s' };

const EVERYTHING_ALLOWED = ['resetkeys', '~*', 'allchannels', '+@all'];
const USER = { name: 'app', password: 'correct-horse' };

let namespaces = 0;

/** Call inside a `describe`: a Redis server where the tier needs one, a namespace per application, all closed after. */
export function onTier(tier: Tier): CacheHarness {
  const harness = new CacheHarness(tier);
  beforeAll(() => harness.open());
  afterEach(() => harness.reset());
  afterAll(() => harness.close());
  return harness;
}

export class CacheHarness {
  private server: RedisServer | undefined;
  private readonly applications: { close(): Promise<void> }[] = [];

  constructor(private readonly tier: Tier) {}

  get redis(): RedisServer {
    if (!this.server) throw new Error('The memory tier has no Redis.');
    return this.server;
  }

  /** Starts an application for `service`, with the providers it needs. */
  async start<T>(
    service: Type<T>,
    options: ElastiCacheModuleOptions = {},
    providers: Provider[] = [],
  ): Promise<Running<T>> {
    const settings = {
      namespace: `spec${++namespaces}`,
      ...this.connection(),
      ...options,
      defaults: {
        ...(this.tier === 'redis' && { memory: false as const }),
        timeouts: PATIENT, // a busy machine is no outage
        ...options.defaults,
      },
    };
    const module = ElastiCacheModule.forRoot(settings);
    return this.startIn(module, service, { namespace: settings.namespace, providers });
  }

  /** As {@link start}, in a cache module of the spec's own. */
  async startIn<T>(
    cacheModule: DynamicModule,
    service: Type<T>,
    { namespace = '', providers = [] as Provider[] } = {},
  ): Promise<Running<T>> {
    const log: string[] = [];
    const module = await Test.createTestingModule({
      imports: [cacheModule],
      providers: [...providers, service],
    })
      .setLogger(recordingLogger(log))
      .compile();
    this.applications.push(module);
    await module.init();
    const manager = module.get(CacheManager, { strict: false });
    return {
      service: await module.resolve(service),
      manager,
      log,
      get: (type) => module.get(type, { strict: false }),
      resolve: (type) => module.resolve(type),
      cache: (name) => manager.getCache(name),
      keyOf: (cache, key) => `${namespace}:v1:global:${cache}:${key}`,
    };
  }

  /** What declaring a class and starting its application fails with, whichever of the two it is. */
  async refusal(declare: () => Type, options: ElastiCacheModuleOptions = {}): Promise<unknown> {
    try {
      await this.start(declare(), options);
    } catch (error) {
      return error;
    }
    throw new Error('The application started.');
  }

  /** From now on the store refuses these operations of the application, until the test ends or {@link permit}. */
  async refuse(...operations: (keyof typeof REFUSALS)[]): Promise<void> {
    await this.acl(...operations.flatMap((operation) => REFUSALS[operation]));
  }

  async permit(): Promise<void> {
    await this.acl(...EVERYTHING_ALLOWED);
  }

  /** Rules of Redis ACLs for the user the application connects as. */
  async acl(...rules: string[]): Promise<void> {
    await this.redis.command('ACL', 'SETUSER', USER.name, ...rules);
  }

  connection(): { connection?: string } {
    if (this.tier === 'memory') return {};
    const url = new URL(this.redis.url);
    url.username = USER.name;
    url.password = USER.password;
    return { connection: url.href };
  }

  async open(): Promise<void> {
    if (this.tier === 'memory') return;
    this.server = await startRedis();
    await this.admit();
  }

  /** Starts the server anew, empty, after it was killed. */
  async restart(): Promise<void> {
    await this.redis.restart();
    await this.admit();
  }

  async reset(): Promise<void> {
    if (this.server) await this.permit();
    await Promise.all(this.applications.splice(0).map((application) => application.close()));
  }

  /** A test that is late must not start the server again: nobody would stop it. */
  async close(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    await server?.stop();
  }

  private admit(): Promise<void> {
    return this.acl('on', `>${USER.password}`, ...EVERYTHING_ALLOWED);
  }
}

/** What an errorHandler was told; a module option `errorHandler: failures.handle`. */
export function recordFailures() {
  const seen: { error: CacheError; context: FailureContext }[] = [];
  return {
    seen,
    handle: (error: CacheError, context: FailureContext) => void seen.push({ error, context }),
    operations: () => seen.map(({ context }) => context.operation),
  };
}

interface FailureContext {
  operation: 'get' | 'put' | 'evict' | 'clear';
  cache: string;
  method?: string;
  key?: string;
}

/** A service whose methods only count: each run answers with its number, so a hit answers with an old one. */
export class Counter {
  calls = 0;

  protected async run(..._args: unknown[]): Promise<number> {
    return ++this.calls;
  }
}

export { gate } from './gate.js';

export function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

function recordingLogger(log: string[]): LoggerService {
  const record = (message: unknown, ...rest: unknown[]) =>
    void log.push([message, ...rest].map(String).join(' '));
  const quiet = () => {};
  return { log: quiet, debug: quiet, verbose: quiet, warn: record, error: record, fatal: record };
}
