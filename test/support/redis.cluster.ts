/** A real Redis Cluster of one's own: three primaries on free loopback ports, no key on disk. */
import { setTimeout as delay } from 'node:timers/promises';
import { startRedis, type RedisServer } from './redis.server.js';
import { until } from './waiting.js';

export interface RedisCluster {
  /** In the order of their slots: a third of the keys each. */
  readonly nodes: readonly RedisServer[];
  /** Of the first node, where one was asked for. */
  readonly replica: RedisServer | undefined;
  /** What a client is told in order to find the rest. */
  readonly startupNodes: { host: string; port: number }[];
  /** Resolves when every node sees every slot served. One that was restarted refuses commands for two seconds. */
  ready(): Promise<void>;
  /** Resolves when the replica is in step, and every node tells of it. */
  replicated(): Promise<void>;
  /** Resolves when the replica has taken the place of the first node, which was killed. */
  promoted(): Promise<void>;
  stop(): Promise<void>;
}

const PRIMARIES = 3;
const SLOTS = 16_384;
const ATTEMPTS = 20;
const PROBE_EVERY_MS = 20;
const READY_WITHIN_MS = 30_000;
/** The nodes talk to each other on their port + 10,000: one that is too high for it, or taken there, will not do. */
const UNFIT_PORT = /port number too high|already in use|failed listening/i;

const SETTINGS = [
  ['--cluster-enabled', 'yes'],
  // In the node's own directory: one that is restarted is the node it was.
  ['--cluster-config-file', 'nodes.conf'],
  ['--cluster-announce-ip', '127.0.0.1'],
  // Long enough for a busy machine not to look like a dead node.
  ['--cluster-node-timeout', '5000'],
  // As in ElastiCache: the slots of the nodes that live are served.
  ['--cluster-require-full-coverage', 'no'],
].flat();

/** Starts a cluster and waits until it serves every slot: two seconds, since a new node takes no writes before. */
export async function startRedisCluster(
  options: { args?: string[]; hasReplica?: boolean } = {},
): Promise<RedisCluster> {
  const args = [...SETTINGS, ...(options.args ?? [])];
  const starts = await Promise.allSettled(
    Array.from({ length: PRIMARIES }, () => startNode(args, ATTEMPTS)),
  );
  const nodes = starts.flatMap((start) => (start.status === 'fulfilled' ? start.value : []));
  let replica: RedisServer | undefined;
  const stop = async () =>
    void (await Promise.all([...nodes, ...(replica ? [replica] : [])].map((node) => node.stop())));
  try {
    for (const start of starts) if (start.status === 'rejected') throw start.reason;
    await unite(nodes);
    await readiness(nodes);
    if (options.hasReplica) await follow((replica = await startNode(args, ATTEMPTS)), nodes);
  } catch (error) {
    await stop();
    throw error;
  }
  const startupNodes = nodes.map(({ host, port }) => ({ host, port }));
  return {
    nodes,
    replica,
    startupNodes,
    ready: () => readiness(nodes),
    replicated: () => replication(replica!, nodes),
    promoted: () => promotion(replica!, nodes.slice(1)),
    stop,
  };
}

async function startNode(args: string[], attempts: number): Promise<RedisServer> {
  try {
    return await startRedis({ args });
  } catch (error) {
    if (attempts === 1 || !UNFIT_PORT.test(String(error))) throw error;
    return startNode(args, attempts - 1);
  }
}

async function unite(nodes: readonly RedisServer[]): Promise<void> {
  await Promise.all(
    nodes.map(async (node, i) => {
      // Nodes that meet with the same epoch spend seconds on agreeing who is the elder.
      await node.command('CLUSTER', 'SET-CONFIG-EPOCH', `${i + 1}`);
      await node.command('CLUSTER', 'ADDSLOTS', ...slotsOf(i));
    }),
  );
  for (const [i, node] of nodes.entries()) {
    // Everyone is introduced to everyone: the news would travel by itself, but slowly.
    for (const { host, port } of nodes.slice(i + 1)) {
      await node.command('CLUSTER', 'MEET', host, `${port}`);
    }
  }
}

/** Makes one the replica of the first node. */
async function follow(replica: RedisServer, nodes: readonly RedisServer[]): Promise<void> {
  const primary = nodes[0]!;
  const id = String(await primary.command('CLUSTER', 'MYID'));
  await replica.command('CLUSTER', 'MEET', primary.host, `${primary.port}`);
  const isKnown = async () => String(await replica.command('CLUSTER', 'NODES')).includes(id);
  await until('the replica has met its primary', isKnown);
  await replica.command('CLUSTER', 'REPLICATE', id);
  await replication(replica, nodes);
}

async function replication(replica: RedisServer, nodes: readonly RedisServer[]): Promise<void> {
  await until('the replica is in step', async () =>
    String(await replica.command('INFO', 'replication')).includes('master_link_status:up'),
  );
  const port = Number(replica.port);
  await until('every node tells of the replica', async () => {
    const answers = await Promise.all(nodes.map((node) => node.command('CLUSTER', 'SLOTS')));
    return answers.every((answer) => [answer].flat(Number.POSITIVE_INFINITY).includes(port));
  });
}

async function promotion(replica: RedisServer, others: readonly RedisServer[]): Promise<void> {
  await until('the replica is promoted', async () => {
    const [role] = (await replica.command('ROLE')) as string[];
    const infos = await Promise.all([replica, ...others].map(infoOf));
    return role === 'master' && infos.every(isReady);
  });
}

function slotsOf(index: number): string[] {
  const [first, end] = [index, index + 1].map((n) => Math.ceil((n * SLOTS) / PRIMARIES));
  return Array.from({ length: end! - first! }, (_, i) => `${first! + i}`);
}

async function readiness(nodes: readonly RedisServer[]): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS;
  for (const node of nodes) {
    for (let info = await infoOf(node); !isReady(info); info = await infoOf(node)) {
      if (performance.now() > deadline) {
        throw new Error(`the cluster is not ready, says the node on port ${node.port}:\n${info}`);
      }
      await delay(PROBE_EVERY_MS);
    }
  }
}

async function infoOf(node: RedisServer): Promise<string> {
  return String(await node.command('CLUSTER', 'INFO'));
}

function isReady(info: string): boolean {
  const expected = ['cluster_state:ok', `cluster_slots_ok:${SLOTS}`, `cluster_size:${PRIMARIES}`];
  return expected.every((line) => info.includes(line));
}
