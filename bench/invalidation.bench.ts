/** What does it cost to invalidate 100,000 entries of 1 KB at once: whoever asks for it, and another client that reads something else? */
import { Child } from './child.js';
import { invalidationContenders, type InvalidationContender } from './invalidation.contenders.js';
import type { InvalidationRequest, Timing } from './invalidation.process.js';
import type { Experiment } from './question.js';
import type { ReaderRequest, Readings } from './reader.process.js';
import { aligned, median, nameOf, notRunningOf } from './table.js';

const ROUNDS = 5;

interface Round {
  readonly pingMs: number;
  readonly ms: number;
  readonly before: Readings;
  readonly meanwhile: Readings;
}

export default {
  title: 'The invalidation of 100,000 entries',
  async ask({ redisUrl }) {
    const reader = new Child('the reader', './reader.process.js', [`${redisUrl}/15`]);
    try {
      await reader.ready();
      const rows: string[][] = [];
      // One contender at a time: a hundred megabytes each.
      for (const one of invalidationContenders) rows.push(await rowOf(one, { redisUrl, reader }));
      return `${aligned([HEADINGS, ...rows])}\n\n${EXPLANATION}`;
    } finally {
      reader.end();
    }
  },
} satisfies Experiment;

const HEADINGS = ['', 'ms', 'min–max', 'PING ×', 'GET p50', 'meanwhile', 'GET p99', 'meanwhile'];
const EXPLANATION = `PING × is the time by that of a PING shortly before, from the same process; the GETs, in microseconds,
are those of another client, shortly before and from the invalidation's begin until 100 ms after its end.`;

async function rowOf(
  contender: InvalidationContender,
  { redisUrl, reader }: { redisUrl: string; reader: Child },
): Promise<string[]> {
  const { name, peer } = contender;
  const child = new Child(name, './invalidation.process.js', [name, redisUrl]);
  try {
    const notRunning = await child.ready();
    if (notRunning !== undefined) {
      if (peer === undefined) throw new Error(`${name}: ${notRunning}`);
      return [nameOf(contender), notRunningOf(notRunning), ...HEADINGS.slice(2).map(() => '')];
    }
    const rounds: Round[] = [];
    for (let i = 0; i < ROUNDS; i++) rounds.push(await round(child, reader));
    return [nameOf(contender), ...figures(rounds)];
  } finally {
    child.end();
  }
}

async function round(child: Child, reader: Child): Promise<Round> {
  const run = (step: InvalidationRequest['step']) => child.ask<Timing>({ step });
  const readDuring = async (step: InvalidationRequest['step']) => {
    await reader.ask({ reading: true } satisfies ReaderRequest);
    const { ms } = await run(step);
    return { ms, readings: await reader.ask<Readings>({ reading: false }) };
  };
  await run('fill');
  const ping = await readDuring('ping');
  const invalidation = await readDuring('invalidate');
  await run('verify');
  return {
    pingMs: ping.ms,
    ms: invalidation.ms,
    before: ping.readings,
    meanwhile: invalidation.readings,
  };
}

function figures(rounds: readonly Round[]): string[] {
  const times = rounds.map(({ ms }) => ms);
  const middle = (value: (round: Round) => number) => median(rounds.map(value));
  return [
    middle(({ ms }) => ms).toFixed(2),
    `${Math.min(...times).toFixed(2)}–${Math.max(...times).toFixed(2)}`,
    middle(({ ms, pingMs }) => ms / pingMs).toFixed(1),
    middle(({ before }) => before.p50Us).toFixed(0),
    middle(({ meanwhile }) => meanwhile.p50Us).toFixed(0),
    middle(({ before }) => before.p99Us).toFixed(0),
    middle(({ meanwhile }) => meanwhile.p99Us).toFixed(0),
  ];
}
