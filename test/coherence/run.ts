/** One run of the checker: servers, processes, faults, and the verdict on their history. */
import { startRedisCluster } from '../support/redis.cluster.js';
import { type RedisServer, startRedis } from '../support/redis.server.js';
import { startProxy, type TcpProxy } from '../support/tcp.proxy.js';
import { FarAway } from './far.away.js';
import { allFaults, CUT_OFF, type Site } from './faults.js';
import { judge, lagging, type Read, type Verdict } from './history.js';
import type { Tally } from './messages.js';
import { sleep, within } from './monotonic.js';
import { Random } from './random.js';
import { type Address, hasCopies, type SubjectOptions } from './subject.js';
import { Book, Worker } from './worker.js';

export interface Configuration {
  readonly subject: string;
  readonly consistency: SubjectOptions['consistency'];
  readonly faults: 'none' | 'all';
  readonly servers: 'standalone' | 'cluster';
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
  /** Processes whose calls did not come to their end. */
  readonly hung: readonly string[];
}

export const PROCESSES = 4;
/** A history of fewer says nothing. */
export const LEAST = { reads: 100, invalidations: 10 } as const;
/** The most that an answer to the process with proxies is late by. */
const LATE_BY_MS = 20;
const QUIET_MS = 1000;
/** A busy machine needs more time for a history that is worth judging; this is the most it gets. */
const MORE_SECONDS = 30;
const STEP_MS = 100;
const END_WITHIN_MS = 20_000;

export async function run(configuration: Configuration, settings: RunSettings): Promise<Outcome> {
  const ground = await layGround(configuration, new Random(settings.seed));
  const crew = new Crew(configuration, settings, ground);
  try {
    const seconds = await crew.work();
    return { configuration, seed: settings.seed, seconds, ...(await crew.result()) };
  } finally {
    await crew.end();
    await ground.clear();
  }
}

interface Ground {
  readonly servers: readonly RedisServer[];
  readonly proxies: readonly TcpProxy[];
  address(place: number): Address;
  /** Resolves when all servers answer, after one was started anew. */
  ready(): Promise<void>;
  deafen(): void;
  clear(): Promise<void>;
}

async function layGround({ servers: kind }: Configuration, random: Random): Promise<Ground> {
  const isCluster = kind === 'cluster';
  const cluster = isCluster ? await startRedisCluster() : undefined;
  const servers = cluster?.nodes ?? [await startRedis()];
  const proxies = await Promise.all(servers.map((server) => startProxy(server)));
  const far = new FarAway(() => random.upTo(LATE_BY_MS));
  for (const proxy of proxies) proxy.spoil(far.spoil);
  const direct = { isCluster, ports: servers.map(({ port }) => port), instead: [] };
  const indirect = {
    isCluster,
    ports: proxies.map(({ port }) => port),
    instead: servers.map(({ port }, i) => [port, proxies[i]!.port] as const),
  };
  return {
    servers,
    proxies,
    address: (place) => (place === CUT_OFF ? indirect : direct),
    ready: async () => cluster?.ready(),
    deafen: () => far.deafen(),
    async clear() {
      await Promise.all(proxies.map((proxy) => proxy.stop()));
      await (cluster ?? servers[0]!).stop();
    },
  };
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

  private get isWorthJudging(): boolean {
    const { reads, invalidations } = this.book;
    return reads.length > LEAST.reads && invalidations.length > LEAST.invalidations;
  }

  /** Resolves with how many seconds it took. */
  async work(): Promise<number> {
    await Promise.all(this.workers.map((worker) => worker.up()));
    const start = performance.now();
    const elapsed = () => (performance.now() - start) / 1000;
    await Promise.all(this.workers.map((worker) => worker.start()));
    const { seconds } = this.settings;
    const isOver = () =>
      elapsed() >= seconds && (this.isWorthJudging || elapsed() > seconds + MORE_SECONDS);
    do await (this.configuration.faults === 'all' ? allFaults(this) : sleep(STEP_MS));
    while (!isOver());
    return elapsed();
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
