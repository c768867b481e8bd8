/**
 * What the cache is for: the demo with 10,000 articles, with and without it, in one run.
 * `npm run bench:articles`; `-- --seconds 10` for a shorter one, `-- --write` keeps the answer.
 */
import { writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startRedis } from '../test/support/redis.server.js';
import { ARTICLES, drawIds } from './articles.js';
import { DemoProcess } from './demo.process.js';
import { aligned, median } from './table.js';

const REPEATS = 60;
const CROWD = 10;
const PAGE = 20;
const EVERY_MS = 10;
const WRITE_EVERY = 200;
const USERS = 500;

interface Pair {
  readonly cached: DemoProcess;
  readonly bare: DemoProcess;
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    write: { type: 'boolean', default: false },
  },
});
const redis = await startRedis();
const size = { SEED_ARTICLES: `${ARTICLES}`, SEED_USERS: `${USERS}` };
const [cached, bare] = await Promise.all([
  DemoProcess.start({ ...size, REDIS_URL: redis.url }),
  DemoProcess.start({ ...size, REDIS_URL: '', CACHE: 'off' }),
]);
try {
  const answer = await answerOf({ cached, bare }, Number(values.seconds));
  console.log(answer);
  if (values.write) writeFileSync('bench/ARTICLES.md', answer);
} finally {
  cached.end();
  bare.end();
  await redis.stop();
}

async function answerOf(pair: Pair, seconds: number): Promise<string> {
  const list = (n: number) => `/articles?skip=${n * PAGE}&limit=${PAGE}`;
  const detail = (n: number) => `/articles/${n + 1}`;
  const rows = [
    await compared('a list', pair, { path: list, crowd: 1 }),
    await compared('an article', pair, { path: detail, crowd: 1 }),
    // Beyond the pages that were asked for already.
    await compared(`${CROWD} lists at once`, pair, {
      path: (n) => list(n + REPEATS),
      crowd: CROWD,
    }),
  ];
  const steady = await traffic(pair, seconds);
  return `# The demo with ${ARTICLES.toLocaleString('en')} articles

With Redis and copies in memory, beside the same application without a cache; times as a client in
another process sees them, medians of ${REPEATS}. A ratio is the time without by the time with.

${aligned([['', 'hit', 'miss', 'no cache', 'hit, beside a miss', 'hit, beside no cache'], ...rows])}

${seconds} s of steady traffic, the same for both: ${1000 / EVERY_MS} requests a second - articles, lists, users and tags
by their popularity - and ${1000 / EVERY_MS / WRITE_EVERY} writes.

${aligned([['', 'with', 'without'], ...steady])}
`;
}

interface Asked {
  readonly path: (n: number) => string;
  /** How many ask for one at a time. */
  readonly crowd: number;
}

async function compared(
  name: string,
  { cached, bare }: Pair,
  { path, crowd }: Asked,
): Promise<string[]> {
  const [hits, misses, bares]: number[][] = [[], [], []];
  for (let n = -3; n < REPEATS; n++) {
    // The first few are for the compilers.
    const of = path(n < 0 ? 400 - n : n);
    const times = [
      await timed(cached, { of, crowd, verdict: 'MISS' }),
      await timed(cached, { of, crowd, verdict: 'HIT' }),
      await timed(bare, { of, crowd, verdict: '' }),
    ];
    // On a machine with too much to do Redis may be late, and the second request no hit.
    if (n < 0 || times.includes(undefined)) continue;
    [misses, hits, bares].forEach((all, i) => all!.push(times[i]!));
  }
  if (hits!.length < REPEATS / 2) throw new Error(`${name}: most were not answered as they should`);
  const [hit, miss, without] = [hits, misses, bares].map((all) => median(all!));
  return [
    name,
    ...[hit!, miss!, without!].map((ms) => `${ms.toFixed(2)} ms`),
    ...[miss! / hit!, without! / hit!].map((ratio) => `${ratio.toFixed(1)} ×`),
  ];
}

async function timed(
  demo: DemoProcess,
  { of, crowd, verdict }: { of: string; crowd: number; verdict: string },
): Promise<number | undefined> {
  const begun = performance.now();
  const answers = await Promise.all(Array.from({ length: crowd }, () => demo.ask(of)));
  const ms = performance.now() - begun;
  return answers.every((one) => one.verdict === verdict) ? ms : undefined;
}

/** One request after the other to both, at its time, whether the last has been answered or not. */
async function traffic({ cached, bare }: Pair, seconds: number): Promise<string[][]> {
  const before = [await cached.queries(), await bare.queries()];
  const [idOf, begun] = [drawIds(), performance.now()];
  const verdicts = new Map<string, number>();
  const asking: Promise<unknown>[] = [];
  const count = (seconds * 1000) / EVERY_MS;
  for (let n = 0; n < count; n++) {
    await delay(Math.max(0, begun + n * EVERY_MS - performance.now()));
    const [path, body] = requestOf(n, idOf);
    const told = ({ verdict }: { verdict: string }) =>
      body ?? verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
    asking.push(cached.ask(path, body).then(told), bare.ask(path, body));
  }
  await Promise.all(asking);
  const [withCache, without] = [await cached.queries(), await bare.queries()].map(
    (queries, i) => queries - before[i]!,
  );
  const all = [...verdicts.values()].reduce((sum, one) => sum + one, 0);
  const rate = ((verdicts.get('HIT') ?? 0) + (verdicts.get('STALE') ?? 0)) / all;
  return [
    ['reads', `${all}`, `${all}`],
    ['hits', `${(rate * 100).toFixed(1)} %`, ''],
    ['database queries', `${withCache}`, `${without}`],
    ['queries saved', `${((1 - withCache! / without!) * 100).toFixed(1)} %`, ''],
  ];
}

/** What readers and writers do: the newest is read most, of articles as of pages. */
function requestOf(n: number, idOf: (call: number) => number): [path: string, body?: object] {
  const rank = idOf(n) % 100;
  if (n % WRITE_EVERY === WRITE_EVERY - 1) {
    const body = { title: `Written at ${n}`, body: 'Anew.', tags: ['steady'] };
    return [`/articles/${ARTICLES - rank}`, body];
  }
  const kind = (n * 7) % 20;
  if (kind < 12) return [`/articles/${ARTICLES - rank}`];
  if (kind < 17) return [`/articles?skip=${(rank % 5) * PAGE}&limit=${PAGE}`];
  return kind < 19 ? [`/users/${(rank % 50) + 1}`] : ['/tags'];
}
