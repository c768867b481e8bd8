import { Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { ElastiCacheModule } from 'nestjs-elasticache';
import { ArticlesModule } from './articles/articles.module.js';
import { CacheUnavailableFilter } from './cache-unavailable.filter.js';
import { cacheOptions } from './config/cache.options.js';
import { ConfigModule } from './config/config.module.js';
import { Environment } from './config/environment.js';
import { DatabaseModule } from './database/database.module.js';
import { HealthModule } from './health/health.module.js';
import { MeModule } from './me/me.module.js';
import { TagsModule } from './tags/tags.module.js';
import { UsersModule } from './users/users.module.js';

@Module({
  imports: [
    ConfigModule,
    DatabaseModule,
    ElastiCacheModule.forRootAsync({ inject: [Environment], useFactory: cacheOptions }),
    ArticlesModule,
    UsersModule,
    TagsModule,
    MeModule,
    HealthModule,
  ],
  providers: [{ provide: APP_FILTER, useClass: CacheUnavailableFilter }],
})
export class AppModule {}
