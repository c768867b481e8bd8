import { Controller, Get, Inject, ServiceUnavailableException } from '@nestjs/common';
import { ApiOkResponse, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import { sql } from 'drizzle-orm';
import { InjectCache, type Cache } from 'nestjs-elasticache';
import { DATABASE, type Database } from '../database/database.js';
import { Health } from './health.js';

const PATIENCE_MS = 2_000;

@ApiTags('operations')
@Controller('health')
export class HealthController {
  constructor(
    @Inject(DATABASE) private readonly db: Database,
    @InjectCache('health') private readonly cache: Cache<string>,
  ) {}

  /** 503 without the database. Without the cache the service is slower and still answers: 200. */
  @Get()
  @ApiOkResponse({ type: Health })
  @ApiServiceUnavailableResponse({ type: Health })
  async check(): Promise<Health> {
    const [database, cache] = await Promise.all([
      isUp(this.db.execute(sql`select 1`).then(() => true)),
      // Acknowledged by the store, or false: evict() never fails for want of one.
      isUp(this.cache.evict('probe')),
    ]);
    const health: Health = {
      status: database ? (cache ? 'ok' : 'degraded') : 'error',
      database: database ? 'up' : 'down',
      cache: cache ? 'up' : 'down',
    };
    if (!database) throw new ServiceUnavailableException(health);
    return health;
  }
}

async function isUp(check: Promise<boolean>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), PATIENCE_MS);
  });
  try {
    return await Promise.race([check, late]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
