/** What a scenario stands on: servers, and a proxy before them for one of its processes. */
import { startRedisCluster } from '../support/redis.cluster.js';
import { startReplicatedRedis } from '../support/redis.sentinel.js';
import { type RedisServer, startRedis } from '../support/redis.server.js';
import { startProxy, type TcpProxy } from '../support/tcp.proxy.js';
import type { Address } from './subject.js';

export interface Ground {
  /** The one to be struck. */
  readonly server: RedisServer;
  readonly direct: Address;
  /** Of the process that is measured. */
  readonly near: Address;
  /** Those that have entries now; not the ones that were killed. */
  living(): readonly RedisServer[];
  clear(): Promise<void>;
}

/** One server. */
export interface Alone extends Ground {
  readonly proxy: TcpProxy;
}

/** One server that another follows, to take its place when it is killed. */
export interface Followed extends Ground {
  /** The follower hears nothing any more. */
  cutOff(): Promise<void>;
  /** Kills the server; resolves when the follower is in its place. */
  replace(): Promise<void>;
}

/** The proxy is passed only where it is what is struck: it costs time. */
export async function layAlone({ isProxied = false } = {}): Promise<Alone> {
  const server = await startRedis();
  const proxy = await startProxy(server);
  const direct: Address = { kind: 'one', port: server.port };
  return {
    server,
    proxy,
    direct,
    near: isProxied ? { kind: 'one', port: proxy.port } : direct,
    living: () => [server],
    async clear() {
      await proxy.stop();
      await server.stop();
    },
  };
}

export async function layReplicated(): Promise<Followed> {
  const { primary, replica, sentinels, ...servers } = await startReplicatedRedis();
  const address: Address = { kind: 'sentinel', name: sentinels.name, port: sentinels.port };
  let living = [primary];
  return {
    server: primary,
    direct: address,
    near: address,
    living: () => living,
    cutOff: () => servers.breakReplication(),
    async replace() {
      await primary.kill();
      await servers.promoted();
      living = [replica];
    },
    clear: () => servers.stop(),
  };
}

/** Soon enough for a test; that a busy machine makes a node look dead only adds a fault. */
const NODE_TIMEOUT = ['--cluster-node-timeout', '1000'];

export async function layCluster(): Promise<Followed> {
  const cluster = await startRedisCluster({ hasReplica: true, args: NODE_TIMEOUT });
  const nodes: readonly RedisServer[] = cluster.nodes;
  const [first, ...others] = nodes as [RedisServer, ...RedisServer[]];
  const replica = cluster.replica!;
  const address: Address = { kind: 'cluster', ports: cluster.nodes.map(({ port }) => port) };
  let living = [first, ...others];
  return {
    server: first,
    direct: address,
    near: address,
    living: () => living,
    // A replica that leaves its primary's side is not promoted by its cluster.
    cutOff: async () => {},
    async replace() {
      await first.kill();
      await cluster.promoted();
      living = [replica, ...others];
    },
    clear: () => cluster.stop(),
  };
}
