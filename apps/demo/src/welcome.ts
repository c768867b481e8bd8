import type { Environment } from './config/environment.js';

export interface Running {
  readonly url: string;
  /** Which engine, and where. */
  readonly database: string;
  readonly environment: Environment;
}

/** What `npm start` prints once the application listens. */
export function welcome({ url, database, environment }: Running): string {
  const { REDIS_URL, DATABASE_URL } = environment;
  const place =
    REDIS_URL === undefined ? "this process's memory" : `Redis at ${new URL(REDIS_URL).host}`;
  const cache = environment.CACHE === 'off' ? 'off' : place;
  const endpoints = [
    ['GET /articles?skip&limit', environment.CACHE_TTL_ARTICLES_LIST, '/articles?skip=0&limit=5'],
    ['GET /articles/:id', environment.CACHE_TTL_ARTICLE, '/articles/42'],
    ['GET /users/:id', environment.CACHE_TTL_USER, '/users/7'],
    ['GET /tags', environment.CACHE_TTL_TAGS, '/tags'],
  ] as const;
  return [
    '',
    `  The demo of nestjs-elasticache is listening on ${url}`,
    '',
    `  database  ${database}`,
    `  cache     ${cache}`,
    `  API       ${url}/docs   health: ${url}/health   hits and queries: ${url}/stats`,
    '',
    '  Four endpoints are cached. Call one twice, and look at X-Cache, Cache-Status and the time:',
    '',
    ...endpoints.flatMap(([endpoint, ttl, path]) => [
      `    ${endpoint.padEnd(26)}cached for ${ttl}`,
      `      curl -i -w '\\n%{time_total} s\\n' '${url}${path}'`,
    ]),
    '',
    '  Users belong to organisations. Sign in, and see what your colleagues wrote, cached for you alone:',
    '',
    `    TOKEN=$(curl -s "${url}/tokens" -d 'email=user4@example.com&password=demo' | cut -d'"' -f4)`,
    `    curl -H "Authorization: Bearer $TOKEN" "${url}/me/feed"`,
    '',
    ...(REDIS_URL === undefined || DATABASE_URL === undefined ? SWITCHING : []),
    '  Ctrl-C stops it.',
    '',
  ].join('\n');
}

const SWITCHING = [
  '  With real servers:',
  '    REDIS_URL=redis://localhost:6379 DATABASE_URL=postgres://user:password@localhost:5432/demo npm start',
  '',
];
