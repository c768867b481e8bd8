/** One scenario: two processes under load, a fault, and what they did meanwhile. */
import type { Read } from '../coherence/history.js';
import { now, sleep } from '../coherence/monotonic.js';
import { Random } from '../coherence/random.js';
import { until } from '../support/waiting.js';
import { Application, Chronicle } from './application.js';
import type { Fault, Stage } from './faults.js';
import { type Ground, layAlone, layCluster, layReplicated } from './ground.js';
import type { LoadOptions } from './messages.js';
import { CACHES } from './subject.js';

export interface RunSettings {
  readonly subject: string;
  readonly seed: number;
  /** How long the fault lasts, at least. */
  readonly faultMs: number;
  /** The compiled `application.process.js`. */
  readonly processFile: string;
  readonly countsTimers?: boolean;
}

export interface Outcome {
  readonly fault: Fault;
  readonly chronicle: Chronicle;
  /** When it began, and when all was as before; on the clock of the processes. */
  readonly from: number;
  readonly to: number;
  /** Until the first entry was stored whose call had begun after that. */
  readonly storesAfterMs: number | undefined;
  readonly stuck: readonly string[];
  /** The last reads that were not of the latest version, however often they were repeated. */
  readonly lagging: readonly Read[];
}

/** The one that is measured, and that a proxy is before. */
export const NEAR = 'near';
/** Both, together: with caches warm before, and time to recover after. */
const WARM_MS = 700;
const WRITES_MS = 300;
const RECOVERED_WITHIN_MS = 30_000;
const CALM_MS = 1_000;

const PROCESSES: readonly Pick<LoadOptions, 'process' | 'mix' | 'perSecond'>[] = [
  { process: NEAR, mix: 'all', perSecond: 200 },
  { process: 'far', mix: 'registers', perSecond: 50 },
];

export async function run(fault: Fault, settings: RunSettings): Promise<Outcome> {
  const { ground, strike } = await lay(fault);
  const chronicle = new Chronicle();
  const applications: Application[] = [];
  try {
    applications.push(...(await startAll(ground, chronicle, settings)));
    const scene = { ground, strike, applications, chronicle, settings };
    return { fault, chronicle, ...(await play(scene)) };
  } finally {
    await Promise.all(applications.map((application) => application.end()));
    await ground.clear();
  }
}

async function lay(fault: Fault): Promise<Pick<Play, 'ground' | 'strike'>> {
  if (fault.on === 'one') {
    const ground = await layAlone(fault);
    return { ground, strike: (stage) => fault.strike(ground, stage) };
  }
  const ground = await (fault.on === 'cluster' ? layCluster() : layReplicated());
  return { ground, strike: (stage) => fault.strike(ground, stage) };
}

/** Resolves when all could be called. */
export function startAll(
  ground: Ground,
  chronicle: Chronicle,
  { subject, seed, processFile, countsTimers = false }: Omit<RunSettings, 'faultMs'>,
): Promise<Application[]> {
  const starts = PROCESSES.map((load, i) => {
    const address = load.process === NEAR ? ground.near : ground.direct;
    const options = { ...load, seed: seed * 10 + i, subject, address, countsTimers };
    return Application.start(processFile, options, chronicle);
  });
  return Promise.all(starts);
}

interface Play {
  readonly ground: Ground;
  readonly strike: (stage: Stage) => Promise<void>;
  readonly applications: readonly Application[];
  readonly chronicle: Chronicle;
  readonly settings: RunSettings;
}

async function play(scene: Play): Promise<Omit<Outcome, 'fault' | 'chronicle'>> {
  const { applications, strike, chronicle } = scene;
  await all(applications, 'start');
  await sleep(WARM_MS);
  const stage = new LiveStage(applications, scene.settings);
  await strike(stage);
  const to = now();
  const storesAfterMs = await recovery(scene, to);
  await sleep(CALM_MS);
  const stuck = (await all(applications, 'stop')).flat();
  const lagging = await laggards(applications, chronicle);
  return { from: stage.from, to, storesAfterMs, stuck, lagging };
}

export class LiveStage implements Stage {
  from = now();
  readonly random: Random;

  constructor(
    private readonly applications: readonly Application[],
    private readonly settings: Pick<RunSettings, 'seed' | 'faultMs'>,
  ) {
    this.random = new Random(settings.seed);
  }

  async lasts(): Promise<void> {
    this.from = now();
    await sleep(this.settings.faultMs);
  }

  writes(): Promise<void> {
    return sleep(WRITES_MS);
  }

  async breakDatabase(): Promise<void> {
    await all(this.applications, 'breakDatabase');
  }

  async mendDatabase(): Promise<void> {
    await all(this.applications, 'mendDatabase');
  }
}

/** Cold calls are of rows that nobody has read before, so that an entry is known by its key. */
async function recovery({ ground, chronicle }: Play, to: number): Promise<number | undefined> {
  const first = async () => {
    const stored = new Set<number>();
    for (const server of ground.living()) {
      const keys = await server.keys(`*${CACHES.cold}:*`);
      for (const key of keys) stored.add(Number(/:(\d+)$/.exec(key)?.[1]));
    }
    return chronicle.calls.find(
      ({ kind, key, begin }) => kind === 'cold' && begin > to && stored.has(key),
    );
  };
  try {
    const { end } = await until('an entry is stored', first, RECOVERED_WITHIN_MS);
    return end - to;
  } catch {
    return undefined;
  }
}

/** Until all see the latest versions, or do not for so long. */
export async function laggards(
  applications: readonly Application[],
  chronicle: Chronicle,
): Promise<Read[]> {
  let late: Read[] = [];
  const areUpToDate = async () => {
    const reads = (await all(applications, 'look')).flat();
    late = reads.filter(({ key, version }) => version < chronicle.carryOut('read', key));
    return late.length === 0;
  };
  try {
    await until('all see the latest', areUpToDate, CALM_MS * 3);
  } catch {
    return late;
  }
  return [];
}

export function all<K extends Parameters<Application['order']>[0]>(
  applications: readonly Application[],
  order: K,
) {
  return Promise.all(applications.map((application) => application.order<K>(order)));
}
