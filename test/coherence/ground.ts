/** The servers of a run, and how each process reaches them. */
import { elastiCache } from 'nestjs-elasticache/aws';
import { createAuthority } from '../support/certificates.js';
import { documentedRights } from '../support/documented.rights.js';
import {
  type ClusterOptions,
  type RedisCluster,
  startRedisCluster,
} from '../support/redis.cluster.js';
import { startPair } from '../support/redis.replica.js';
import { type RedisServer, startRedis } from '../support/redis.server.js';
import { startProxy, type TcpProxy } from '../support/tcp.proxy.js';
import { until } from '../support/waiting.js';
import { FarAway } from './far.away.js';
import { CUT_OFF, moveKeys } from './faults.js';
import type { Random } from './random.js';
import type { Address } from './subject.js';

export interface Ground {
  readonly servers: readonly RedisServer[];
  readonly proxies: readonly TcpProxy[];
  address(place: number): Address;
  /** Resolves when all servers answer, after one was started anew. */
  ready(): Promise<void>;
  deafen(): void;
  /** What its user was refused, where it is not one who may do everything. */
  refused?(): Promise<string[]>;
  /** What befalls the topology by itself; `goOn` resolves when there is more to judge. */
  change?(goOn: () => Promise<void>): Promise<void>;
  clear(): Promise<void>;
}

/** The last three as ElastiCache has them, each for a user with the least rights. */
const GROUNDS = {
  standalone: async (random: Random) => proxied(random, [await startRedis()]),
  cluster: async (random: Random) => {
    const cluster = await startRedisCluster();
    return proxied(random, cluster.nodes, cluster);
  },
  'cluster over TLS': (random: Random) =>
    overTls('cluster', {}, (cluster) => reshard(cluster, random)),
  serverless: () => overTls('serverless', { primaries: 1, hasReplica: true }, changePlaces),
  replicas: layReplicas,
} as const;

export type Servers = keyof typeof GROUNDS;

/** The most that an answer to the process with proxies is late by. */
const LATE_BY_MS = 20;

export function layGround(kind: Servers, random: Random): Promise<Ground> {
  return GROUNDS[kind](random);
}

async function proxied(
  random: Random,
  servers: readonly RedisServer[],
  cluster?: RedisCluster,
): Promise<Ground> {
  const isCluster = cluster !== undefined;
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

const USER = { username: 'app', password: 'correct-horse' };

async function admit(servers: readonly RedisServer[], isCluster: boolean): Promise<void> {
  const rights = documentedRights({ namespace: 'cache', isCluster });
  for (const server of servers)
    await server.command('ACL', 'SETUSER', USER.username, 'on', `>${USER.password}`, ...rights);
}

/** What the user was refused, besides the names that ioredis gives to connections if it may. */
async function refused(servers: readonly RedisServer[]): Promise<string[]> {
  const logs = await Promise.all(servers.map((server) => server.command('ACL', 'LOG')));
  const objects = (logs.flat() as string[][]).map((facts) => facts[facts.indexOf('object') + 1]!);
  return [...new Set(objects)].filter((object) => !object.startsWith('client|'));
}

async function overTls(
  topology: 'cluster' | 'serverless',
  options: ClusterOptions,
  change: (cluster: RedisCluster) => Promise<void>,
): Promise<Ground> {
  const authority = await createAuthority();
  const cluster = await startRedisCluster({ ...options, authority });
  const { host, port } = cluster.startupNodes[0]!;
  const tls = { ca: authority.ca };
  const endpoint = `${host}:${port}`;
  const servers = () => [...cluster.nodes, ...(cluster.replica ? [cluster.replica] : [])];
  await admit(servers(), true);
  return {
    ...fixed(elastiCache({ endpoint, topology, auth: USER, tls })),
    servers: cluster.nodes,
    refused: () => refused(servers()),
    change: () => change(cluster),
    async clear() {
      await cluster.stop();
      await authority.remove();
    },
  };
}

/** A shard is added, and slots go to it; and on, until the processes were sent after them in each way. */
async function reshard({ nodes, grow }: RedisCluster, random: Random): Promise<void> {
  const old = [...nodes];
  const shard = await grow();
  await admit([shard], true);
  for (const from of old) await moveKeys({ random, servers: nodes }, [from, shard]);
  while (!(await haveSaid(nodes, 'MOVED', 'ASK', 'TRYAGAIN'))) {
    await moveKeys({ random, servers: nodes });
  }
}

async function haveSaid(servers: readonly RedisServer[], ...errors: string[]): Promise<boolean> {
  const infos = await Promise.all(servers.map((server) => server.command('INFO', 'errorstats')));
  return errors.every((error) => infos.join('\n').includes(`errorstat_${error}:`));
}

/** The replica takes over, and nothing is lost: the other hands over to it. */
async function changePlaces({ nodes, replica }: RedisCluster): Promise<void> {
  await replica!.command('CLUSTER', 'FAILOVER');
  await until('the replica has taken over', () => haveSaid(nodes, 'MOVED'));
}

/** A primary and its replica behind an endpoint. The primary dies after evictions that the replica has not heard of. */
async function layReplicas(): Promise<Ground> {
  const { primary, replica, ...pair } = await startPair();
  const behind = { port: primary.port };
  const proxy = await startProxy(behind);
  await admit([primary, replica], false);
  const endpoint = `127.0.0.1:${proxy.port}`;
  const reader = `127.0.0.1:${replica.port}`;
  const topology = 'replication-group';
  return {
    ...fixed(elastiCache({ endpoint, reader, topology, auth: USER, tls: false })),
    servers: [replica],
    refused: () => refused([replica]),
    async change(goOn) {
      await pair.breakReplication();
      await goOn();
      await primary.kill();
      await replica.command('REPLICAOF', 'NO', 'ONE');
      behind.port = replica.port;
    },
    async clear() {
      await proxy.stop();
      await pair.stop();
    },
  };
}

/** The same for all processes, by clients that the library makes. */
function fixed(connection: NonNullable<Address['connection']>) {
  const address = { isCluster: false, ports: [], instead: [], connection };
  return { proxies: [], address: () => address, ready: async () => {}, deafen: () => {} };
}
