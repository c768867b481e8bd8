import { Logger as NestLogger } from '@nestjs/common';
import type { Logger } from 'drizzle-orm/logger';
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate } from 'drizzle-orm/node-postgres/migrator';
import { Pool, type PoolClient } from 'pg';
import { EnvironmentError } from '../config/environment.js';
import { migrationsFolder, type DatabaseConnection } from './database.js';
import { seed, type SeedSize } from './seed.js';

const CONNECT_TIMEOUT_MS = 5_000;
const QUERY_TIMEOUT_MS = 30_000;
/** Any number will do, as long as every process of the demo takes the same one. */
const START_UP_LOCK = 4_242;

export async function openPostgres(
  url: string,
  size: SeedSize,
  logger: Logger,
): Promise<DatabaseConnection> {
  const pool = new Pool({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
  });
  // An idle connection that breaks would end the process; the next query says what is wrong soon enough.
  pool.on('error', (error) => new NestLogger('Database').warn(error.message));
  const description = `PostgreSQL at ${new URL(url).host}`;
  try {
    await prepare(await connect(pool, description), size);
  } catch (error) {
    await pool.end();
    throw error;
  }
  return {
    db: drizzle({ client: pool, logger }),
    description,
    onApplicationShutdown: () => pool.end(),
  };
}

async function connect(pool: Pool, description: string): Promise<PoolClient> {
  try {
    return await pool.connect();
  } catch (cause) {
    const { message, code } = cause as Error & { code?: string };
    const problem = `Cannot reach ${description} (DATABASE_URL): ${message || code}`;
    throw new EnvironmentError(problem, { cause });
  }
}

/** Under a lock: several processes may start at once on one empty database. */
async function prepare(client: PoolClient, size: SeedSize): Promise<void> {
  const db = drizzle({ client });
  try {
    await client.query('select pg_advisory_lock($1)', [START_UP_LOCK]);
    await migrate(db, { migrationsFolder });
    await seed(db, size);
  } finally {
    // Ends the session, and the lock with it.
    client.release(true);
  }
}
