import { primariesOf } from '../connection/redis.client.js';
import type { RedisExchange } from './redis.exchange.js';
import { scan } from './redis.scan.js';
import type { RedisVersions } from './redis.versions.js';

/**
 * Removes versions by their keys, and those that match, on every primary: what bears them is invalid
 * in every scope. A version that is made while the keys are looked through belongs to values that
 * began to be made after this did, so it need not be found.
 */
export async function removeMatching(
  { exchange, versions }: { exchange: RedisExchange; versions: RedisVersions },
  [keys, pattern]: readonly [keys: readonly string[], pattern: string],
): Promise<void> {
  await versions.remove(keys);
  const primaries = await exchange.run(undefined, async (client) => primariesOf(client));
  for (const node of primaries) {
    let cursor = '0';
    do {
      const [next, found] = await exchange.insist(undefined, () => scan(node, cursor, pattern));
      if (found.length > 0) await versions.remove(found);
      cursor = next;
    } while (cursor !== '0');
  }
}
