/** What the protocol costs: how often it waits for the server, and how many commands it sends there. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { glob } from '../../libs/elasticache/src/key/glob.js';
import type { CacheStore, Lease } from '../../libs/elasticache/src/store/cache.store.js';
import { newToken } from '../../libs/elasticache/src/store/token.js';
import { commandsDuring } from '../support/command.counts.js';
import { type RedisServer, startRedis } from '../support/redis.server.js';
import { roundTripsDuring } from '../support/round.trips.js';
import { type Connected, connect } from './redis.stores.js';
import {
  ask,
  fill,
  fresh,
  freshTag,
  lateAsk,
  loadOf,
  looksAt,
  type StoreNames,
  writeOf,
} from './store.subject.js';

describe('What reaches the server', () => {
  let server: RedisServer;
  let client: Redis;
  let connected: Connected;
  beforeAll(async () => {
    server = await startRedis();
    client = new Redis(server.url);
    connected = await connect(client);
  });
  afterAll(async () => {
    await connected.close();
    await server.stop();
  });

  const texts = Array.from({ length: 100 }, (_each, i) => String(i));

  /** A store that has been used: its scripts are known to the server, and the version of its cache lives long. */
  async function warm(names: StoreNames = fresh()): Promise<CacheStore> {
    const store = connected.open(names);
    await fill(store, 'warm');
    await store.finish(await store.begin(ask('warm'), false), writeOf('warm', 1));
    await store.putMany([writeOf('warm', 1)]);
    await store.putIfAbsent(ask('warm2'), writeOf('warm2', 1));
    await store.release(await loadOf(store, 'warm3'), true);
    await store.evict(['warm', 'warm2']);
    await store.clear();
    await connected.tags().evict(['warm']);
    await fill(store, 'warm');
    return store;
  }

  /** Round trips, and the commands that are sent by the store itself: those within scripts have other names. */
  async function sent(work: () => Promise<unknown>) {
    let trips = 0;
    const { of } = await commandsDuring(server, async () => {
      trips = await roundTripsDuring([client], work);
    });
    const { mget = 0, evalsha = 0, eval: evaluated = 0, scan = 0 } = of;
    return { trips, mget, scripts: evalsha + evaluated, scan };
  }
  const look = { trips: 1, mget: 1, scripts: 0, scan: 0 };
  const script = { trips: 1, mget: 0, scripts: 1, scan: 0 };

  it('for a look: one MGET, whether it finds something or not', async () => {
    const store = await warm();
    expect(await sent(() => store.look(ask('warm')))).toEqual(look);
    expect(await sent(() => store.look(ask('missing')))).toEqual(look);
  });

  it('for a look with known tags: no more than without', async () => {
    const store = await warm();
    const tags = [freshTag(), freshTag(), freshTag()];
    await fill(store, ask('7', ...tags));
    expect(await sent(() => store.look(ask('7', ...tags)))).toEqual(look);
  });

  it('for a look at tags that only the entry names: one more', async () => {
    const store = await warm();
    await fill(store, ask('7', freshTag(), freshTag()));
    expect(await sent(() => store.look(ask('7')))).toEqual({ ...look, trips: 2, mget: 2 });
  });

  it('for a load: a look, a claim and a store', async () => {
    const store = await warm();
    expect(await sent(() => fill(store, '7'))).toEqual({ ...look, trips: 3, scripts: 2 });
    const lease = await loadOf(store, '8');
    expect(await sent(() => store.release(lease, false))).toEqual(script);
  });

  it('for a write: its lease beside the versions, and its value', async () => {
    const store = await warm();
    const tag = freshTag();
    await fill(store, ask('8', tag));
    let lease: Lease | undefined;
    const begin = async () => void (lease = await store.begin(ask('7', tag), false));
    expect(await sent(begin)).toEqual({ ...look, scripts: 1 });
    expect(await sent(() => store.finish(lease!, writeOf('7', 'new', tag)))).toEqual(script);
  });

  it('for reads of one turn: one round trip', async () => {
    const store = await warm();
    await store.putMany(texts.map((text) => writeOf(text, text)));
    const single = () => Promise.all(texts.map((text) => store.look(ask(text))));
    const batch = () => store.lookMany(texts.map((text) => ask(text)));
    expect(await sent(single)).toEqual({ ...look, mget: 4 });
    expect(await sent(batch)).toEqual({ ...look, mget: 2 });
  });

  it('for a batch of a hundred: one round trip a step, and a few commands', async () => {
    const store = await warm();
    const asks = texts.map((text) => ask(text));
    const looks = await looksAt(store, asks);
    const leases: Lease[] = [];
    const claim = async () => {
      const claims = await Promise.all(
        asks.map((each, i) => store.claim(each, looks[i]!.view, { token: newToken() })),
      );
      leases.push(...claims.flatMap((each) => (each.kind === 'won' ? [each.lease] : [])));
    };
    const keep = () =>
      store.keepMany(leases.map((lease) => [lease, writeOf(lease.text, lease.text)]));
    for (const step of [claim, keep, () => store.evict(texts)]) {
      const { trips, mget, scripts } = await sent(step);
      expect({ trips, mget }).toEqual({ trips: 1, mget: 0 });
      expect(scripts).toBeLessThanOrEqual(7);
    }
    expect(leases).toHaveLength(100);
  });

  it('for a hundred puts: one round trip', async () => {
    const store = await warm();
    const put = () => store.putMany(texts.map((text) => writeOf(text, text)));
    await put();
    const { trips, scripts } = await sent(put);
    expect(trips).toBe(1);
    expect(scripts).toBeLessThanOrEqual(7);
    const putIfAbsent = () => store.putIfAbsent(ask('new'), writeOf('new', 1));
    expect(await sent(putIfAbsent)).toEqual({ ...look, trips: 2, scripts: 1 });
  });

  it.each([
    ['clear', 'of 10 entries', 10],
    ['clear', 'of 5,000 entries', 5_000],
    ['the eviction of a tag', 'of 10 entries', 10],
    ['the eviction of a tag', 'of 5,000 entries', 5_000],
  ])('for %s %s: one script that runs a few commands', async (what, _, count) => {
    const store = await warm();
    const [tags, tag] = [connected.tags(), freshTag()];
    const many = Array.from({ length: count }, (_each, i) => String(i));
    await store.putMany(many.map((text) => writeOf(text, 0, tag)));
    await store.look(ask('0', tag));
    const evict = () => (what === 'clear' ? store.clear() : tags.evict([tag]));
    const { of, total } = await commandsDuring(server, evict);
    expect(of['evalsha']).toBe(1);
    expect(total).toBeLessThanOrEqual(6); // those of the script among them
    expect((await store.look(ask('0', tag))).entry).toBeUndefined();
  });

  it('for an eviction by pattern: SCAN in steps of 500 and scripts, never KEYS, DEL of lists or FLUSH', async () => {
    const [store, other] = [await warm(), await warm()];
    const many = Array.from({ length: 2_500 }, (_each, i) => String(i));
    await store.putMany(many.map((text) => writeOf(text, 0)));
    await other.putMany(many.map((text) => writeOf(text, 0)));
    const { of } = await commandsDuring(server, () => store.evictMatching(glob`*`));
    expect(of['scan']).toBeGreaterThanOrEqual(20); // twice over the keys of all caches
    expect(of['scan']).toBeLessThan(80);
    expect(Object.keys(of)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(keys|flush\w+)$/)]),
    );
    expect(await other.evictMatching(glob`*`)).toBe(2_501);
  });

  it('for a load that learns its tags from the value: two looks at versions more', async () => {
    const store = await warm();
    const tag = freshTag();
    await fill(store, ask('other', tag));
    const load = async () => {
      await store.keep(await loadOf(store, lateAsk('7')), writeOf('7', 1, tag));
    };
    await load();
    await store.evict(['7']);
    const { trips, scripts } = await sent(load);
    expect({ trips, scripts }).toEqual({ trips: 5, scripts: 2 });
  });
});
