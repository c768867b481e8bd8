/** What befalls the processes of a run and their servers: one thing after the other, in an order drawn by the seed. */
import type { RedisServer } from '../support/redis.server.js';
import { moveSlots } from '../support/slot.migration.js';
import type { TcpProxy } from '../support/tcp.proxy.js';
import { sleep } from './monotonic.js';
import type { Random } from './random.js';
import type { Worker } from './worker.js';

/** What faults can get hold of. */
export interface Site {
  readonly random: Random;
  readonly servers: readonly RedisServer[];
  /** At their places, however often they were replaced. */
  readonly workers: readonly Worker[];
  /** Resolves when all servers answer, after one was started anew. */
  readonly ready: () => Promise<void>;
  /** Puts a new process in the place of one that crashed. */
  readonly replace: (place: number) => Promise<void>;
  /** All that the process in place {@link CUT_OFF} reaches the servers by. */
  readonly proxies: readonly TcpProxy[];
  /** On the connections that it now reads the stream on nothing passes any more; all others go on. */
  readonly deafen: () => void;
  /** Whether the processes tell each other by a stream what was invalidated. */
  readonly hasStream: boolean;
}

/** The place of the process that has proxies before its servers. */
export const CUT_OFF = 1;
/** Where processes are stopped, and where they are killed: not both to one at a time. */
const STOPPED = [0, CUT_OFF];
const KILLED = [2, 3];

const STOPPED_WORKER_MS = 3000;
const STOPPED_SERVER_MS = 2000;
const CUT_OFF_MS = 2500;
/** After a crash: the next write would repair what it left. */
const HUSH_MS = 800;
/** For what a fault set going to come to its end before the next. */
const CALM_MS = 300;
/** Of those that a resharding moves, each in two steps or more. */
const MOVED_SLOTS = 12;
const MOVING_MS = 30;
const HOUR_MS = 3_600_000;

type Fault = (site: Site) => Promise<void>;

/**
 * A crash goes with what leaves the servers alone: a barrier that is lost before its writer dies is
 * the one case that strict mode leaves open.
 */
const FAULTS: readonly Fault[] = [
  together(stopWorker, crashWriter),
  together(cutWorkerOff, crashWriter),
  stopServer,
  restartServer,
  cutConnections,
];

const STREAM_FAULTS: readonly Fault[] = [
  together(stopWorker, trimStream),
  deafenWorker,
  flushServer,
  removeStream,
  turnStreamBack,
];

/** Each fault once. */
export async function allFaults(site: Site): Promise<void> {
  const faults = [
    ...FAULTS,
    ...(site.hasStream ? STREAM_FAULTS : []),
    ...(site.servers.length > 1 ? [(one: Site) => moveKeys(one)] : []),
  ];
  for (const fault of site.random.shuffle(faults)) {
    await fault(site);
    await sleep(CALM_MS);
  }
}

function together(...faults: readonly Fault[]): Fault {
  return async (site) => void (await Promise.all(faults.map((fault) => fault(site))));
}

/** Between its load and its store. */
async function stopWorker({ random, workers }: Site): Promise<void> {
  const worker = workers[random.pick(STOPPED)]!;
  const query = await worker.next('read');
  worker.pause();
  query.answer();
  await sleep(STOPPED_WORKER_MS);
  worker.resume();
}

/** Between its commit and its invalidation. */
async function crashWriter({ random, workers, replace }: Site): Promise<void> {
  const place = random.pick(KILLED);
  const query = await workers[place]!.next('commit');
  query.carryOut();
  await workers[place]!.end();
  for (const other of workers) other.hush(HUSH_MS);
  await Promise.all([replace(place), sleep(HUSH_MS)]);
}

/** On all sockets at once: nothing answers, and nothing is lost. */
async function stopServer({ random, servers }: Site): Promise<void> {
  const server = random.pick(servers);
  server.pause();
  await sleep(STOPPED_SERVER_MS);
  server.resume();
}

/** As a crash; it is empty afterwards. */
async function restartServer({ random, servers, ready }: Site): Promise<void> {
  await random.pick(servers).restart();
  await ready();
}

async function cutConnections({ servers }: Site): Promise<void> {
  for (const server of servers) await server.command('CLIENT', 'KILL', 'TYPE', 'normal');
}

/** To another primary of the cluster, the stream and versions among them, as when a shard is added. */
export async function moveKeys(
  { random, servers }: Pick<Site, 'random' | 'servers'>,
  [from, to] = random.shuffle(servers),
): Promise<void> {
  const keys = random.shuffle(await from!.keys()).slice(0, MOVED_SLOTS);
  await moveSlots(servers, keys, { from: from!, to: to!, pause: () => sleep(MOVING_MS) });
}

async function cutWorkerOff({ proxies }: Site): Promise<void> {
  for (const proxy of proxies) proxy.hang();
  await sleep(CUT_OFF_MS);
  for (const proxy of proxies) proxy.resume();
}

/** Half open: it is told nothing, and nobody tells it that, while it reads and writes like the others. */
async function deafenWorker({ deafen }: Site): Promise<void> {
  deafen();
  await sleep(CUT_OFF_MS);
}

/** Past the process that is stopped. */
async function trimStream({ servers }: Site): Promise<void> {
  await sleep(STOPPED_WORKER_MS - 2 * CALM_MS);
  await onStream(servers, 'XTRIM', 'MAXLEN', '0');
}

async function removeStream({ servers }: Site): Promise<void> {
  await onStream(servers, 'DEL');
}

/** All that was told is gone with all else. */
async function flushServer({ random, servers }: Site): Promise<void> {
  await random.pick(servers).command('FLUSHALL');
}

/** A new stream, whose ids are smaller than those that were read: as by a clock that was wrong. */
async function turnStreamBack({ servers }: Site): Promise<void> {
  await onStream(servers, 'XADD', `${Date.now() + HOUR_MS}-0`, 'wrong', 'clock');
  await sleep(CALM_MS);
  await onStream(servers, 'DEL');
}

/** On the one server that has it. */
async function onStream(servers: readonly RedisServer[], command: string, ...args: string[]) {
  const found = await Promise.all(servers.map((server) => server.keys('*:~bus')));
  for (const [i, [stream]] of found.entries()) {
    if (stream !== undefined) await servers[i]!.command(command, stream, ...args);
  }
}
