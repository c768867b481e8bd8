/** The store on a real Redis Cluster: every step in one slot, or split by slot before it reaches the client. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import { Cluster as Cluster5 } from 'ioredis5';
import { RedisConnection } from '../../libs/elasticache/src/connection/redis.connection.js';
import { glob } from '../../libs/elasticache/src/key/glob.js';
import { newToken } from '../../libs/elasticache/src/store/token.js';
import { type RedisCluster, startRedisCluster } from '../support/redis.cluster.js';
import type { RedisServer } from '../support/redis.server.js';
import { roundTripsDuring } from '../support/round.trips.js';
import { until } from '../support/waiting.js';
import { type Connected, connect, entryKey, expectLifetimes } from './redis.stores.js';
import { storeContract } from './store.contract.js';
import {
  ask,
  entryOf,
  fill,
  fresh,
  freshTag,
  loadOf,
  looksAt,
  type StoreNames,
  valueOf,
  writeOf,
} from './store.subject.js';

const CLUSTER_START_MS = 60_000;

let cluster: RedisCluster;

beforeAll(async () => {
  cluster = await startRedisCluster();
}, CLUSTER_START_MS);
afterAll(() => cluster.stop());

const nodes = () => startupNodesOf(cluster);
const startupNodesOf = ({ startupNodes }: RedisCluster) => startupNodes;
const keysOf = (node: RedisServer, pattern: string) => node.keys(pattern);

describe.each([
  ['a ready cluster client of ioredis 6', () => new Cluster(nodes())],
  ['a ready cluster client of ioredis 5.11', () => new Cluster5(nodes())],
  ['the nodes of a cluster that it is told of', () => ({ cluster: nodes().slice(0, 1) })],
])('The Redis store on %s', (_, makeClient) => {
  let connected: Connected | undefined;
  afterAll(() => connected?.close());

  storeContract(async () => {
    for (const node of cluster.nodes) await node.command('FLUSHALL');
    return (connected = await connect(makeClient() as never));
  });

  it('has given every key a lifetime, on every node', () => expectLifetimes(cluster.nodes));
});

describe('On a cluster', () => {
  let client: Cluster;
  let connected: Connected;
  const texts = Array.from({ length: 100 }, (_each, i) => String(i));

  beforeAll(async () => {
    client = new Cluster(nodes());
    connected = await connect(client);
  });
  afterAll(() => connected.close());

  it('the lease of an entry is in its slot', async () => {
    const names = fresh();
    const store = connected.open(names);
    for (const text of texts) await loadOf(store, text);
    for (const text of texts) await fill(connected.open(fresh()), text);
    for (const node of cluster.nodes) {
      const keys = (await keysOf(node, `*${names.cache}:*`)).filter((key) =>
        key.endsWith(':lease'),
      );
      expect(keys.length).toBeGreaterThan(10);
      for (const key of keys) {
        const slots = [key, key.slice(1, key.indexOf('}'))].map((each) =>
          node.command('CLUSTER', 'KEYSLOT', each),
        );
        const [lease, entry] = await Promise.all(slots);
        expect(lease).toBe(entry);
      }
    }
  });

  it('entries are spread over every primary, and evicted on each of them', async () => {
    const names = fresh();
    const [store, other] = [connected.open(names), connected.open(names)];
    const many = Array.from({ length: 600 }, (_each, i) => String(i));
    await store.putMany(many.map((text) => writeOf(text, text)));
    const entries = await Promise.all(
      cluster.nodes.map((node) => keysOf(node, `*:${names.cache}:*`)),
    );
    for (const keys of entries) expect(keys.length).toBeGreaterThan(100);
    const leases = await Promise.all(
      many.slice(0, 90).map((text) => loadOf(store, `load:${text}`)),
    );
    expect(await other.evictMatching(glob`*`)).toBe(600);
    const kept = await store.keepMany(leases.map((lease) => [lease, writeOf(lease.text, 'old')]));
    expect(new Set(kept)).toEqual(new Set([false]));
    const left = await Promise.all(cluster.nodes.map((node) => keysOf(node, `*:${names.cache}:*`)));
    expect(left.flat()).toEqual([]);
  });

  it('a step of a batch is one round trip, to all nodes at once', async () => {
    const store = connected.open(fresh());
    await store.putMany(texts.map((text) => writeOf(text, text)));
    await store.evict(texts);
    const primaries = client.nodes('master') as Redis[];
    const asks = texts.map((text) => ask(text));
    const looks = await looksAt(store, asks);
    const trips = (work: () => Promise<unknown>) => roundTripsDuring(primaries, work);
    expect(await trips(() => store.lookMany(asks))).toBe(1);
    const claim = () =>
      Promise.all(asks.map((each, i) => store.claim(each, looks[i]!.view, { token: newToken() })));
    expect(await trips(claim)).toBe(1);
    expect(await trips(() => store.evict(texts))).toBe(2); // first of the write epoch
    expect(await store.lookMany(asks)).toHaveLength(100);
  });

  it('a batch has what stands on the nodes that answer', async () => {
    const names = fresh();
    const store = connected.open(names);
    await store.putMany(texts.map((text) => writeOf(text, text)));
    const version = `test:~cache:${names.cache}`;
    const isReadable = await Promise.all(
      cluster.nodes.map((node) => node.command('EXISTS', version).catch(() => 0)),
    );
    const others = cluster.nodes.filter((_, i) => isReadable[i] === 0);
    expect(others).toHaveLength(2);
    const silent = others[0]!;
    const there = (await silent.keys(`test:*:${names.cache}:*`)).length;
    await silent.command('ACL', 'SETUSER', 'default', '-get', '-mget');
    try {
      const looks = await store.lookMany(texts.map((text) => ask(text)));
      const failed = looks.filter((look) => look instanceof Error);
      expect(there).toBeGreaterThan(0);
      expect(failed.length).toBe(there);
      expect(failed[0]).toMatchObject({ code: 'CACHE_UNAVAILABLE' });
      const found = looks.filter((look) => !(look instanceof Error) && look.entry !== undefined);
      expect(found.length).toBe(texts.length - there);
    } finally {
      await silent.command('ACL', 'SETUSER', 'default', '+get', '+mget');
    }
  });

  it.each([
    ['an entry', (names: StoreNames) => entryKey(names, '7')],
    ['the version of a cache', ({ cache }: StoreNames) => `test:~cache:${cache}`],
  ])('what holds another type under the key of %s is replaced', async (_, keyOf) => {
    const names = fresh();
    const [store, other] = [connected.open(names), connected.open(names)];
    await client.sadd(keyOf(names), 'of another type');
    expect(await store.look(ask('7'))).toMatchObject({ miss: 'absent' });
    await fill(store, '7', 'new');
    expect(await valueOf(other, '7')).toBe('new');
  });

  it('a look reads the versions in the same round trip, wherever they are', async () => {
    const store = connected.open(fresh());
    const tags = Array.from({ length: 10 }, freshTag);
    await fill(store, ask('7', ...tags), 'value');
    const primaries = client.nodes('master') as Redis[];
    let value: unknown;
    const look = async () => void (value = await valueOf(store, ask('7', ...tags)));
    expect(await roundTripsDuring(primaries, look)).toBe(1);
    expect(value).toBe('value');
  });

  it('the versions of an entry in another slot outlive it', async () => {
    const store = connected.open(fresh());
    const tags = Array.from({ length: 10 }, freshTag);
    const lifeMs = 3_600_000;
    const entry = entryOf(1, { tags });
    await store.keep(await loadOf(store, ask('7', ...tags)), { text: '7', entry, lifeMs });
    const livesOf = async (tag: string) =>
      Math.max(
        ...(await Promise.all(
          cluster.nodes.map((node) =>
            node.command('PTTL', `test:~tag:${tag}`).catch(() => Number.NaN),
          ),
        ).then((lives) => lives.map(Number).filter((life) => !Number.isNaN(life)))),
      );
    for (const tag of tags) {
      await until('it lives long enough', async () => (await livesOf(tag)) > lifeMs);
    }
  });
});

describe('A cluster client', () => {
  it.each([
    ['with a keyPrefix', { redisOptions: { keyPrefix: 'app:' } }, /namespace/],
    ['with a keyPrefix of its own', { keyPrefix: 'app:' }, /namespace/],
    ['that reads from replicas', { scaleReads: 'slave' as const }, /scaleReads/],
    ['that reads from all nodes', { scaleReads: 'all' as const }, /scaleReads/],
  ])('%s is refused', async (_, options, problem) => {
    const client = new Cluster([{ host: '127.0.0.1' }], { lazyConnect: true, ...options });
    const opening = RedisConnection.open(client as never, {
      random: Math.random,
    });
    await expect(opening).rejects.toMatchObject({
      code: 'CACHE_CONFIGURATION',
      message: expect.stringMatching(problem),
    });
    client.disconnect();
  });
});
