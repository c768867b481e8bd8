/** The built demo as `npm start` and `npm run tour` run it: a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, expect, it } from '@jest/globals';

const START_TIMEOUT_MS = 60_000;
const TOUR_TIMEOUT_MS = 120_000;
const SMALL = { PORT: '0', SEED_ARTICLES: '60', SEED_USERS: '9', REDIS_URL: '', DATABASE_URL: '' };

let child: ChildProcess | undefined;
afterEach(() => {
  child?.kill('SIGKILL');
});

it(
  'says where it listens and what it uses, answers, and ends with 0 on Ctrl-C',
  async () => {
    const demo = run('main.js', SMALL);
    await demo.printed(/Ctrl-C/);
    const text = demo.output();
    expect(text).toMatch(/database +PGlite, in memory/);
    expect(text).toMatch(/cache +this process's memory/);
    expect(text).toContain('REDIS_URL=redis://');

    const curls = [...text.matchAll(/curl .*'(http.+)'/g)].map(([, url]) => url!);
    expect(curls).toHaveLength(4);
    for (const url of curls) expect((await fetch(url)).status).toBe(200);

    demo.child.kill('SIGINT');
    expect(await demo.exit).toEqual([0, null]);
    expect(demo.errors()).toBe('');
  },
  START_TIMEOUT_MS,
);

it(
  'refuses a bad environment before it starts anything',
  async () => {
    const demo = run('main.js', { ...SMALL, REDIS_URL: 'localhost:6379', CACHE_TTL_TAGS: 'never' });
    expect(await demo.exit).toEqual([1, null]);
    expect(demo.errors()).toContain('REDIS_URL must look like');
    expect(demo.errors()).toContain('CACHE_TTL_TAGS must be a duration');
  },
  START_TIMEOUT_MS,
);

it(
  'gives the tour and ends by itself, the cached calls without a query',
  async () => {
    const tour = run('tour/main.js', SMALL);
    expect(await tour.exit).toEqual([0, null]);
    expect(tour.errors()).toBe('');
    const rows = [...tour.output().matchAll(/^ {2}(GET|PUT) (\S+) .* (\d+) *$/gm)];
    const queries = rows.map(([, method, path, count]) => `${method} ${path} ${count}`);
    expect(queries.slice(0, 2)).toEqual(['GET /articles/42 1', 'GET /articles/42 0']);
    const refused = rows.findIndex(([row]) => / 400 /.test(row));
    expect(queries[refused + 1]).toBe('GET /articles/42 0');
    expect(queries[refused + 3]).toBe('GET /articles/42 1');
    expect(tour.output()).toMatch(/GET \/articles\/42 +304 +HIT /);
    expect(tour.output()).toMatch(
      / 200 +STALE .*\n {4}cache-status: elasticache; hit; ttl=(0|-\d+)\n/,
    );
    // Where `npm test` has Redis from Docker only, the tour has none and says so.
    const hasRedis = process.env['REDIS_SERVER_IMAGE'] === undefined;
    expect(tour.output()).toContain(hasRedis ? 'Redis has just been killed' : 'is on PATH');
  },
  TOUR_TIMEOUT_MS,
);

function run(entry: string, variables: Record<string, string>) {
  const path = new URL(`../../../apps/demo/dist/${entry}`, import.meta.url).pathname;
  // Jest's own NODE_OPTIONS would print a warning in the demo.
  const env = { ...process.env, NODE_OPTIONS: '', ...variables };
  const running = spawn(process.execPath, [path], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  child = running;
  let output = '';
  let errors = '';
  running.stderr.on('data', (chunk: Buffer) => (errors += chunk));
  const exit = once(running, 'exit');

  async function printed(pattern: RegExp): Promise<void> {
    if (pattern.test(output)) return;
    await Promise.race([
      new Promise<void>((resolve) => {
        running.stdout.on('data', () => pattern.test(output) && resolve());
      }),
      exit.then(() => {
        throw new Error(`The demo ended early:\n${output}\n${errors}`);
      }),
    ]);
  }
  running.stdout.on('data', (chunk: Buffer) => (output += chunk));
  return { child: running, exit, printed, output: () => output, errors: () => errors };
}
