import { ConfigurableModuleBuilder } from '@nestjs/common';

import type { ElastiCacheModuleOptions } from './elasticache.options.js';

export const {
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN: ELASTICACHE_OPTIONS,
  ASYNC_OPTIONS_TYPE,
} = new ConfigurableModuleBuilder<Omit<ElastiCacheModuleOptions, 'isGlobal'>>({
  moduleName: 'ElastiCache',
})
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createElastiCacheOptions')
  .build();

/**
 * How the options are made later: `useFactory` with `inject` and `imports`, `useClass` or `useExisting`.
 *
 * @example
 * ElastiCacheModule.forRootAsync({ imports: [ConfigModule], useExisting: CacheOptionsService })
 */
export type ElastiCacheModuleAsyncOptions = typeof ASYNC_OPTIONS_TYPE & {
  /** Default true: a decorator has no module of its own to import into. */
  readonly isGlobal?: boolean;
};
