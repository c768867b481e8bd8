/** One contender in a process of its own, so that none is slowed by what another taught the compiler. */
import { deepStrictEqual } from 'node:assert/strict';
import { ARTICLES, articleOf, drawIds } from './articles.js';
import type { Article, Case, Question, Subject } from './question.js';

/** What the process is told: measure this case for so long. */
export interface RoundRequest {
  readonly load: Case;
  readonly ms: number;
}

/** Nanoseconds per call, in one round. */
export interface Round {
  readonly wall: number;
  /** Of all threads, the collector's too. */
  readonly cpu: number;
}

export type Report = { readonly failed: string } | { readonly ready: true } | Round;

const LANES_OF_FIRST_CALLS = 64;
const COMPARED_PER_ROUND = 32;

const idOf = drawIds();
let loads = 0;
let calls = 0;

try {
  const subject = await start();
  process.on('message', ({ load, ms }: RoundRequest) => {
    void round(subject, load, ms).then(report, fail);
  });
  process.once('disconnect', () => process.exit());
  report({ ready: true });
} catch (error) {
  fail(error);
}

async function start(): Promise<Subject> {
  const [file = '', name, redisUrl = ''] = process.argv.slice(2);
  const { default: question } = (await import(file)) as { default: Question };
  const contender = question.contenders.find((one) => one.name === name)!;
  const load = async (id: number) => {
    loads++;
    return articleOf(id);
  };
  const subject = await contender.create({ load, redisUrl });
  let id = 0;
  await lanes(LANES_OF_FIRST_CALLS, async () => {
    while (id < ARTICLES) await subject.call(++id);
  });
  return subject;
}

async function round(subject: Subject, load: Case, ms: number): Promise<Round> {
  const [before, first] = [loads, calls];
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  while (performance.now() - start < ms) await callMany(subject, load);
  const wallMs = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  const count = calls - first;
  await compare(subject);
  if (loads !== before) throw new Error(`${loads - before} of ${count} calls were no hits`);
  return { wall: (wallMs * 1e6) / count, cpu: ((user + system) * 1e3) / count };
}

async function callMany(subject: Subject, { inFlight, batch }: Case): Promise<void> {
  const end = calls + batch;
  await lanes(inFlight, async () => {
    while (calls < end) {
      const id = idOf(calls++);
      const article = (await subject.call(id)) as Article;
      if (article.id !== id) throw new Error(`article ${article.id} came for ${id}`);
    }
  });
}

async function compare(subject: Subject): Promise<void> {
  for (let i = 0; i < COMPARED_PER_ROUND; i++) {
    const id = idOf(calls + i);
    deepStrictEqual(await subject.call(id), articleOf(id));
  }
}

async function lanes(count: number, lane: () => Promise<void>): Promise<void> {
  if (count === 1) return lane();
  await Promise.all(Array.from({ length: count }, lane));
}

function report(message: Report): void {
  process.send!(message);
}

function fail(error: unknown): void {
  report({ failed: error instanceof Error ? error.message : String(error) });
}
