/** Moves slots of a cluster from one primary to another, as a resharding does. */
import type { RedisCluster } from './redis.cluster.js';
import type { RedisServer } from './redis.server.js';

const WITHIN_MS = '5000';

/** Moves the slots of these keys, and every key in them. */
export async function moveSlots(
  { nodes }: RedisCluster,
  keys: readonly string[],
  { from, to }: { from: number; to: number },
): Promise<void> {
  const [source, target] = [nodes[from]!, nodes[to]!];
  const [sourceId, targetId] = await Promise.all([idOf(source), idOf(target)]);
  const slots = await Promise.all(keys.map((key) => source.command('CLUSTER', 'KEYSLOT', key)));
  for (const slot of new Set(slots.map(String))) {
    await target.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', sourceId);
    await source.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', targetId);
    await moveKeys(source, target, slot);
    for (const node of [target, source, ...nodes]) {
      await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', targetId);
    }
  }
}

async function idOf(node: RedisServer): Promise<string> {
  return String(await node.command('CLUSTER', 'MYID'));
}

async function moveKeys(source: RedisServer, target: RedisServer, slot: string): Promise<void> {
  const keys = (await source.command('CLUSTER', 'GETKEYSINSLOT', slot, '1000')) as string[];
  if (keys.length === 0) return;
  const destination = [target.host, `${target.port}`, '', '0', WITHIN_MS];
  await source.command('MIGRATE', ...destination, 'KEYS', ...keys);
}
