/** Four processes want the same article at the same moment, a thousand times each: who loads it, and how long does it take? */
import { setTimeout as delay } from 'node:timers/promises';
import { Child } from './child.js';
import { decorated, inRedis } from './elasticache.subject.js';
import type { Contender, Experiment, World } from './question.js';
import { lockByHand, peers } from './redis.peers.js';
import type { Rush, Rushed } from './stampede.process.js';
import { aligned, median, nameOf, notRunningOf } from './table.js';

const PROCESSES = 4;
const CALLS = 1000;
const LOADER_MS = 50;
const ROUNDS = 15;
/** Not counted: the compiler is at work. */
const WARM_UP_ROUNDS = 5;
/** From the request until the rush: time for it to reach everyone. */
const NOTICE_MS = 30;

/** What nobody can be faster than: no cache, one load in every process. */
async function bareLoader({ load }: World) {
  const running = new Map<number, ReturnType<World['load']>>();
  const findOne = (id: number) => {
    const promise = running.get(id) ?? load(id);
    running.set(id, promise);
    return promise;
  };
  return { call: findOne };
}

export const contenders: readonly Contender[] = [
  { name: 'the loader alone, once in each process', create: bareLoader },
  { name: 'SET NX as a lock, looked at every 5 ms', create: lockByHand },
  { name: '**@Cacheable** (`distributed`, the default)', create: decorated(inRedis('msgpack')) },
  {
    name: "**@Cacheable**, `singleFlight: 'process'`",
    create: decorated(inRedis('msgpack', { singleFlight: 'process' })),
  },
  ...peers,
];

export default {
  title: `A stampede: ${PROCESSES} processes, ${CALLS.toLocaleString('en')} calls each, one cold key, a loader of ${LOADER_MS} ms`,
  async ask({ file, redisUrl }) {
    const crowds = contenders.map((one, i) => new Crowd(one, [file, one.name, `${redisUrl}/${i}`]));
    try {
      for (const crowd of crowds) await crowd.ready();
      for (let id = 1; id <= WARM_UP_ROUNDS + ROUNDS; id++) {
        for (const crowd of crowds) await crowd.rush(id);
      }
      return tableOf(crowds);
    } finally {
      for (const crowd of crowds) crowd.end();
    }
  },
} satisfies Experiment;

/** A contender's processes. */
class Crowd {
  readonly rounds: { readonly loads: number; readonly ms: number }[] = [];
  notRunning: string | undefined;
  private readonly children: readonly Child[];

  constructor(
    readonly contender: Contender,
    args: readonly string[],
  ) {
    this.children = Array.from(
      { length: PROCESSES },
      () => new Child(contender.name, './stampede.process.js', [...args, `${LOADER_MS}`]),
    );
  }

  async ready(): Promise<void> {
    for (const child of this.children) this.notRunning ??= await child.ready();
    if (this.notRunning === undefined || this.contender.peer !== undefined) return;
    throw new Error(`${this.contender.name}: ${this.notRunning}`);
  }

  async rush(id: number): Promise<void> {
    if (this.notRunning !== undefined) return;
    const atMs = Number(process.hrtime.bigint()) / 1e6 + NOTICE_MS;
    const request: Rush = { id, calls: CALLS, atMs };
    const rushed = await Promise.all(this.children.map((child) => child.ask<Rushed>(request)));
    const loads = rushed.reduce((sum, one) => sum + one.loads, 0);
    const ms = Math.max(...rushed.map(({ endedAtMs }) => endedAtMs)) - atMs;
    if (id > WARM_UP_ROUNDS) this.rounds.push({ loads, ms });
    await delay(NOTICE_MS); // What was not waited for is over before the next.
  }

  end(): void {
    for (const child of this.children) child.end();
  }
}

function tableOf(crowds: readonly Crowd[]): string {
  const floor = crowds[0]!.rounds;
  const rows = crowds.map(({ contender, notRunning, rounds }) => {
    if (notRunning !== undefined) return [nameOf(contender), notRunningOf(notRunning), '', '', ''];
    const times = rounds.map(({ ms }, i) => ms / floor[i]!.ms);
    const loads = rounds.map((round) => round.loads);
    return [
      nameOf(contender),
      rangeOf(loads, 0),
      median(times).toFixed(2),
      rangeOf(times, 2),
      median(rounds.map(({ ms }) => ms)).toFixed(1),
    ];
  });
  return aligned([['', 'loads', "the loader's time ×", 'min–max', 'ms'], ...rows]);
}

function rangeOf(values: readonly number[], digits: number): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return least === most
    ? least.toFixed(digits)
    : `${least.toFixed(digits)}–${most.toFixed(digits)}`;
}
