import {
  type DynamicModule,
  Inject,
  Logger,
  Module,
  type OnApplicationShutdown,
  type OnModuleInit,
  type Provider,
} from '@nestjs/common';
import {
  APP_INTERCEPTOR,
  ApplicationConfig,
  DiscoveryModule,
  DiscoveryService,
  HttpAdapterHost,
} from '@nestjs/core';

import { CacheManager } from './cache/cache.manager.js';
import { IdentityInterceptor } from './elasticache.identity.interceptor.js';
import { inspect } from './elasticache.inspection.js';
import {
  ConfigurableModuleClass,
  ELASTICACHE_OPTIONS,
  type ElastiCacheModuleAsyncOptions,
} from './elasticache.module-definition.js';
import type { ElastiCacheModuleOptions, FeatureCache } from './elasticache.options.js';
import { ElastiCacheCore } from './elasticache.providers.js';
import { featureFaults } from './elasticache.settings.js';
import {
  CACHE_INVOKER_TOKEN,
  ELASTICACHE_CLOCK,
  getCacheToken,
  RESPONSE_CACHING_TOKEN,
} from './elasticache.tokens.js';
import { CacheConfigurationError } from './errors/cache.errors.js';
import { type Clock, systemClock } from './time/clock.js';

const logger = new Logger('ElastiCacheModule');

const coreProvider: Provider = {
  provide: ElastiCacheCore,
  inject: [ELASTICACHE_OPTIONS, { token: ELASTICACHE_CLOCK, optional: true }],
  useFactory: (options: ElastiCacheModuleOptions, clock: Clock = systemClock) =>
    ElastiCacheCore.open(options, clock),
};

/** For requests, if the options say how to read who is asking; Nest leaves out one that is not there. */
const identityProvider: Provider = {
  provide: APP_INTERCEPTOR,
  inject: [ElastiCacheCore],
  useFactory: ({ identity }: ElastiCacheCore) => identity && new IdentityInterceptor(identity),
};

/** What one application has once, whoever may see it: the options, the caches and the connection. */
@Module({
  imports: [DiscoveryModule],
  providers: [coreProvider, identityProvider],
  exports: [ElastiCacheCore],
})
export class ElastiCacheCoreModule
  extends ConfigurableModuleClass
  implements OnModuleInit, OnApplicationShutdown
{
  constructor(
    @Inject(ElastiCacheCore) private readonly core: ElastiCacheCore,
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
  ) {
    super();
  }

  /** Connects once nothing was found wrong: a start that fails leaves no connection behind. */
  async onModuleInit(): Promise<void> {
    await inspect(this.discovery, this.core, (message) => logger.warn(message));
    this.core.start();
  }

  /** After the HTTP server has closed: requests under way when the signal came still have their cache. */
  async onApplicationShutdown(): Promise<void> {
    await this.core.close();
  }
}

/**
 * The cache of an application. Import it once, in the root module. (Spring: `@EnableCaching`.)
 *
 * @example
 * @Module({ imports: [ElastiCacheModule.forRoot({ connection: process.env.REDIS_URL })] })
 * class AppModule {}
 */
@Module({})
export class ElastiCacheModule {
  /**
   * The options are here. The application starts whether or not Redis answers.
   *
   * @throws CacheConfigurationError when the application starts, with every fault of the options
   * @example
   * ElastiCacheModule.forRoot({ connection: process.env.REDIS_URL, caches: { articles: { ttl: '5m' } } })
   */
  static forRoot(options: ElastiCacheModuleOptions = {}): DynamicModule {
    const { caches, isGlobal } = options ?? {}; // null is a fault, told when the application starts
    const core = ElastiCacheCoreModule.forRoot(options);
    return rootModule(core, Object.keys(caches ?? {}), isGlobal);
  }

  /**
   * `forRoot` with options made by a factory; caches to be injected by name are named in `forFeature`.
   *
   * @throws CacheConfigurationError when the application starts, with every fault of the options
   * @example
   * ElastiCacheModule.forRootAsync({
   *   inject: [ConfigService],
   *   useFactory: (config: ConfigService) => ({ connection: config.getOrThrow('REDIS_URL') }),
   * })
   */
  static forRootAsync({ isGlobal, ...options }: ElastiCacheModuleAsyncOptions): DynamicModule {
    if (!options.useFactory && !options.useClass && !options.useExisting) {
      const message = 'needs useFactory, useClass or useExisting';
      throw new CacheConfigurationError([{ path: 'forRootAsync', message }]);
    }
    return rootModule(ElastiCacheCoreModule.forRootAsync(options), [], isGlobal);
  }

  /**
   * Makes caches injectable where it is imported; with options it configures them, too.
   *
   * @throws CacheConfigurationError when the application starts, for a cache that is configured twice
   * @example
   * @Module({ imports: [ElastiCacheModule.forFeature(['users', { name: 'articles', ttl: '1m' }])] })
   * class ArticlesModule {}
   */
  static forFeature(caches: readonly FeatureCache[]): DynamicModule {
    const faults = featureFaults(caches);
    if (faults.length > 0) throw new CacheConfigurationError(faults);
    const definitions: Provider = {
      provide: Symbol('forFeature'),
      inject: [ElastiCacheCore],
      useFactory: (core: ElastiCacheCore) => core.define(caches),
    };
    const names = new Set(caches.map((cache) => (typeof cache === 'string' ? cache : cache.name)));
    const providers = [...names].map((name) => cacheProvider(name));
    return {
      module: ElastiCacheModule,
      providers: [definitions, ...providers],
      exports: providers,
    };
  }
}

/** @internal The module of an application around its core: what the application may inject. */
export function rootModule(
  core: DynamicModule,
  names: readonly string[],
  isGlobal = true,
): DynamicModule {
  const providers: Provider[] = [
    {
      provide: CacheManager,
      inject: [ElastiCacheCore],
      useFactory: ({ manager }: ElastiCacheCore) => manager,
    },
    {
      provide: CACHE_INVOKER_TOKEN,
      inject: [ElastiCacheCore],
      useFactory: ({ invoker }: ElastiCacheCore) => invoker,
    },
    {
      provide: RESPONSE_CACHING_TOKEN,
      inject: [ElastiCacheCore, ApplicationConfig, HttpAdapterHost],
      useFactory: (core: ElastiCacheCore, application: ApplicationConfig, host: HttpAdapterHost) =>
        core.responses(application, host),
    },
    ...names.map((name) => cacheProvider(name)),
  ];
  return {
    module: ElastiCacheModule,
    global: isGlobal,
    imports: [{ ...core, global: true }],
    providers,
    exports: providers,
  };
}

function cacheProvider(name: string): Provider {
  return {
    provide: getCacheToken(name),
    inject: [ElastiCacheCore],
    useFactory: ({ manager }: ElastiCacheCore) => manager.facade(name),
  };
}
