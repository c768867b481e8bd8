/** Clients of ioredis for the subjects, standalone and of a cluster. */
import { Cluster, Redis } from 'ioredis';
import type { Address } from '../subject.js';

const RETRY_MS = 100;
const HOST = '127.0.0.1';

export function urlOf({ ports: [port] }: Address): string {
  return `redis://${HOST}:${port}`;
}

/** Commands that go to one node at once, so that their order is the sender's. */
export function connectStandalone(address: Address): Redis {
  const client = new Redis(urlOf(address), { retryStrategy: () => RETRY_MS });
  return client.on('error', () => {});
}

export function connectCluster({ ports, instead }: Address): Cluster {
  const endpoint = (port: number) => ({ host: HOST, port });
  const natMap = Object.fromEntries(
    instead.map(([from, to]) => [`${HOST}:${from}`, endpoint(to)] as const),
  );
  const cluster = new Cluster(ports.map(endpoint), {
    ...(instead.length > 0 ? { natMap } : {}),
    clusterRetryStrategy: () => RETRY_MS,
    slotsRefreshTimeout: 2000,
    redisOptions: { connectTimeout: 2000 },
  });
  cluster.on('error', () => {});
  return cluster;
}
