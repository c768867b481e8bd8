import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { CacheManager, type CacheStats } from 'nestjs-elasticache';
import { QueryCounter } from '../database/query.counter.js';

@ApiTags('operations')
@Controller('stats')
export class StatsController {
  constructor(
    private readonly caches: CacheManager,
    private readonly queries: QueryCounter,
  ) {}

  /** Since the start of this process. */
  @Get()
  @ApiOkResponse({ description: 'Database queries, and hits and misses of each cache.' })
  read(): { databaseQueries: number; caches: Record<string, CacheStats> } {
    return { databaseQueries: this.queries.count, caches: this.caches.forAllTenants().stats() };
  }
}
