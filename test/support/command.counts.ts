/** How many commands a Redis server has run, for what must not grow with the number of entries or callers. */
import type { RedisServer } from './redis.server.js';

/** What asking costs by itself. */
const OWN = /^(config|info|acl)/;

/** Runs the work and answers with the calls of each command meanwhile, those within scripts included. */
export async function commandsDuring(
  redis: Pick<RedisServer, 'command'>,
  work: () => Promise<unknown>,
): Promise<CommandCounts> {
  await redis.command('CONFIG', 'RESETSTAT');
  await work();
  const of = await countsOf(redis);
  const total = Object.values(of).reduce((sum, calls) => sum + calls, 0);
  return { of, total };
}

/** The calls of each command since the server started, or was last asked by {@link commandsDuring}. */
export async function countsOf(
  redis: Pick<RedisServer, 'command'>,
): Promise<Record<string, number>> {
  const lines = String(await redis.command('INFO', 'commandstats')).matchAll(
    /cmdstat_([^:]+):calls=(\d+)/g,
  );
  const counts = [...lines].map(([, name, calls]) => [name!, Number(calls)] as const);
  return Object.fromEntries(counts.filter(([name]) => !OWN.test(name)));
}

export interface CommandCounts {
  /** By the command's name in lower case. */
  readonly of: Readonly<Record<string, number>>;
  readonly total: number;
}
