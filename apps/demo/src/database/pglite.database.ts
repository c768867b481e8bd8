import { mkdir } from 'node:fs/promises';
import { PGlite } from '@electric-sql/pglite';
import type { Logger } from 'drizzle-orm/logger';
import { drizzle } from 'drizzle-orm/pglite';
import { migrate } from 'drizzle-orm/pglite/migrator';
import { migrationsFolder, type DatabaseConnection } from './database.js';
import { seed, type SeedSize } from './seed.js';

/** PostgreSQL compiled to WebAssembly, in this process; without a folder it forgets everything at the end. */
export async function openPglite(
  folder: string | undefined,
  size: SeedSize,
  logger: Logger,
): Promise<DatabaseConnection> {
  if (folder !== undefined) await mkdir(folder, { recursive: true });
  const client = await PGlite.create(folder);
  const db = drizzle({ client, logger });
  await migrate(db, { migrationsFolder });
  await seed(db, size);
  return {
    db,
    description: `PGlite, in ${folder ?? 'memory'}`,
    onApplicationShutdown: async () => {
      if (!client.closed) await client.close();
    },
  };
}
