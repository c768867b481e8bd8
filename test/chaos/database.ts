/** The database of one process: registers that its parent keeps for all, rows of its own, and errors. */
import { sleep } from '../coherence/monotonic.js';
import { DatabaseError, type Row, rowOf, type Rows } from './subject.js';

const QUERY_MS = 1;

export class Database implements Rows {
  isDown = false;
  private readonly thrown = new WeakMap<object, string>();

  constructor(private readonly ask: (what: 'read' | 'commit', key: number) => Promise<number>) {}

  readonly row = async (id: number): Promise<Row> => {
    await this.query();
    return rowOf(id, 1);
  };

  readonly load = async (key: number): Promise<Row> => {
    await this.query();
    return rowOf(key, await this.ask('read', key));
  };

  readonly fail = async (): Promise<never> => {
    await sleep(QUERY_MS);
    throw this.error('no such row');
  };

  async commit(key: number): Promise<void> {
    await this.query();
    await this.ask('commit', key);
  }

  /** Whether it is an error of this database, and as it was thrown. */
  hasThrown(error: unknown): boolean {
    return error instanceof DatabaseError && this.thrown.get(error) === error.message;
  }

  private async query(): Promise<void> {
    await sleep(QUERY_MS);
    if (this.isDown) throw this.error('the database is down');
  }

  private error(message: string): DatabaseError {
    const error = new DatabaseError(message);
    this.thrown.set(error, message);
    return error;
  }
}
