import { AsyncLocalStorage } from 'node:async_hooks';
import { Inject, Injectable } from '@nestjs/common';
import { CacheTransaction } from 'nestjs-elasticache';
import { DATABASE, type Database } from './database.js';

/**
 * A transaction of the database, and of the cache with it: what is evicted and put within takes
 * effect once the database has committed, and never if it rolls back. Whoever writes SQL takes `db`
 * from here, and need not know whether it runs in one.
 */
@Injectable()
export class UnitOfWork {
  private readonly transaction = new AsyncLocalStorage<Database>();

  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /** The transaction that the running code is part of, else the database. */
  get db(): Database {
    return this.transaction.getStore() ?? this.database;
  }

  /** Commits when `work` resolves, rolls back when it throws. Within another it is part of that one. */
  run<T>(work: () => Promise<T>): Promise<T> {
    if (this.transaction.getStore() !== undefined) return work();
    return CacheTransaction.run(() =>
      this.database.transaction((tx) => this.transaction.run(tx, work)),
    );
  }
}
