/** A primary, its replica, and the sentinel that promotes the replica when the primary is gone. */
import { type RedisServer, startRedis } from './redis.server.js';
import { until } from './waiting.js';

export interface ReplicatedRedis {
  readonly primary: RedisServer;
  readonly replica: RedisServer;
  /** What a client is given: the name of the group, and whom to ask for its primary. */
  readonly sentinels: { readonly name: string; readonly host: string; readonly port: number };
  /** From now on the primary acknowledges what the replica never sees. */
  breakReplication(): Promise<void>;
  /** Resolves when the replica has become the primary, and the sentinel says so. */
  promoted(): Promise<void>;
  stop(): Promise<void>;
}

const NAME = 'shop';
/** As whom the replica asks its primary. */
const FOLLOWER = { name: 'follower', password: 'correct-horse' };

export async function startReplicatedRedis(): Promise<ReplicatedRedis> {
  const primary = await startRedis();
  const { host, port } = primary;
  await primary.command('ACL', 'SETUSER', FOLLOWER.name, 'on', `>${FOLLOWER.password}`, '+@all');
  const credentials = ['--masteruser', FOLLOWER.name, '--masterauth', FOLLOWER.password];
  const replica = await startRedis({ args: ['--replicaof', `${host} ${port}`, ...credentials] });
  const sentinel = await startRedis({ args: ['--sentinel'], hasFile: true });
  const stop = async () =>
    void (await Promise.all([sentinel, replica, primary].map((server) => server.stop())));
  try {
    await sentinel.command('SENTINEL', 'DEBUG', ...PERIODS);
    await sentinel.command('SENTINEL', 'MONITOR', NAME, host, `${port}`, '1');
    for (const [option, value] of Object.entries(SETTINGS)) {
      await sentinel.command('SENTINEL', 'SET', NAME, option, value);
    }
    await until('the replica is in step', () => isInStep(replica));
    await until('the sentinel knows the replica', async () => {
      const known = (await sentinel.command('SENTINEL', 'REPLICAS', NAME)) as string[][];
      return known.some((facts) => facts[facts.indexOf('master-link-status') + 1] === 'ok');
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    primary,
    replica,
    sentinels: { name: NAME, host: sentinel.host, port: sentinel.port },
    async breakReplication() {
      await primary.command('ACL', 'SETUSER', FOLLOWER.name, 'off');
      await primary.command('CLIENT', 'KILL', 'TYPE', 'replica');
    },
    promoted: () => promotion(sentinel, replica),
    stop,
  };
}

/** Milliseconds: by default ten seconds pass before a sentinel has found a replica. */
const PERIODS = ['INFO-PERIOD', '100'];
const SETTINGS = { 'down-after-milliseconds': '500', 'failover-timeout': '5000' };

async function isInStep(replica: RedisServer): Promise<boolean> {
  return String(await replica.command('INFO', 'replication')).includes('master_link_status:up');
}

async function promotion(sentinel: RedisServer, replica: RedisServer): Promise<void> {
  await until('the replica is promoted', async () => {
    const [, port] = (await sentinel.command(
      'SENTINEL',
      'GET-MASTER-ADDR-BY-NAME',
      NAME,
    )) as string[];
    const [role] = (await replica.command('ROLE')) as string[];
    return port === `${replica.port}` && role === 'master';
  });
}
