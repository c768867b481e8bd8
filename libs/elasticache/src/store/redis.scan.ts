import { primariesOf, type RedisClient } from '../connection/redis.client.js';
import type { Glob } from '../key/glob.js';
import { type KeyLayout, keyOfLease, leaseOf } from '../key/key.layout.js';
import { EVICT } from './lua.scripts.js';
import type { RedisExchange } from './redis.exchange.js';
import { sum } from './redis.writes.js';
import { insistOn } from './script.runner.js';

interface Scanned {
  readonly exchange: RedisExchange;
  readonly layout: KeyLayout;
}

/** Keys looked at by one SCAN; bounds the time the server spends on each step. */
const SCAN_COUNT = 500;

/**
 * Removes what matches, on every primary. The leases first: a load in flight whose lease stood
 * throughout loses it, and one that stored meanwhile is met by the scan for entries.
 */
export async function evictMatching(scanned: Scanned, glob: Glob): Promise<number> {
  const { exchange, layout } = scanned;
  await exchange.insist(layout.writes, (client) => client.unlink([layout.writes]));
  const primaries = await exchange.run(undefined, async (client) => primariesOf(client));
  const [pattern, leases] = [layout.pattern(glob), leaseOf(layout.pattern(glob))];
  let removed = 0;
  for (const node of primaries) {
    removed += await sweep(scanned, { node, pattern: leases, keyOf: keyOfLease }, glob);
  }
  for (const node of primaries) {
    removed += await sweep(scanned, { node, pattern, keyOf: (key) => key }, glob);
  }
  return removed;
}

interface Sweep {
  readonly node: RedisClient;
  readonly pattern: string;
  /** The entry's key of a key that was found. */
  readonly keyOf: (key: string) => string;
}

async function sweep(
  { exchange, layout }: Scanned,
  { node, pattern, keyOf }: Sweep,
  glob: Glob,
): Promise<number> {
  let removed = 0;
  let cursor = '0';
  do {
    const [next, found] = await exchange.insist(undefined, () => scan(node, cursor, pattern));
    const owned = found.map(keyOf).filter((key) => layout.owns(key, glob));
    const items = owned.map((key) => ({ keys: [key, leaseOf(key)], arguments: [] }));
    if (items.length > 0) removed += sum(await insistOn(exchange, EVICT, items));
    cursor = next;
  } while (cursor !== '0');
  return removed;
}

export async function scan(node: RedisClient, cursor: string, pattern: string) {
  const reply = await node.callBuffer('scan', cursor, 'match', pattern, 'count', SCAN_COUNT);
  const [next, keys] = reply as [Buffer, Buffer[]];
  return [next.toString(), keys.map(String)] as const;
}
