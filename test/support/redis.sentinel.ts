/** A primary, its replica, and the sentinel that promotes the replica when the primary is gone. */
import { type RedisPair, startPair } from './redis.replica.js';
import { type RedisServer, startRedis } from './redis.server.js';
import { until } from './waiting.js';

export interface ReplicatedRedis extends RedisPair {
  /** What a client is given: the name of the group, and whom to ask for its primary. */
  readonly sentinels: { readonly name: string; readonly host: string; readonly port: number };
  /** Resolves when the replica has become the primary, and the sentinel says so. */
  promoted(): Promise<void>;
}

const NAME = 'shop';

export async function startReplicatedRedis(): Promise<ReplicatedRedis> {
  const pair = await startPair();
  const { primary, replica } = pair;
  const { host, port } = primary;
  const sentinel = await startRedis({ args: ['--sentinel'], hasFile: true });
  const stop = async () => void (await Promise.all([sentinel, pair].map((each) => each.stop())));
  try {
    await sentinel.command('SENTINEL', 'DEBUG', ...PERIODS);
    await sentinel.command('SENTINEL', 'MONITOR', NAME, host, `${port}`, '1');
    for (const [option, value] of Object.entries(SETTINGS)) {
      await sentinel.command('SENTINEL', 'SET', NAME, option, value);
    }
    await until('the sentinel knows the replica', async () => {
      const known = (await sentinel.command('SENTINEL', 'REPLICAS', NAME)) as string[][];
      return known.some((facts) => facts[facts.indexOf('master-link-status') + 1] === 'ok');
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    ...pair,
    sentinels: { name: NAME, host: sentinel.host, port: sentinel.port },
    promoted: () => promotion(sentinel, replica),
    stop,
  };
}

/** Milliseconds: by default ten seconds pass before a sentinel has found a replica. */
const PERIODS = ['INFO-PERIOD', '100'];
const SETTINGS = { 'down-after-milliseconds': '500', 'failover-timeout': '5000' };

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
