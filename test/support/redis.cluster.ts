/** A real Redis Cluster of one's own: three primaries on free loopback ports, no key on disk. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Authority } from './certificates.js';
import { freePort, startRedis, type RedisServer } from './redis.server.js';
import { until } from './waiting.js';

/** A node, which talks to the others over TLS where it has a port for it. */
export type ClusterNode = RedisServer & { readonly tlsPort: number | undefined };

export interface RedisCluster {
  /** In the order of their slots: the same share of the keys each. Those that were added are last. */
  readonly nodes: readonly ClusterNode[];
  /** Of the first node, where one was asked for. */
  readonly replica: ClusterNode | undefined;
  /** What a client is told in order to find the rest; over TLS by names, as the nodes tell of each other. */
  readonly startupNodes: { host: string; port: number }[];
  /** Resolves when every node sees every slot served. One that was restarted refuses commands for two seconds. */
  ready(): Promise<void>;
  /** Adds a primary, which has no slots yet; resolves when all know it. */
  grow(): Promise<ClusterNode>;
  /** Resolves when the replica is in step, and every node tells of it. */
  replicated(): Promise<void>;
  /** Resolves when the replica has taken the place of the first node, which was killed. */
  promoted(): Promise<void>;
  stop(): Promise<void>;
}

const SLOTS = 16_384;
const ATTEMPTS = 20;
const PROBE_EVERY_MS = 20;
const READY_WITHIN_MS = 30_000;
/** The nodes talk to each other on their port + 10,000: one that is too high for it, or taken there, will not do. */
const UNFIT_PORT = /port number too high|already in use|failed listening/i;

/** What nodes go by over TLS, and what their certificate is for. */
const NAME = 'localhost';

const SETTINGS = [
  ['--cluster-enabled', 'yes'],
  // In the node's own directory: one that is restarted is the node it was.
  ['--cluster-config-file', 'nodes.conf'],
  ['--cluster-announce-ip', '127.0.0.1'],
  // Long enough for a busy machine not to look like a dead node.
  ['--cluster-node-timeout', '5000'],
  // A replica is in step, and told of, soon: not before its primary has sent it anything.
  ['--repl-diskless-sync-delay', '0'],
  ['--repl-ping-replica-period', '1'],
  // One that has given its last slot away stays a primary.
  ['--cluster-allow-replica-migration', 'no'],
  // As in ElastiCache: the slots of the nodes that live are served.
  ['--cluster-require-full-coverage', 'no'],
].flat();

export interface ClusterOptions {
  readonly args?: string[];
  /** Default 3. */
  readonly primaries?: number;
  readonly hasReplica?: boolean;
  /** Issues the certificate of the nodes, which speak TLS then, and go by the name localhost. */
  readonly authority?: Authority;
}

/** Starts a cluster and waits until it serves every slot: two seconds, since a new node takes no writes before. */
export async function startRedisCluster(options: ClusterOptions = {}): Promise<RedisCluster> {
  const { primaries = 3, authority } = options;
  const args = [...SETTINGS, ...(authority ? await tlsSettings(authority) : [])];
  args.push(...(options.args ?? []));
  const start = () => startNode({ args, isTls: authority !== undefined }, ATTEMPTS);
  const starts = await Promise.allSettled(Array.from({ length: primaries }, start));
  const nodes = starts.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
  let replica: ClusterNode | undefined;
  const stop = async () =>
    void (await Promise.all([...nodes, ...(replica ? [replica] : [])].map((node) => node.stop())));
  try {
    for (const one of starts) if (one.status === 'rejected') throw one.reason;
    await unite(nodes);
    await readiness(nodes);
    if (options.hasReplica) await follow((replica = await start()), nodes);
  } catch (error) {
    await stop();
    throw error;
  }
  const startupNodes = nodes.map(({ host, port, tlsPort }) =>
    tlsPort === undefined ? { host, port } : { host: NAME, port: tlsPort },
  );
  return {
    nodes,
    replica,
    startupNodes,
    ready: () => readiness(nodes),
    grow: () => growth(start, nodes),
    replicated: () => replication(replica!, nodes),
    promoted: () => promotion(replica!, nodes.slice(1)),
    stop,
  };
}

/** As ElastiCache answers: nodes are told of by name, and talk to each other over TLS, too. */
async function tlsSettings(authority: Authority): Promise<string[]> {
  const { settings } = await authority.issue(`DNS:${NAME}`);
  const names = ['--cluster-announce-hostname', NAME, '--cluster-preferred-endpoint-type'];
  const inside = ['--tls-cluster', 'yes', '--tls-replication', 'yes'];
  return [...settings, '--tls-auth-clients', 'no', ...inside, ...names, 'hostname'];
}

interface NodeStart {
  readonly args: string[];
  readonly isTls: boolean;
}

async function startNode(settings: NodeStart, attempts: number): Promise<ClusterNode> {
  const tlsPort = settings.isTls ? await freePort() : undefined;
  try {
    const own = tlsPort === undefined ? [] : ['--tls-port', `${tlsPort}`];
    return Object.assign(await startRedis({ args: [...settings.args, ...own] }), { tlsPort });
  } catch (error) {
    if (attempts === 1 || !UNFIT_PORT.test(String(error))) throw error;
    return startNode(settings, attempts - 1);
  }
}

async function unite(nodes: readonly ClusterNode[]): Promise<void> {
  await Promise.all(
    nodes.map(async (node, i) => {
      // Nodes that meet with the same epoch spend seconds on agreeing who is the elder.
      await node.command('CLUSTER', 'SET-CONFIG-EPOCH', `${i + 1}`);
      await node.command('CLUSTER', 'ADDSLOTS', ...slotsOf(i, nodes.length));
    }),
  );
  for (const [i, node] of nodes.entries()) {
    // Everyone is introduced to everyone: the news would travel by itself, but slowly.
    for (const other of nodes.slice(i + 1)) await meet(node, other);
  }
}

async function meet(node: RedisServer, { host, port, tlsPort }: ClusterNode): Promise<void> {
  await node.command('CLUSTER', 'MEET', host, `${tlsPort ?? port}`);
}

async function growth(start: () => Promise<ClusterNode>, nodes: ClusterNode[]) {
  const [first, ...others] = nodes;
  const size = nodes.length;
  const added = await start();
  nodes.push(added);
  await meet(added, first!);
  await Promise.all([first!, ...others].map((node) => acquaintance(node, added)));
  await until('the node that was added is ready', async () => isReady(await infoOf(added), size));
  return added;
}

/** Resolves when one node knows the other. */
async function acquaintance(node: RedisServer, other: RedisServer): Promise<void> {
  const id = String(await other.command('CLUSTER', 'MYID'));
  const isKnown = async () => String(await node.command('CLUSTER', 'NODES')).includes(id);
  await until('a node has met another', isKnown);
}

/** Makes one the replica of the first node. */
async function follow(replica: ClusterNode, nodes: readonly ClusterNode[]): Promise<void> {
  const primary = nodes[0]!;
  const id = String(await primary.command('CLUSTER', 'MYID'));
  await meet(replica, primary);
  await acquaintance(replica, primary);
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
    const primaries = [replica, ...others];
    const infos = await Promise.all(primaries.map(infoOf));
    return role === 'master' && infos.every((info) => isReady(info, primaries.length));
  });
}

function slotsOf(index: number, primaries: number): string[] {
  const [first, end] = [index, index + 1].map((n) => Math.ceil((n * SLOTS) / primaries));
  return Array.from({ length: end! - first! }, (_, i) => `${first! + i}`);
}

async function readiness(nodes: readonly RedisServer[]): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS;
  for (const node of nodes) {
    let info: string;
    while (!isReady((info = await infoOf(node)), nodes.length)) {
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

function isReady(info: string, primaries: number): boolean {
  const expected = ['cluster_state:ok', `cluster_slots_ok:${SLOTS}`, `cluster_size:${primaries}`];
  return expected.every((line) => info.includes(line));
}
