import { Injectable } from '@nestjs/common';
import type { Logger } from 'drizzle-orm/logger';

/** How many queries went to the database: what a cache is there to keep from growing. */
@Injectable()
export class QueryCounter implements Logger {
  count = 0;

  logQuery(): void {
    this.count++;
  }
}
