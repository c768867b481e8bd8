import { afterEach, describe, expect, it } from '@jest/globals';
import { Cluster } from 'ioredis';
import { startRedisCluster, type RedisCluster } from './redis.cluster.js';

const KEYS = Array.from({ length: 30 }, (_, i) => `key:${i}`);

describe('a Redis Cluster of one test', () => {
  const clusters: RedisCluster[] = [];
  const clients: Cluster[] = [];
  const start = async (args: string[] = []) => {
    const cluster = await startRedisCluster({ args });
    clusters.push(cluster);
    return cluster;
  };
  const connect = ({ startupNodes }: RedisCluster) => {
    const client = new Cluster(startupNodes.slice(0, 1));
    clients.push(client);
    return client;
  };

  afterEach(async () => {
    clients.splice(0).forEach((client) => client.disconnect());
    await Promise.all(clusters.splice(0).map((cluster) => cluster.stop()));
  });

  it('serves every slot as soon as it is handed out, through whichever node', async () => {
    const cluster = await start();
    for (const node of cluster.nodes) {
      expect(await node.command('CLUSTER', 'INFO')).toContain('cluster_state:ok');
    }
    const client = connect(cluster);
    await Promise.all(KEYS.map((key) => client.set(key, key)));

    expect(await Promise.all(KEYS.map((key) => client.get(key)))).toEqual(KEYS);
    const owned = await Promise.all(cluster.nodes.map((node) => node.keys()));
    expect(owned.flat().sort()).toEqual([...KEYS].sort());
    expect(owned.map((keys) => keys.length > 0)).toEqual([true, true, true]);
  });

  it('refuses a command whose keys are in different slots', async () => {
    const client = connect(await start());

    await expect(client.mget('a', 'b')).rejects.toThrow(/CROSSSLOT/);
    expect(await client.mget('{a}:1', '{a}:2')).toEqual([null, null]);
  });

  it('has the owner of a slot answer for it, and no other', async () => {
    const { nodes } = await start();
    const slot = Number(await nodes[0]!.command('CLUSTER', 'KEYSLOT', 'a'));
    const owner = Math.floor((slot * 3) / 16_384);

    expect(await nodes[owner]!.command('GET', 'a')).toBeNull();
    await expect(nodes[(owner + 1) % 3]!.command('GET', 'a')).rejects.toThrow(
      `MOVED ${slot} 127.0.0.1:${nodes[owner]!.port}`,
    );
  });

  it('knows a node again that was killed and restarted, with its slots and without its keys', async () => {
    const cluster = await start();
    const client = connect(cluster);
    await Promise.all(KEYS.map((key) => client.set(key, key)));
    const [node, ...others] = cluster.nodes;
    const lost = await node!.keys();
    await node!.kill();
    for (const other of others) {
      const [key = ''] = await other.keys();
      expect(await other.command('GET', key)).toBe(key);
    }

    await node!.restart();
    await cluster.ready();

    expect(await node!.keys()).toEqual([]);
    await Promise.all(lost.map((key) => client.set(key, 'new')));
    expect(await node!.keys()).toEqual(lost);
  });

  it('takes the arguments of redis-server', async () => {
    const { nodes } = await start(['--maxmemory', '10mb']);

    for (const node of nodes) {
      expect(await node.command('CONFIG', 'GET', 'maxmemory')).toEqual(['maxmemory', '10485760']);
    }
  });

  it('says what a node printed when it will not start', async () => {
    await expect(startRedisCluster({ args: ['--no-such-option', 'x'] })).rejects.toThrow(
      /no-such-option/,
    );
  });
});
