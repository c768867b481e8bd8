/** One run of the checker: servers, processes, faults, and the verdict on their history. */
import { allFaults, type Site } from './faults.js';
import { type Ground, layGround, type Servers } from './ground.js';
import { judge, lagging, type Read, type Verdict } from './history.js';
import type { Tally } from './messages.js';
import { sleep, within } from './monotonic.js';
import { Random } from './random.js';
import { hasCopies, type SubjectOptions } from './subject.js';
import { Book, Worker } from './worker.js';

export interface Configuration {
  readonly subject: string;
  readonly consistency: SubjectOptions['consistency'];
  /** A change is that of the servers: a failover, or a shard that is added. */
  readonly faults: 'none' | 'all' | 'change';
  readonly servers: Servers;
}

export interface RunSettings {
  readonly seed: number;
  /** At least: faults come to their end. */
  readonly seconds: number;
  /** The compiled `worker.process.js`. */
  readonly workerFile: string;
  /** See {@link SubjectOptions}. */
  readonly library?: string;
}

export interface Outcome extends Verdict {
  readonly configuration: Configuration;
  readonly seed: number;
  readonly seconds: number;
  readonly history: Book;
  /** Of the last reads those that did not see what they must. */
  readonly lagging: readonly Read[];
  /** Keys that are old for good somewhere, promised or not. */
  readonly oldForGood: readonly number[];
  readonly tally: Tally;
  /** What the user of the servers may not do, and should. */
  readonly refused: readonly string[];
  /** Processes whose calls did not come to their end. */
  readonly hung: readonly string[];
}

export const PROCESSES = 4;
/** A history of fewer says nothing. */
export const LEAST = { reads: 100, invalidations: 10 } as const;
/** Where nothing hangs, a busy machine is to be no outage: who goes without the cache sees nothing of it. */
const PATIENT_MS = 2000;
const QUIET_MS = 1000;
/** A busy machine needs more time for a history that is worth judging; this is the most it gets. */
const MORE_SECONDS = 30;
const STEP_MS = 100;
const END_WITHIN_MS = 20_000;

export async function run(configuration: Configuration, settings: RunSettings): Promise<Outcome> {
  const ground = await layGround(configuration.servers, new Random(settings.seed));
  const crew = new Crew(configuration, settings, ground);
  try {
    const seconds = await crew.work();
    return { configuration, seed: settings.seed, seconds, ...(await crew.result()) };
  } finally {
    await crew.end();
    await ground.clear();
  }
}

class Crew implements Site {
  readonly random: Random;
  readonly workers: Worker[];
  private readonly book = new Book();
  private readonly hung: string[] = [];
  private hired = 0;

  constructor(
    private readonly configuration: Configuration,
    private readonly settings: RunSettings,
    private readonly ground: Ground,
  ) {
    this.random = new Random(settings.seed);
    this.workers = Array.from({ length: PROCESSES }, (_, place) => this.hire(place));
  }

  get servers() {
    return this.ground.servers;
  }

  get proxies() {
    return this.ground.proxies;
  }

  get hasStream() {
    return hasCopies(this.configuration.subject);
  }

  readonly ready = (): Promise<void> => this.ground.ready();

  readonly deafen = (): void => this.ground.deafen();

  readonly replace = async (place: number): Promise<void> => {
    const worker = this.hire(place);
    this.workers[place] = worker;
    await worker.start();
  };

  /** Resolves with how many seconds it took. */
  async work(): Promise<number> {
    await Promise.all(this.workers.map((worker) => worker.up()));
    const start = performance.now();
    const elapsed = () => (performance.now() - start) / 1000;
    await Promise.all(this.workers.map((worker) => worker.start()));
    const { seconds } = this.settings;
    if (this.configuration.faults === 'change') {
      await this.goOn(seconds / 2, elapsed);
      await this.ground.change!(() => this.goOn(0, elapsed));
    }
    await this.goOn(seconds, elapsed);
    return elapsed();
  }

  /** Until so many seconds have passed, and there is more to judge. */
  private async goOn(seconds: number, elapsed: () => number): Promise<void> {
    const end = Math.max(seconds, elapsed()) + MORE_SECONDS;
    const { reads, invalidations } = this.book;
    const least = {
      reads: reads.length + LEAST.reads,
      invalidations: invalidations.length + LEAST.invalidations,
    };
    const isWorthJudging = () =>
      reads.length > least.reads && invalidations.length > least.invalidations;
    const isOver = () => elapsed() >= seconds && (isWorthJudging() || elapsed() > end);
    do await (this.configuration.faults === 'all' ? allFaults(this) : sleep(STEP_MS));
    while (!isOver());
  }

  async result(): Promise<Omit<Outcome, 'configuration' | 'seed' | 'seconds'>> {
    const tallies = await Promise.all(this.workers.map((worker, i) => this.rested(worker, i)));
    await sleep(QUIET_MS);
    const alive = this.workers.filter((_, i) => tallies[i] !== undefined);
    const last = (await Promise.all(alive.map((worker) => worker.readAll()))).flat();
    const { book } = this;
    const latest = (key: number) => book.carryOut('read', key);
    return {
      ...judge(book),
      history: book,
      lagging: lagging(book, last, this.configuration.consistency === 'strict'),
      oldForGood: [
        ...new Set(last.filter(({ key, version }) => version < latest(key)).map(({ key }) => key)),
      ],
      tally: sumOf(tallies.filter((tally) => tally !== undefined)),
      refused: (await this.ground.refused?.()) ?? [],
      hung: this.hung,
    };
  }

  async end(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.end()));
  }

  private async rested(worker: Worker, place: number): Promise<Tally | undefined> {
    const tally = await within(END_WITHIN_MS, worker.rest());
    if (!tally) this.hung.push(`process ${place}`);
    return tally;
  }

  private hire(place: number): Worker {
    const { configuration, settings, ground, book } = this;
    const options = {
      subject: configuration.subject,
      consistency: configuration.consistency,
      redis: ground.address(place),
      ...(configuration.faults === 'change' && { storeMs: PATIENT_MS }),
      ...(settings.library === undefined ? {} : { library: settings.library }),
      process: `p${place}.${++this.hired}`,
      // Another one than a crashed predecessor's, which would do the same again.
      seed: settings.seed * 1000 + this.hired,
    };
    return new Worker({ file: settings.workerFile, options }, book);
  }
}

function sumOf(tallies: readonly Tally[]): Tally {
  const sum = (of: (tally: Tally) => number) => tallies.reduce((total, one) => total + of(one), 0);
  return {
    readErrors: sum(({ readErrors }) => readErrors),
    writeErrors: sum(({ writeErrors }) => writeErrors),
    failures: sum(({ failures }) => failures),
  };
}
