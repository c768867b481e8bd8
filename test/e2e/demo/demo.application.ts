/** The demo on a free loopback port, with a small database of its own. */
import { Test } from '@nestjs/testing';
import { CacheManager } from 'nestjs-elasticache';
import { AppModule } from '../../../apps/demo/src/app.module.js';
import { configure } from '../../../apps/demo/src/application.js';
import { Environment, readEnvironment } from '../../../apps/demo/src/config/environment.js';
import {
  DATABASE,
  DatabaseConnection,
  type Database,
} from '../../../apps/demo/src/database/database.js';
import { QueryCounter } from '../../../apps/demo/src/database/query.counter.js';

export const ARTICLES = 60;
export const USERS = 9;
/** For hooks: PGlite takes seconds to start on a busy machine. */
export const START_TIMEOUT_MS = 60_000;

/** A busy machine is no outage. */
const PATIENT = { CACHE_TIMEOUTS_STORE: '5s' };

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** How many database queries it took. */
  readonly queries: number;
  readonly body: any;
}

export interface Demo {
  readonly connection: DatabaseConnection;
  readonly database: Database;
  readonly queries: QueryCounter;
  readonly url: string;
  readonly caches: CacheManager;
  /** Closes the database under the running application. */
  loseDatabase(): Promise<void>;
  get(path: string): Promise<Answer>;
  /** As whoever has signed in with that token. */
  getAs(token: string, path: string): Promise<Answer>;
  send(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<Answer>;
  close(): Promise<void>;
}

export async function startDemo(variables: Record<string, string> = {}): Promise<Demo> {
  const size = { SEED_ARTICLES: `${ARTICLES}`, SEED_USERS: `${USERS}` };
  return start({ ...size, ...variables });
}

/** Another process of the same application, as far as the cache can tell: one database, two connections to Redis. */
export async function startBeside(
  { connection: { db, description }, queries }: Demo,
  variables: Record<string, string>,
): Promise<Demo> {
  const connection = { db, description, onApplicationShutdown: async () => undefined };
  return start(variables, { connection, queries });
}

async function start(
  variables: Record<string, string>,
  beside?: Pick<Demo, 'connection' | 'queries'>,
): Promise<Demo> {
  const building = Test.createTestingModule({ imports: [AppModule] })
    .overrideProvider(Environment)
    .useValue(readEnvironment({ ...PATIENT, ...variables }));
  if (beside) {
    building.overrideProvider(DatabaseConnection).useValue(beside.connection);
    building.overrideProvider(QueryCounter).useValue(beside.queries);
  }
  const testing = await building.compile();
  const app = testing.createNestApplication({ logger: false, forceCloseConnections: true });
  const server = await configure(app).listen(0, '127.0.0.1');
  const queries = app.get(QueryCounter);
  const url = `http://127.0.0.1:${server.address().port}`;

  async function request(
    method: string,
    path: string,
    { body, token }: { body?: unknown; token?: string | undefined },
  ): Promise<Answer> {
    const before = queries.count;
    const response = await fetch(`${url}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headers: {
        'content-type': 'application/json',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
    });
    const text = await response.text();
    const json = response.headers.get('content-type')?.includes('json') ?? false;
    return {
      status: response.status,
      text,
      queries: queries.count - before,
      body: json ? JSON.parse(text) : undefined,
    };
  }

  return {
    connection: app.get(DatabaseConnection),
    database: app.get<Database>(DATABASE),
    queries,
    url,
    caches: app.get(CacheManager),
    loseDatabase: () => app.get(DatabaseConnection).onApplicationShutdown(),
    get: (path) => request('GET', path, {}),
    getAs: (token, path) => request('GET', path, { token }),
    send: (method, path, body) => request(method, path, { body }),
    close: () => app.close(),
  };
}
