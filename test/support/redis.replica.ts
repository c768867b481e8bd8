/** A primary and its replica, which can be held behind. */
import { type RedisServer, startRedis } from './redis.server.js';
import { until } from './waiting.js';

export interface RedisPair {
  readonly primary: RedisServer;
  readonly replica: RedisServer;
  /** From now on the primary acknowledges what the replica never sees. */
  breakReplication(): Promise<void>;
  /** The replica catches up. */
  mendReplication(): Promise<void>;
  stop(): Promise<void>;
}

/** As whom the replica asks its primary. */
const FOLLOWER = { name: 'follower', password: 'correct-horse' };

/** A link that is made or mended is used at once, and takes up where it was broken. */
const TIMING = ['--repl-diskless-sync-delay', '0', '--repl-diskless-load', 'swapdb'];

export async function startPair(): Promise<RedisPair> {
  const primary = await startRedis({ args: TIMING });
  const { host, port } = primary;
  const follower = (...rules: string[]) =>
    primary.command('ACL', 'SETUSER', FOLLOWER.name, ...rules);
  await follower('on', `>${FOLLOWER.password}`, '+@all');
  const credentials = ['--masteruser', FOLLOWER.name, '--masterauth', FOLLOWER.password];
  const replica = await startRedis({
    args: ['--replicaof', `${host} ${port}`, ...credentials, ...TIMING],
  });
  const stop = async () =>
    void (await Promise.all([replica, primary].map((server) => server.stop())));
  const inStep = () => until('the replica is in step', () => isInStep(replica));
  try {
    await inStep();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    primary,
    replica,
    async breakReplication() {
      await follower('off');
      await primary.command('CLIENT', 'KILL', 'TYPE', 'replica');
    },
    async mendReplication() {
      await follower('on');
      await inStep();
    },
    stop,
  };
}

async function isInStep(replica: RedisServer): Promise<boolean> {
  return String(await replica.command('INFO', 'replication')).includes('master_link_status:up');
}
