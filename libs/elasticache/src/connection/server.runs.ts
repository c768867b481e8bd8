import type { RedisClient } from './redis.client.js';

/** What is known of the server that answers at a place. */
export type Run =
  | 'unchanged'
  /** It was not known before: a promoted replica, or one that was started anew. */
  | 'another'
  /** It does not say, as behind a serverless endpoint, or may not be asked. */
  | 'unknown';

/**
 * The run ids of the servers that answer, by their places. Replication is asynchronous, and a snapshot
 * is older than its server: whoever takes over may have forgotten what was acknowledged before.
 */
export class ServerRuns {
  private readonly known = new Map<string, string>();
  private isSettled = false;

  /** Whom this process talks to now, beside whom it talked to before. */
  async compare(place: string, node: RedisClient): Promise<Run> {
    const run = await runOf(node);
    if (run === undefined) return 'unknown';
    const isKnown = !this.isSettled || [...this.known.values()].includes(run);
    this.known.set(place, run);
    return isKnown ? 'unchanged' : 'another';
  }

  /** The first servers are nobody new; those of other places than these are talked to no more. */
  settle(places: readonly string[]): void {
    this.isSettled ||= this.known.size > 0;
    for (const place of this.known.keys()) if (!places.includes(place)) this.known.delete(place);
  }
}

async function runOf(node: RedisClient): Promise<string | undefined> {
  try {
    const info = String(await node.callBuffer('info', 'server'));
    return /^run_id:(\S+)/m.exec(info)?.[1];
  } catch (error) {
    if ((error as Error).name === 'ReplyError') return undefined; // not allowed to ask
    throw error;
  }
}
