import { describe, expect, it } from '@jest/globals';
import { MemoryStore } from '../../libs/elasticache/src/memory/memory.store.js';
import { MemoryTags } from '../../libs/elasticache/src/memory/memory.tags.js';
import { BoundedMemoryTier, type Eviction } from '../../libs/elasticache/src/memory/memory.tier.js';
import { MemoryVersions } from '../../libs/elasticache/src/memory/memory.versions.js';
import { systemClock } from '../../libs/elasticache/src/time/clock.js';
import { storeContract } from './store.contract.js';
import { ask, loadOf, type StoreNames, valueOf, writeOf } from './store.subject.js';

/** One process: one store a cache, and the versions of all of them. */
function openProcess(maxBytes?: number, eviction: Eviction = 'lru') {
  const versions = new MemoryVersions();
  const stores = new Map<string, MemoryStore>();
  const open = (name: string) => {
    const tier = new BoundedMemoryTier({
      maxEntries: 10_000,
      maxBytes,
      eviction,
      isolation: 'clone',
      ttlMs: Infinity,
      idleMs: undefined,
      refreshAhead: undefined,
      versions,
      where: name,
    });
    return new MemoryStore({ tier, versions, clock: systemClock });
  };
  return {
    guards: false,
    open({ namespace = '', version = 1, cache = '' }: StoreNames) {
      const name = `${namespace}/${version}/${cache}`;
      const store = stores.get(name) ?? open(name);
      stores.set(name, store);
      return store;
    },
    tags: () => new MemoryTags(versions),
  };
}

describe("The store in this process's memory, by W-TinyLFU", () => {
  storeContract(async () => openProcess(undefined, 'lfu'), false);
});

describe("The store in this process's memory", () => {
  storeContract(async () => openProcess(), false);

  it('counts what a clear removes', async () => {
    const store = openProcess().open({});
    await store.putMany([writeOf('a', 1), writeOf('b', 2)]);
    expect(await store.clear()).toBe(2);
  });

  it('takes an eviction at its word in the very turn it is called in', async () => {
    const store = openProcess().open({});
    const lease = await loadOf(store, '7');
    void store.evict(['7']);
    expect(await store.keep(lease, writeOf('7', 'old'))).toBe(false);
    await store.putMany([writeOf('7', 'put')]);
    void store.evict(['7']);
    expect(await valueOf(store, '7')).toBeUndefined();
  });

  it('stores nothing that is beyond its bounds, and says so', async () => {
    const store = openProcess(500).open({});
    const large = 'x'.repeat(1_000);
    expect(await store.putMany([writeOf('7', large), writeOf('8', 'small')])).toEqual([
      false,
      true,
    ]);
    expect(await store.keep(await loadOf(store, '9'), writeOf('9', large))).toBe(false);
    expect(await store.finish(await store.begin(ask('9')), writeOf('9', large))).toBe(false);
  });

  it('keeps nothing of leases that are given up', async () => {
    const store = openProcess().open({});
    const held = (store as unknown as { held: Map<string, unknown> }).held;
    for (const text of ['a', 'b', 'c']) {
      await store.release(await loadOf(store, text));
      await store.keep(await loadOf(store, text), writeOf(text, 1));
      await store.finish(await store.begin(ask(text)), writeOf(text, 2));
      await store.abandon(await store.begin(ask(text)));
      await loadOf(store, `${text}2`);
    }
    expect(held.size).toBe(3);
    await store.clear();
    expect(held.size).toBe(0);
  });
});
