/** A slot on its way from one node to another: who asks there for what it had must send ASKING first. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Cache, CacheManager, type ElastiCacheModuleOptions } from 'nestjs-elasticache';
import { onCluster } from '../support/cluster.application.js';
import type { RedisServer } from '../support/redis.server.js';
import { until } from '../support/waiting.js';

describe('While a slot is on its way', () => {
  const on = onCluster();
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => void unhandled.push(reason);
  let namespaces = 0;

  beforeEach(() => {
    unhandled.length = 0;
    process.on('unhandledRejection', note);
  });
  afterEach(() => void process.off('unhandledRejection', note));

  const clients: Record<string, () => Pick<ElastiCacheModuleOptions, 'connection'>> = {
    'that was handed in': () => ({}),
    'of ours': () => ({ connection: { cluster: on.cluster.startupNodes } }),
  };

  /** A cache one of whose keys, which is not stored, is in a slot on its way from one node to another. */
  async function start(client: string) {
    const namespace = `asking${++namespaces}`;
    const errorHandler = () => {};
    const application = await on.start({ namespace, errorHandler, ...clients[client]!() });
    const rows = application.get(CacheManager).getCache<number, string>('rows');
    await until('connected', () => rows.evict(1));
    const nodes: readonly RedisServer[] = on.cluster.nodes;
    const [from, to] = nodes as [RedisServer, RedisServer];
    const [fromId, toId] = await Promise.all(
      [from, to].map(async (node) => String(await node.command('CLUSTER', 'MYID'))),
    );
    const id = await until('a key of the first node', () => keyOn(from, rows, namespace));
    const key = `${namespace}:v1:global:rows:${id}`;
    const slot = String(await from.command('CLUSTER', 'KEYSLOT', key));
    await rows.evict(id);
    await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId!);
    await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId!);
    return { rows, id, to };
  }

  async function keyOn(node: RedisServer, rows: Cache<number, string>, namespace: string) {
    await rows.putMany(Array.from({ length: 30 }, (_, id) => [id, `row ${id}`]));
    const [key] = await node.keys(`${namespace}:*:rows:*[0-9]`);
    return key === undefined ? undefined : Number(/\d+$/.exec(key)![0]);
  }

  it.each(Object.keys(clients))(
    'an ASKING that is refused ends nothing, with a client %s',
    async (client) => {
      const { rows, id, to } = await start(client);
      await to.command('ACL', 'SETUSER', 'default', '-asking');
      try {
        expect(await rows.getOrLoad(id, async () => 'loaded')).toBe('loaded');
      } finally {
        await to.command('ACL', 'SETUSER', 'default', '+asking');
      }
      expect(unhandled).toEqual([]);
    },
  );

  it.each(Object.keys(clients))(
    'an ASKING that is lost with its node ends nothing, with a client %s',
    async (client) => {
      const { rows, id, to } = await start(client);
      to.pause();
      const load = rows.getOrLoad(id, async () => 'loaded');
      await to.kill();
      expect(await load).toBe('loaded');
      await to.restart();
      await on.cluster.ready();
      expect(unhandled).toEqual([]);
    },
  );
});
