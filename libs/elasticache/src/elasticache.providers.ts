import { ClassSerializerInterceptor, Logger } from '@nestjs/common';
import type { ApplicationConfig, HttpAdapterHost } from '@nestjs/core';

import type { CacheErrorContext, CacheErrorHandler } from './cache/cache.js';
import type { CacheFamily } from './cache/cache.family.js';
import { CacheManager } from './cache/cache.manager.js';
import { CacheRecorder } from './cache/cache.recorder.js';
import { SensitiveValues } from './cache/sensitive.values.js';
import { TagEvictions } from './cache/tag.evictions.js';
import { type Names, plainNames, secretNames, type TagNaming } from './key/names.js';
import { TieredTags } from './cache/tiered.store.js';
import { Sealing } from './codec/sealing.js';
import { Bus } from './coherence/bus.js';
import { noJournal } from './coherence/journal.js';
import { plainReason } from './connection/plain.reason.js';
import { RedisConnection } from './connection/redis.connection.js';
import { CacheBuilder } from './elasticache.caches.js';
import { copied, copiedCache } from './elasticache.copied-options.js';
import { failureLog } from './elasticache.failure-log.js';
import type {
  CacheOptions,
  ElastiCacheModuleOptions,
  FeatureCache,
} from './elasticache.options.js';
import {
  cacheFaults,
  cacheSettings,
  DEFAULT_NAMESPACE,
  moduleFaults,
  scopesOf,
  timeoutOf,
} from './elasticache.settings.js';
import { RedisTier } from './elasticache.redis-tier.js';
import { CacheConfigurationError, type CacheError } from './errors/cache.errors.js';
import type { Fault } from './errors/catalogue.js';
import { IdentityInterceptor } from './elasticache.identity.interceptor.js';
import { CacheInterceptor } from './http/cache.interceptor.js';
import { ResponseCaching } from './http/response.caching.js';
import type { RouteConditions } from './http/route.faults.js';
import { RequestIdentity } from './identity/request.identity.js';
import { ScopeResolver } from './identity/scope.resolver.js';
import { CachingInvoker, disabledInvoker } from './invocation/cache.invoker.js';
import type { CacheInvoker } from './invocation/method.wrapper.js';
import { TagLayout } from './key/key.layout.js';
import { KeySecret } from './key/key.secret.js';
import { MemoryTags } from './memory/memory.tags.js';
import { MemoryVersions } from './memory/memory.versions.js';
import { NearCaches } from './memory/near.caches.js';
import type { Deadline } from './resilience/deadline.js';
import { deadlineOf } from './resilience/link.js';
import { LeaseKeeper } from './store/lease.keeper.js';
import type { RedisExchange } from './store/redis.exchange.js';
import { RedisVersions } from './store/redis.versions.js';
import { ScriptRunner } from './store/script.runner.js';
import { noTags, RedisTags, type TagStore } from './store/tag.store.js';
import type { Clock } from './time/clock.js';
import { parseDuration } from './time/duration.js';

const logger = new Logger('ElastiCacheModule');

/** Everything the library holds for one application, and the one place that puts its parts together. */
export class ElastiCacheCore {
  readonly manager: CacheManager;
  /** Undefined where caching is off. */
  readonly caching: CachingInvoker | undefined;
  private readonly definitions: Map<string, CacheOptions>;
  private readonly injected = new Set<string>();
  private readonly faults: Fault[] = [];
  private readonly closing = new AbortController();
  private readonly deadlines = new Map<number, Deadline>();
  private readonly onError: CacheRecorder['settings']['onError'];
  private readonly tags: TagEvictions;
  private readonly memoryVersions = new MemoryVersions();
  private readonly near = new NearCaches();
  private readonly bus: Bus | undefined;
  private readonly shared: RedisTier | undefined;
  private readonly keeper = new LeaseKeeper();
  private readonly namespace: string;
  private readonly scopes: ScopeResolver;
  private readonly sealing: Sealing | undefined;
  private readonly sensitive: SensitiveValues | undefined;
  private readonly names: readonly [Names, ...Names[]];
  /** Who is asking, of each request; undefined where nothing says so. */
  readonly identity: RequestIdentity | undefined;

  private constructor(
    private readonly options: ElastiCacheModuleOptions,
    connection: RedisConnection | undefined,
    private readonly clock: Clock,
  ) {
    this.namespace = options.namespace ?? DEFAULT_NAMESPACE;
    this.scopes = new ScopeResolver(options.tenancy);
    this.names = namesOf(options);
    this.identity = options.identity && new RequestIdentity(options.identity);
    this.sealing = options.encryption && new Sealing(options.encryption.keys);
    const warn = (message: string) => logger.warn(message);
    this.sensitive = options.sensitive && new SensitiveValues(options.sensitive, warn);
    this.definitions = new Map(Object.entries(options.caches ?? {}));
    this.onError = handlerOf(
      options.errorHandler ?? failureLog((line) => logger.warn(line), clock),
    );
    this.shared = connection && this.openShared(connection);
    this.bus = this.shared && this.openBus(this.shared);
    this.tags = this.tagEvictions();
    const { tags, nameTags, nameTagsEverywhere } = this;
    this.manager = new CacheManager({
      tags,
      nameTags,
      nameTagsEverywhere,
      hasReadableKeys: this.hasReadableKeys,
      build: (name) => this.build(name),
      configured: () => [...this.definitions.keys()],
      dynamicCaches: options.dynamicCaches ?? true,
    });
    if (options.enabled ?? true) {
      this.caching = new CachingInvoker({
        familyNamed: (name) => this.manager.family(name),
        nameTags,
        keyGenerator: options.keyGenerator,
        tags,
      });
    }
  }

  /** @throws CacheConfigurationError with every fault of the options
   */
  static async open(options: ElastiCacheModuleOptions, clock: Clock): Promise<ElastiCacheCore> {
    const faults = moduleFaults(options);
    if (faults.length > 0) throw new CacheConfigurationError(faults);
    const { connection, enabled = true } = options;
    const opened =
      connection === undefined || !enabled
        ? undefined
        : await RedisConnection.open(connection, { random: Math.random });
    return new ElastiCacheCore(copied(options), opened, clock);
  }

  get invoker(): CacheInvoker {
    return this.caching ?? disabledInvoker;
  }

  /** The caching of controllers' responses; undefined where caching is off. */
  responses(application: ApplicationConfig, host: HttpAdapterHost): ResponseCaching | undefined {
    if (this.caching === undefined) return undefined;
    const { manager, identity, options } = this;
    return new ResponseCaching({
      manager,
      identity,
      tenancy: options.tenancy,
      isKnown: (name) => this.isKnown(name),
      surroundings: () => ({
        globals: globalsOf(application),
        own: CacheInterceptor,
        // What they make of a response is in its bytes, or is nothing.
        transparent: [IdentityInterceptor, ClassSerializerInterceptor],
        versioning: application.getVersioning(),
      }),
      reply: (response, body) => host.httpAdapter.reply(response, body) as unknown,
      warn: (message) => logger.warn(message),
    });
  }

  get routeConditions(): RouteConditions {
    const { identity, tenancy } = this.options;
    return {
      hasIdentity: identity !== undefined,
      hasTenants: tenancy !== undefined,
      isKnown: (name) => this.isKnown(name),
    };
  }

  /** Takes in what `forFeature` was given. Its faults wait for {@link featureFaults}, to be told with all others. */
  define(features: readonly FeatureCache[]): void {
    for (const feature of features) {
      if (typeof feature === 'string') this.injected.add(feature);
      else this.configure(feature);
    }
  }

  /** What is wrong with the caches of `forFeature`, known once every module has had its say. */
  featureFaults(): Fault[] {
    const unknown = [...this.injected].filter((name) => !this.isKnown(name));
    const message =
      'is a cache nobody configured, and dynamicCaches is false: configure it in forRoot({ caches })';
    return [...this.faults, ...unknown.map((name) => ({ path: `forFeature('${name}')`, message }))];
  }

  private configure({ name, ...own }: Exclude<FeatureCache, string>): void {
    const path = `forFeature('${name}')`;
    const defaults = this.options.defaults ?? {};
    const { isShared, options } = this;
    const faults = cacheFaults(own, { defaults, isShared, scopes: scopesOf(options), path });
    if (this.definitions.has(name)) {
      const message = 'is configured twice: keep one of the two, and name it here alone';
      faults.push({ path, message });
    } else if (faults.length === 0) {
      this.definitions.set(name, copiedCache(own));
    }
    this.faults.push(...faults);
  }

  /** Whether operations without a key of their own have one made by the module's option. */
  get hasKeyGenerator(): boolean {
    return this.options.keyGenerator !== undefined;
  }

  /** Whether keys in Redis can be read, and so looked for by a pattern. */
  get hasReadableKeys(): boolean {
    return this.options.keys?.secret === undefined;
  }

  isKnown(name: string): boolean {
    return (this.options.dynamicCaches ?? true) || this.definitions.has(name);
  }

  /** Starts connecting, once nothing was found wrong. */
  start(): void {
    this.shared?.start();
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.shared?.close();
    this.bus?.close();
  }

  private get isShared(): boolean {
    return this.options.connection !== undefined;
  }

  private build(name: string): CacheFamily {
    const own = this.definitions.get(name) ?? {};
    const settings = cacheSettings(own, this.options.defaults ?? {}, this.isShared);
    const { namespace, clock, onError, scopes, names, sealing, sensitive, keeper, near } = this;
    return new CacheBuilder(name, settings, {
      namespace,
      clock,
      isEnabled: this.caching !== undefined,
      onError,
      realm: this,
      closing: this.closing.signal,
      scopes,
      names,
      sealing,
      sensitive,
      keeper,
      versions: this.memoryVersions,
      near,
      bus: this.bus,
      journal: this.shared?.journal,
      exchange: (where, storeMs) => this.exchange(where, storeMs),
      replicas: (where, storeMs) => this.shared!.replicas(where, storeMs),
      deadlineOf: (ms) => this.deadlineOf(ms),
    }).build();
  }

  /** Tags that the running code evicts: its tenant's, and those of the caches that belong to everybody. */
  private readonly nameTags: TagNaming = (tags) => {
    const { scopes, names } = this;
    const isForTenants = scopes.defaultKind !== 'global';
    const own = isForTenants ? scopes.scopeOf('tenant', 'evictTags') : undefined;
    const asked = own === undefined ? [{}] : [own, {}];
    return names.flatMap((each) => asked.flatMap((of) => each.tagsIn(each.scope(of))(tags)));
  };

  private readonly nameTagsEverywhere: TagNaming = (tags) =>
    this.names.flatMap((each) => each.tags(tags));

  private tagEvictions(): TagEvictions {
    const { namespace, options, onError, memoryVersions, shared } = this;
    const { onEvictFailure } = options.defaults ?? {};
    return new TagEvictions({
      memory: new MemoryTags(memoryVersions),
      shared: shared ? this.sharedTags() : noTags,
      journal: shared?.journal ?? noJournal,
      strict: () => this.isAnyStrict,
      onEvictFailure: onEvictFailure === 'throw' ? 'throw' : 'journal',
      recorder: new CacheRecorder({ namespace, cache: '*', onError }),
    });
  }

  private sharedTags(): TagStore {
    const { clock, keeper, namespace, bus } = this;
    const exchange = this.exchange('tags', this.storeMs);
    const versions = new RedisVersions(new ScriptRunner(exchange), clock);
    const shared = new RedisTags({ layout: new TagLayout(namespace), versions, exchange, keeper });
    return new TieredTags({ shared, bus: bus!, isNeeded: () => this.isAnyNear });
  }

  private openShared(connection: RedisConnection): RedisTier {
    const { clock, namespace, near, storeMs, onError } = this;
    const familyOf = (name: string) => this.manager.family(name);
    return new RedisTier(connection, {
      clock,
      namespace,
      storeMs,
      log: logger,
      forget: () => near.forget(),
      target: {
        clear: (cache) => familyOf(cache).clearShared(),
        evictTags: (tags) => this.sharedTags().evict(tags),
        refused: (cache, error) =>
          new CacheRecorder({ namespace, cache, onError }).failed(error, { operation: 'evict' }),
        cacheNames: () =>
          this.manager.cacheNames.filter((name) => familyOf(name).tier === 'shared'),
      },
    });
  }

  private openBus({ connection }: RedisTier): Bus {
    const { clock, near, namespace } = this;
    return new Bus({
      key: new TagLayout(namespace).bus,
      exchange: this.exchange('bus', this.longestStoreMs),
      openReader: () => connection.duplicate(),
      near,
      clock,
      onState: logBusState,
    });
  }

  /** For what any cache may have to wait for. */
  private get longestStoreMs(): number {
    const { defaults = {} } = this.options;
    const all = [{}, ...this.definitions.values()].map((own) => timeoutOf('store', own, defaults));
    return Math.max(...all.map((duration) => parseDuration(duration)!));
  }

  /** For what concerns all caches. */
  private get storeMs(): number {
    return parseDuration(timeoutOf('store', {}, this.options.defaults ?? {}))!;
  }

  /** A tag may be borne by copies of entries of any cache. */
  private get isAnyNear(): boolean {
    const { defaults = {}, dynamicCaches = true } = this.options;
    const all = [...this.definitions.values(), ...(dynamicCaches ? [{}] : [])];
    return all.some((own) => {
      const { tier } = cacheSettings(own, defaults, this.isShared);
      return tier.kind === 'shared' && tier.memory !== undefined;
    });
  }

  /** A tag may be borne by entries of any cache, so one strict cache is enough. */
  get isAnyStrict(): boolean {
    const all = [this.options.defaults ?? {}, ...this.definitions.values()];
    return all.some(({ consistency }) => consistency === 'strict');
  }

  private exchange(where: string, storeMs: number): RedisExchange {
    return this.shared!.exchange(where, storeMs);
  }

  private deadlineOf(ms: number): Deadline {
    return deadlineOf(this.deadlines, ms, { clock: this.clock });
  }
}

/** Those made once, then those made for each request, as Nest runs them. */
function globalsOf(application: ApplicationConfig): unknown[] {
  const scoped = application.getGlobalRequestInterceptors().map(({ metatype }) => metatype);
  return [...application.getGlobalInterceptors(), ...scoped];
}

function namesOf({ keys }: ElastiCacheModuleOptions): readonly [Names, ...Names[]] {
  const [first, ...others] = (keys?.secret ?? []).map((key) => secretNames(new KeySecret(key)));
  return first === undefined ? [plainNames] : [first, ...others];
}

function handlerOf(handler: CacheErrorHandler): CacheRecorder['settings']['onError'] {
  const handle: (error: CacheError, context: CacheErrorContext) => unknown =
    typeof handler === 'function' ? handler : (error, context) => handler.handle(error, context);
  return (error, context) => {
    // Nobody waits for an asynchronous handler; its rejection must not end the process.
    Promise.resolve(handle(error, context)).catch((reason: unknown) =>
      logger.error(`The errorHandler itself failed: ${String(reason)}`),
    );
  };
}

function logBusState(problem: unknown): void {
  if (problem === undefined) logger.log('Invalidations of other processes arrive again.');
  else
    logger.warn(
      `Invalidations of other processes cannot be read: ${plainReason(problem).replace(/\.$/, '')}. Reading from Redis what memory could not vouch for, and trying again.`,
    );
}
