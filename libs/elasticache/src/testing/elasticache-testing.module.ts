import { type DynamicModule, Module } from '@nestjs/common';

import { ElastiCacheCoreModule, rootModule } from '../elasticache.module.js';
import type { ElastiCacheModuleOptions } from '../elasticache.options.js';
import { ELASTICACHE_CLOCK } from '../elasticache.tokens.js';
import { FakeClock } from './fake.clock.js';

/**
 * The module for tests of an application: no server, and time that the test moves.
 *
 * @example
 * Test.createTestingModule({ imports: [ElastiCacheTestingModule.disabled()], providers: [ArticlesService] })
 */
@Module({})
export class ElastiCacheTestingModule {
  /**
   * Caches that live in memory alone, by a {@link FakeClock} that the test moves. No jitter unless asked for.
   *
   * @throws CacheConfigurationError when the application starts, with every fault of the options
   * @example
   * Test.createTestingModule({ imports: [ElastiCacheTestingModule.forRoot()], providers: [ArticlesService] })
   */
  static forRoot(options: Omit<ElastiCacheModuleOptions, 'connection'> = {}): DynamicModule {
    const defaults = { jitter: 0, ...options.defaults };
    return testingModule({ ...options, defaults, connection: undefined });
  }

  /**
   * Decorated methods run as if not annotated; the caches named here can be injected, and keep nothing.
   *
   * @example
   * imports: [ElastiCacheTestingModule.disabled('users')] // for a provider with `@InjectCache('users')`
   */
  static disabled(...caches: readonly string[]): DynamicModule {
    const named = Object.fromEntries(caches.map((name) => [name, {}]));
    return testingModule({ enabled: false, caches: named });
  }
}

function testingModule(options: ElastiCacheModuleOptions): DynamicModule {
  const core = ElastiCacheCoreModule.forRoot(options);
  const clock = { provide: ELASTICACHE_CLOCK, useExisting: FakeClock };
  const clocked = {
    ...core,
    providers: [...(core.providers ?? []), FakeClock, clock],
    exports: [...(core.exports ?? []), FakeClock],
  };
  return rootModule(clocked, Object.keys(options.caches ?? {}), options.isGlobal);
}
