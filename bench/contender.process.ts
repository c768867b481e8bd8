/** One contender in a process of its own, so that none is slowed by what another taught the compiler. */
import { deepStrictEqual } from 'node:assert/strict';
import { Redis } from 'ioredis';
import { serve } from './child.js';
import type { Case, Question, Subject } from './question.js';
import { workloadOf } from './workload.js';

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

const COMPARED_PER_ROUND = 32;

const [file = '', name, redisUrl = ''] = process.argv.slice(2);
const { default: question } = (await import(file)) as { default: Question };
const workload = workloadOf(question.calls);
let loads = 0;
let calls = 0;

await serve<RoundRequest>(async () => {
  const subject = await start();
  const forget = workload.forgets ? await flusher() : async () => undefined;
  return async ({ load, ms }) => {
    const measured = await round(subject, load, ms);
    await forget();
    return measured;
  };
});

async function start(): Promise<Subject> {
  const contender = question.contenders.find((one) => one.name === name)!;
  const load = async (id: number) => {
    loads++;
    return workload.article(id);
  };
  const subject = await contender.create({ load, redisUrl });
  let call = 0;
  await lanes(workload.fillingLanes, async () => {
    while (call < workload.fillingCalls) await subject.call(workload.fillingArgument(call++));
  });
  return subject;
}

async function flusher(): Promise<() => Promise<unknown>> {
  const redis = new Redis(redisUrl);
  await redis.ping();
  return () => redis.flushdb();
}

async function round(subject: Subject, load: Case, ms: number): Promise<Round> {
  const [before, first] = [loads, calls];
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  while (performance.now() - start < ms) await callMany(subject, load);
  const wallMs = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  const count = calls - first;
  await compare(subject, first);
  const loaded = loads - before;
  if (loaded !== workload.loadsPerCall * count) {
    throw new Error(`the loader ran ${loaded} times in ${count} calls`);
  }
  return { wall: (wallMs * 1e6) / count, cpu: ((user + system) * 1e3) / count };
}

async function callMany(subject: Subject, { inFlight, batch }: Case): Promise<void> {
  const end = calls + batch;
  await lanes(inFlight, async () => {
    while (calls < end) {
      const argument = workload.argument(calls++);
      const answer = await subject.call(argument);
      if (!workload.fits(answer, argument)) throw new Error(`a wrong answer came for ${argument}`);
    }
  });
}

/** What the first calls of the round asked for is in the cache, and right. */
async function compare(subject: Subject, first: number): Promise<void> {
  for (let call = first; call < first + COMPARED_PER_ROUND; call++) {
    const argument = workload.argument(call);
    deepStrictEqual(await subject.call(argument), workload.expected(argument));
  }
}

async function lanes(count: number, lane: () => Promise<void>): Promise<void> {
  if (count === 1) return lane();
  await Promise.all(Array.from({ length: count }, lane));
}
