import { Global, Module } from '@nestjs/common';
import { Environment } from '../config/environment.js';
import { DATABASE, DatabaseConnection } from './database.js';
import { openPglite } from './pglite.database.js';
import { openPostgres } from './postgres.database.js';
import { QueryCounter } from './query.counter.js';
import { UnitOfWork } from './unit-of-work.js';

function open(environment: Environment, queries: QueryCounter): Promise<DatabaseConnection> {
  const size = { articles: environment.SEED_ARTICLES, users: environment.SEED_USERS };
  return environment.DATABASE_URL === undefined
    ? openPglite(environment.PGLITE_DIR, size, queries)
    : openPostgres(environment.DATABASE_URL, size, queries);
}

@Global()
@Module({
  providers: [
    QueryCounter,
    UnitOfWork,
    { provide: DatabaseConnection, inject: [Environment, QueryCounter], useFactory: open },
    {
      provide: DATABASE,
      inject: [DatabaseConnection],
      useFactory: (connection: DatabaseConnection) => connection.db,
    },
  ],
  exports: [DATABASE, DatabaseConnection, QueryCounter, UnitOfWork],
})
export class DatabaseModule {}
