/** Moves slots of a cluster from one primary to another, as a resharding does. */
import type { ClusterNode } from './redis.cluster.js';
import type { RedisServer } from './redis.server.js';

const WITHIN_MS = '5000';

export interface Move {
  readonly from: RedisServer;
  /** Over TLS where the nodes talk to each other so. */
  readonly to: RedisServer & Partial<ClusterNode>;
  /** Awaited after each key: what is asked of its slot meanwhile is answered with ASK and TRYAGAIN. */
  readonly pause?: () => Promise<void>;
}

/** Moves the slots of these keys, and every key in them. */
export async function moveSlots(
  nodes: readonly RedisServer[],
  keys: readonly string[],
  { from: source, to: target, pause = async () => undefined }: Move,
): Promise<void> {
  const [sourceId, targetId] = await Promise.all([idOf(source), idOf(target)]);
  const slots = await Promise.all(keys.map((key) => source.command('CLUSTER', 'KEYSLOT', key)));
  for (const slot of new Set(slots.map(String))) {
    await target.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', sourceId);
    await source.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', targetId);
    for (const key of await keysIn(source, slot)) {
      const port = target.tlsPort ?? target.port;
      await source.command('MIGRATE', target.host, `${port}`, key, '0', WITHIN_MS);
      await pause();
    }
    for (const node of [target, source, ...nodes]) {
      await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', targetId);
    }
  }
}

async function idOf(node: RedisServer): Promise<string> {
  return String(await node.command('CLUSTER', 'MYID'));
}

async function keysIn(node: RedisServer, slot: string): Promise<string[]> {
  return (await node.command('CLUSTER', 'GETKEYSINSLOT', slot, '1000')) as string[];
}
