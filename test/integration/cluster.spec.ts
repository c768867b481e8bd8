import { describe, expect, it } from '@jest/globals';
import {
  CacheEvict,
  CacheManager,
  CachePut,
  CacheTransaction,
  Cacheable,
  CacheableMany,
  type ElastiCacheModuleOptions,
  fromResult,
  glob,
} from 'nestjs-elasticache';
import type { Cache } from 'nestjs-elasticache';
import { gate, recordFailures, times } from '../support/cache.application.js';
import { onCluster } from '../support/cluster.application.js';
import { type CommandCounts, commandsDuring } from '../support/command.counts.js';
import { moveSlots } from '../support/slot.migration.js';
import { timed, until } from '../support/waiting.js';

class Articles {
  calls = 0;
  batches: number[][] = [];
  door: Promise<void> = Promise.resolve();
  started = gate();

  async load(id: number): Promise<string> {
    this.calls++;
    this.started.open();
    await this.door;
    return `article ${id}`;
  }
  @Cacheable('articles', { tags: ['all'] })
  find(id: number): Promise<string> {
    return this.load(id);
  }
  @Cacheable('articles', { tags: fromResult((title: string) => [`of ${title}`]) })
  findTagged(id: number): Promise<string> {
    return this.load(id);
  }
  @CacheableMany('articles', { tags: (id: number) => [`one of ${id % 10}`] })
  async findMany(ids: number[]): Promise<string[]> {
    this.batches.push(ids);
    return ids.map((id) => `article ${id}`);
  }
  @CachePut('articles', { key: fromResult((title: string) => Number(title.slice(8))) })
  create(id: number): Promise<string> {
    return this.load(id);
  }
  @CacheEvict('strict')
  remove(id: number): Promise<string> {
    return this.load(id);
  }
  @CacheEvict('strict', { allEntries: true })
  removeAll(id: number): Promise<string> {
    return this.load(id);
  }
}

const ids = times(300, (id) => id);
let namespaces = 0;

describe('On a cluster of three primaries', () => {
  const on = onCluster();

  /** An application with a client of its own. */
  async function start(options: ElastiCacheModuleOptions = {}) {
    const failures = recordFailures();
    const namespace = `cluster${++namespaces}`;
    const settings = {
      namespace,
      errorHandler: failures.handle,
      defaults: { timeouts: { store: '5s' } },
      caches: { strict: { consistency: 'strict' as const } },
      ...options,
    };
    const application = await on.start(settings, [Articles]);
    const manager = application.get(CacheManager);
    const articles = manager.getCache<number, string>('articles');
    await until('connected', () => articles.evict(-1));
    return { service: application.get(Articles), manager, articles, failures, namespace };
  }

  /** A namespace whose versions and stream are not on the third. */
  async function elsewhere(): Promise<string> {
    for (;;) {
      const namespace = `cluster${++namespaces}`;
      const names = ['~cache:articles', '~writes:articles', '~bus'];
      const slots = await Promise.all(
        names.map((name) =>
          on.cluster.nodes[0]!.command('CLUSTER', 'KEYSLOT', `${namespace}:${name}`),
        ),
      );
      if (slots.every((slot) => Number(slot) < 10_000)) return namespace;
    }
  }

  const fill = (cache: Cache, count = 300) =>
    cache.putMany(times(count, (id) => [id, `article ${id}`] as const));
  const keysOn = () => Promise.all(on.cluster.nodes.map((node) => node.keys('*')));
  const perNode = async (work: () => Promise<unknown>): Promise<CommandCounts[]> => {
    const [first, second, third] = on.cluster.nodes;
    const counts: CommandCounts[] = [];
    await commandsDuring(first!, async () => {
      counts[1] = await commandsDuring(second!, async () => {
        counts[2] = await commandsDuring(third!, work);
      });
    }).then((count) => (counts[0] = count));
    return counts;
  };

  it('every operation does what it does on one node, and no key is without a life', async () => {
    const { service, articles, manager, failures } = await start();
    for (const id of ids.slice(0, 30)) {
      expect(await service.find(id)).toBe(`article ${id}`);
      expect(await articles.get(id)).toBe(`article ${id}`);
      expect(await articles.putIfAbsent(id, 'other')).toBe(`article ${id}`);
      await articles.put(id, 'put');
      expect(await service.find(id)).toBe('put');
      await articles.put(id, () => 'made');
      expect(await articles.get(id)).toBe('made');
      expect(await articles.explain(id)).toMatchObject({ found: 'fresh', lease: 'none' });
      expect(await articles.evict(id)).toBe(true);
      expect(await articles.getEntry(id)).toBeUndefined();
      await service.create(id);
      expect(await articles.get(id)).toBe(`article ${id}`);
      await service.findTagged(id + 1_000);
    }
    expect(await manager.evictTags('all', ...ids.map((id) => `of article ${id}`))).toBe(true);
    expect(failures.seen).toEqual([]);
    for (const node of on.cluster.nodes) {
      for (const key of await node.keys('*')) expect(await node.command('PTTL', key)).not.toBe(-1);
    }
  });

  it('batches are stored on all three, found, loaded once and evicted', async () => {
    const { service, articles, failures } = await start();
    expect(await service.findMany(ids)).toEqual(ids.map((id) => `article ${id}`));
    const spread = (await keysOn()).map((keys) => keys.filter((key) => key.includes(':articles:')));
    for (const keys of spread) expect(keys.length).toBeGreaterThan(50);
    expect((await articles.getMany(ids)).size).toBe(300);
    expect(await service.findMany([...ids, 999])).toHaveLength(301);
    expect(service.batches).toEqual([ids, [999]]);
    expect(await articles.evict(...ids.slice(0, 100))).toBe(true);
    expect([...(await articles.getMany(ids)).keys()]).toEqual(ids.slice(100));
    expect(failures.seen).toEqual([]);
  });

  it('tags and clears concern every node, by one command or two', async () => {
    const { service, articles, manager } = await start();
    await manager.evictTags('warm');
    await articles.clear();
    await articles.clear();
    for (const invalidate of [() => manager.evictTags('one of 3'), () => articles.clear()]) {
      const before = (await service.findMany(ids), (await articles.getMany(ids)).size);
      expect(before).toBe(300);
      const counts = await perNode(invalidate);
      const scripts = counts.map(({ of }) => (of['evalsha'] ?? 0) + (of['eval'] ?? 0));
      expect(scripts.reduce((sum, calls) => sum + calls)).toBeLessThanOrEqual(4);
      const left = [...(await articles.getMany(ids)).keys()];
      expect(left).toEqual(left.length === 0 ? [] : ids.filter((id) => id % 10 !== 3));
    }
    expect((await articles.getMany(ids)).size).toBe(0);
  });

  it('evictMatching finds them on every primary, the leases of loads in flight among them', async () => {
    const { service, articles } = await start();
    await fill(articles);
    const door = gate();
    const loads = times(30, (i) =>
      articles.getOrLoad(1_000 + i, async () => {
        await door.opened;
        return 'older';
      }),
    );
    await until('all are under way', () => articles.stats().misses >= 30);
    await until('all have a lease', async () => {
      const states = await Promise.all(times(30, (i) => articles.explain(1_000 + i)));
      return states.every(({ lease }) => lease === 'load');
    });
    expect(await articles.evictMatching(glob`1*`)).toBe(111);
    door.open();
    await Promise.all(loads);
    expect((await articles.getMany(times(30, (i) => 1_000 + i))).size).toBe(0);
    const left = [...(await articles.getMany(ids)).keys()];
    expect(left).toEqual(ids.filter((id) => !String(id).startsWith('1')));
    expect(service.calls).toBe(0);
  });

  it('loads of two applications are one, and an eviction by one keeps the load of the other out', async () => {
    const options = { namespace: 'cluster-shared' };
    const [one, other] = [await start(options), await start(options)];
    const door = gate();
    one.service.door = other.service.door = door.opened;
    const calls = ids.slice(0, 40).flatMap((id) => [one.service.find(id), other.service.find(id)]);
    await until('each key is loaded', () => one.service.calls + other.service.calls === 40);
    await until(
      'all have missed',
      () => other.articles.stats().misses + one.articles.stats().misses >= 80,
    );
    door.open();
    expect(new Set(await Promise.all(calls)).size).toBe(40);
    expect((await one.articles.getMany(ids.slice(0, 40))).size).toBe(40);
    expect(one.service.calls + other.service.calls).toBe(40);

    const last = gate();
    one.service.door = last.opened;
    one.service.started = gate();
    const loading = one.service.find(100);
    await one.service.started.opened;
    await other.articles.evict(100);
    last.open();
    expect(await loading).toBe('article 100');
    expect(await one.articles.getEntry(100)).toBeUndefined();
  });

  it('strict writes are guarded, of keys and of a cache', async () => {
    const { service, manager, failures } = await start();
    const strict = manager.getCache<number, string>('strict');
    for (const write of ['remove', 'removeAll'] as const) {
      const door = gate();
      service.door = door.opened;
      service.started = gate();
      const writing = service[write](7);
      await service.started.opened;
      expect(await strict.getOrLoad(7, async () => 'read')).toBe('read');
      expect(await strict.getEntry(7)).toBeUndefined();
      door.open();
      await writing;
      await strict.getOrLoad(7, async () => 'read');
      expect(await strict.get(7)).toBe('read');
    }
    expect(failures.seen).toEqual([]);
  });

  it('units of work touch keys of every node', async () => {
    const { articles, manager } = await start();
    await fill(articles);
    await CacheTransaction.run(async () => {
      await articles.evict(...ids.slice(0, 100));
      await articles.putMany(ids.slice(100, 200).map((id) => [id, 'new']));
      await manager.evictTags('nothing bears this');
    });
    const left = await articles.getMany(ids);
    expect([...left.keys()]).toEqual(ids.slice(100));
    expect(ids.slice(100).map((id) => left.get(id))).toEqual([
      ...times(100, () => 'new'),
      ...ids.slice(200).map((id) => `article ${id}`),
    ]);
  });

  it('slots that have moved are found where they are now, with nothing lost or brought back', async () => {
    const { articles, service, manager, failures } = await start();
    await fill(articles);
    await articles.evict(7);
    const { nodes } = on.cluster;
    const keys = (await nodes[0]!.keys('*:articles:*')).slice(0, 20);
    expect(keys.length).toBe(20);
    await moveSlots(nodes, keys, { from: nodes[0]!, to: nodes[2]! });
    expect((await articles.getMany(ids)).size).toBe(299);
    expect(await service.find(7)).toBe('article 7');
    await fill(articles);
    expect((await articles.getMany(ids)).size).toBe(300);
    await articles.evict(...ids.slice(0, 150));
    expect([...(await articles.getMany(ids)).keys()]).toEqual(ids.slice(150));
    expect(await articles.evictMatching(glob`2*`)).toBe(100);
    expect(await manager.clearAll()).toBe(true);
    expect((await articles.getMany(ids)).size).toBe(0);
    expect(failures.seen).toEqual([]);
  });

  it('a node that is gone costs its own keys alone', async () => {
    const namespace = await elsewhere();
    const defaults = { timeouts: { store: '500ms' } };
    const { articles, failures } = await start({ namespace, defaults });
    await fill(articles);
    const [, , third] = on.cluster.nodes;
    const lost = (await third!.keys(`${namespace}:*:articles:*`)).length;
    expect(lost).toBeGreaterThan(50);
    await third!.kill();
    try {
      const inTurn = async () => {
        let count = 0;
        for (const id of ids) if ((await articles.get(id)) !== undefined) count++;
        return count;
      };
      await until('all others are there', async () => (await inTurn()) === 300 - lost);
      expect(await timed(inTurn)).toBeLessThan((lost * 100) / 4); // none of them waits any more
      const evicted = { true: 0, false: 0 };
      for (const id of ids.slice(0, 12)) evicted[`${await articles.evict(id)}`]++;
      expect(evicted.false).toBeGreaterThan(0);
      expect(evicted.true).toBeGreaterThan(0);
      expect(failures.seen.length).toBeGreaterThan(0);
    } finally {
      await third!.restart();
      await on.cluster.ready();
    }
    await until('it is used again, once what was forgotten is cleared', async () => {
      await fill(articles);
      return (await articles.getMany(ids)).size === 300;
    });
  });
});
