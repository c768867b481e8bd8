/** Servers behind a front that signs in by IAM: one node, or a cluster whose nodes tell of the front's ports. */
import type { Authority } from './certificates.js';
import { type IamFront, startIamFront } from './iam.front.js';
import type { IamCache } from './iam.verifier.js';
import { startRedisCluster } from './redis.cluster.js';
import { type RedisServer, startRedis } from './redis.server.js';
import { until } from './waiting.js';

export interface IamPlace {
  readonly front: IamFront;
  readonly servers: readonly RedisServer[];
  /** Where clients connect to first, as `elastiCache` takes it. */
  readonly endpoint: string;
  stop(): Promise<void>;
}

const NAME = 'localhost';

export async function startIamNode(authority: Authority, cache: IamCache): Promise<IamPlace> {
  const server = await startRedis();
  return placed([server], { authority, cache, stop: () => server.stop() });
}

export async function startIamCluster(authority: Authority, cache: IamCache): Promise<IamPlace> {
  const cluster = await startRedisCluster();
  const { nodes } = cluster;
  const place = await placed(nodes, { authority, cache, stop: () => cluster.stop() });
  const { ports } = place.front;
  for (const [i, node] of nodes.entries()) {
    await node.command('CONFIG', 'SET', 'cluster-announce-port', `${ports[i]}`);
    await node.command('CONFIG', 'SET', 'cluster-announce-hostname', NAME);
    await node.command('CONFIG', 'SET', 'cluster-preferred-endpoint-type', 'hostname');
  }
  await until('every node tells of the front', async () => {
    const answers = await Promise.all(nodes.map((node) => node.command('CLUSTER', 'SLOTS')));
    return answers.every((answer) => {
      const told = [answer].flat(Number.POSITIVE_INFINITY);
      const names = told.filter((one) => one === NAME);
      return ports.every((port) => told.includes(port)) && names.length >= ports.length;
    });
  });
  return place;
}

interface Placing {
  readonly authority: Authority;
  readonly cache: IamCache;
  readonly stop: () => Promise<void>;
}

async function placed(
  servers: readonly RedisServer[],
  { authority, cache, stop }: Placing,
): Promise<IamPlace> {
  const certificate = await authority.issue(`DNS:${NAME}`);
  const front = await startIamFront({ cache, certificate, servers });
  return {
    front,
    servers,
    endpoint: `${NAME}:${front.ports[0]}`,
    async stop() {
      await front.stop();
      await stop();
    },
  };
}
