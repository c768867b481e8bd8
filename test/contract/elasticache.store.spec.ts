/**
 * The store on servers that answer as ElastiCache's do: over TLS, by name, to a user with a password,
 * and without the commands that ElastiCache refuses. (User guide, "Supported and restricted commands")
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { elastiCache } from '../../libs/elasticache/src/aws/elasticache.connection.js';
import type { Topology } from '../../libs/elasticache/src/aws/endpoint.js';
import { type Authority, createAuthority } from '../support/certificates.js';
import {
  type ClusterOptions,
  type RedisCluster,
  startRedisCluster,
} from '../support/redis.cluster.js';
import type { RedisServer } from '../support/redis.server.js';
import { until } from '../support/waiting.js';
import { type Connected, connect, expectLifetimes } from './redis.stores.js';
import { storeContract } from './store.contract.js';
import { fill, fresh, valueOf } from './store.subject.js';

const USER = { username: 'app', password: 'correct-horse' };

const REFUSED = `
  acl|setuser acl|deluser acl|load acl|save bgrewriteaof bgsave config debug migrate psync replicaof
  save slaveof shutdown sync cluster|addslots cluster|addslotsrange cluster|bumpepoch
  cluster|delslots cluster|delslotsrange cluster|failover cluster|flushslots cluster|forget
  cluster|links cluster|meet cluster|replicate cluster|reset cluster|set-config-epoch
  cluster|setslot
`;
const REFUSED_BY_SERVERLESS = `
  keys psubscribe punsubscribe pubsub|numpat client|caching client|getredir client|id client|info
  client|kill client|list client|no-evict client|pause client|tracking client|trackinginfo
  client|unblock client|unpause fcall fcall_ro function object memory slowlog latency monitor move
  swapdb wait lastsave script|kill acl|log pfdebug
`;

const TOPOLOGIES: [Topology, { refused: string; options: ClusterOptions }][] = [
  ['cluster', { refused: REFUSED, options: { hasReplica: true } }],
  [
    'serverless', // one endpoint that has every slot, and one to read from
    { refused: REFUSED + REFUSED_BY_SERVERLESS, options: { primaries: 1, hasReplica: true } },
  ],
];

let authority: Authority;
beforeAll(async () => {
  authority = await createAuthority();
});
afterAll(() => authority.remove());

describe.each(TOPOLOGIES)(
  'The Redis store on ElastiCache, %s',
  (topology, { refused, options }) => {
    let cluster: RedisCluster;
    let connected: Connected;
    let monitors: Redis[];
    const withoutKeys: string[][] = [];

    beforeAll(async () => {
      cluster = await startRedisCluster({ ...options, authority });
      const rights = [
        '~*',
        '&*',
        '+@all',
        ...refused
          .trim()
          .split(/\s+/)
          .map((one) => `-${one}`),
      ];
      for (const server of servers()) {
        await server.command('ACL', 'SETUSER', USER.username, 'on', `>${USER.password}`, ...rights);
      }
      monitors = await Promise.all(servers().map(watch));
      connected = await connect(connection());
    });
    afterAll(async () => {
      await connected.close();
      for (const monitor of monitors) monitor.disconnect();
      await cluster.stop();
    });

    const servers = () => [...cluster.nodes, cluster.replica!];

    function connection() {
      const { host, port } = cluster.startupNodes[0]!;
      const tls = { ca: authority.ca };
      return elastiCache({ endpoint: `${host}:${port}`, topology, auth: USER, tls });
    }

    /** The monitor is a client of its own, and the one that makes it never connects. */
    async function watch({ url }: RedisServer): Promise<Redis> {
      const monitor = await new Redis(url, { lazyConnect: true }).monitor();
      return monitor.on('monitor', note);
    }

    function note(_time: string, [name = '', ...args]: string[]): void {
      if (/^(eval|evalsha)$/i.test(name) && args[1] === '0') withoutKeys.push([name, ...args]);
    }

    storeContract(async () => connected);

    it('asks for nothing that is refused there, and runs no script without keys', async () => {
      for (const server of servers()) expect(await server.command('ACL', 'LOG')).toEqual([]);
      expect(withoutKeys).toEqual([]);
    });

    it('has given every key a lifetime', () => expectLifetimes(cluster.nodes));

    it('goes on with the replica that has taken the place of its primary', async () => {
      const store = connected.open(fresh());
      await cluster.replicated();
      await cluster.nodes[0]!.kill();
      if (topology === 'cluster') await cluster.promoted();
      else await cluster.replica!.command('CLUSTER', 'FAILOVER', 'TAKEOVER'); // nobody is left to vote
      await until('it is stored and found', async () => {
        const filled = fill(store, 'a', 'kept by the replica');
        return filled.then(
          async () => (await valueOf(store, 'a')) === 'kept by the replica',
          () => false, // whoever asks meets a server that is gone, until the client knows of the other
        );
      });
    });
  },
);
