/** Two applications with copies in memory of what is spread over a real cluster; the stream is on one of its nodes. */
import { describe, expect, it } from '@jest/globals';
import { type Cache, CacheManager, glob } from 'nestjs-elasticache';
import { times } from '../support/cache.application.js';
import { onCluster } from '../support/cluster.application.js';
import { commandsDuring } from '../support/command.counts.js';
import { until } from '../support/waiting.js';

const ids = times(30, (id) => id);
let namespaces = 0;

describe('Copies in memory in front of a cluster of three primaries', () => {
  const on = onCluster();

  interface Running {
    readonly manager: CacheManager;
    readonly rows: Cache<number, string>;
    /** All rows, of which the missing are loaded. */
    readonly read: () => Promise<string[]>;
  }
  let titles: string;

  async function startIn(namespace: string, maxStaleness: string): Promise<Running> {
    const application = await on.start({
      namespace,
      errorHandler: () => {},
      defaults: { jitter: 0, memory: { maxStaleness }, timeouts: { store: '5s' } },
    });
    const manager = application.get(CacheManager);
    const rows = manager.getCache<number, string>('rows');
    await until('connected', () => rows.evict(-1));
    const load = async (id: number) => `${titles} ${id}`;
    const read = () =>
      Promise.all(ids.map((id) => rows.getOrLoad(id, () => load(id), { tags: ['all'] })));
    return { manager, rows, read };
  }

  /** By default none is ever doubted: what ends is told to. */
  async function startTwo(maxStaleness = '1m') {
    titles = 'first';
    const namespace = `near-cluster${++namespaces}`;
    const start = () => startIn(namespace, maxStaleness);
    const [one, two] = [await start(), await start()];
    await inMemory(one);
    await inMemory(two);
    return { one, two, stream: `${namespace}:~bus` };
  }

  /** How often any node was asked for entries or versions. */
  async function looks(work: () => Promise<unknown>): Promise<number> {
    let all = work;
    let sum = 0;
    for (const node of on.cluster.nodes) {
      const inner = all;
      all = async () => void (sum += (await commandsDuring(node, inner)).of['mget'] ?? 0);
    }
    await all();
    return sum;
  }

  const inMemory = ({ read }: Running) =>
    until('all hits in memory', async () => {
      await read();
      return (await looks(read)) === 0;
    });

  it.each<[string, (two: Running) => Promise<unknown>]>([
    ['evictions', ({ rows }) => rows.evict(...ids)],
    ['puts', ({ rows }) => rows.putMany(ids.map((id) => [id, `second ${id}`]))],
    ['an eviction of a tag', ({ manager }) => manager.evictTags('all')],
    ['clearing', ({ rows }) => rows.clear()],
    ['an eviction by a pattern', ({ rows }) => rows.evictMatching(glob`*`)],
  ])('end with %s, here at once and elsewhere soon, whatever node has the key', async (_, end) => {
    const { one, two } = await startTwo();
    for (const node of on.cluster.nodes) expect(await node.keys('*:rows:*')).not.toEqual([]);
    titles = 'second';
    const expected = ids.map((id) => `second ${id}`);
    await end(two);
    expect(await two.read()).toEqual(expected);
    await until('the new titles', async () => (await one.read()).join() === expected.join());
  });

  it('are no hits while the node of the stream does not answer, and are again later', async () => {
    const { one, stream } = await startTwo('300ms');
    const held = await Promise.all(on.cluster.nodes.map((node) => node.keys(stream)));
    const place = held.findIndex((keys) => keys.length > 0);
    const others = on.cluster.nodes.filter((_, i) => i !== place);
    const elsewhere = (await others[0]!.keys('*:rows:*'))
      .map((key) => Number(key.split(':').at(-1)))
      .find((id) => ids.includes(id))!;
    const mgets = async () =>
      (await commandsDuring(others[0]!, () => one.rows.get(elsewhere))).of['mget'] ?? 0;
    await until('a hit in memory', async () => (await mgets()) === 0);
    on.cluster.nodes[place]!.pause();
    try {
      await until('a read of Redis', async () => (await mgets()) > 0);
      expect(await one.rows.get(elsewhere)).toBe(`first ${elsewhere}`);
    } finally {
      on.cluster.nodes[place]!.resume();
    }
    await inMemory(one);
  });
});
