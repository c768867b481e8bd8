import { Module } from '@nestjs/common';
import { ElastiCacheModule } from 'nestjs-elasticache';
import { HealthController } from './health.controller.js';
import { StatsController } from './stats.controller.js';

@Module({
  imports: [ElastiCacheModule.forFeature(['health'])],
  controllers: [HealthController, StatsController],
})
export class HealthModule {}
