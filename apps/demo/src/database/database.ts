import { fileURLToPath } from 'node:url';
import type { OnApplicationShutdown } from '@nestjs/common';
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core';

/** Drizzle on PostgreSQL, whichever driver is under it. */
export type Database = PgDatabase<PgQueryResultHKT>;
export const DATABASE = Symbol('database');

/** The open database behind {@link DATABASE}; Nest closes it when the application shuts down. */
export abstract class DatabaseConnection implements OnApplicationShutdown {
  abstract readonly db: Database;
  /** For people: which engine, and where. Holds no password. */
  abstract readonly description: string;
  abstract onApplicationShutdown(): Promise<void>;
}

/** The compiler copies no SQL; the path is the same seen from `src/database` and from `dist/database`. */
export const migrationsFolder = fileURLToPath(
  new URL('../../src/database/migrations', import.meta.url),
);
