/** Stores on a real Redis with copies in memory in front, each with a bus of its own, as in a process of its own. */
import { TieredStore, TieredTags } from '../../libs/elasticache/src/cache/tiered.store.js';
import { Bus } from '../../libs/elasticache/src/coherence/bus.js';
import { RedisConnection } from '../../libs/elasticache/src/connection/redis.connection.js';
import { TagLayout } from '../../libs/elasticache/src/key/key.layout.js';
import { BoundedMemoryTier } from '../../libs/elasticache/src/memory/memory.tier.js';
import { MemoryVersions } from '../../libs/elasticache/src/memory/memory.versions.js';
import { NearCaches } from '../../libs/elasticache/src/memory/near.caches.js';
import { NearTier } from '../../libs/elasticache/src/memory/near.tier.js';
import { Deadline } from '../../libs/elasticache/src/resilience/deadline.js';
import { RedisExchange } from '../../libs/elasticache/src/store/redis.exchange.js';
import type { RedisStore } from '../../libs/elasticache/src/store/redis.store.js';
import type { TagStore } from '../../libs/elasticache/src/store/tag.store.js';
import { systemClock as clock } from '../../libs/elasticache/src/time/clock.js';
import { connect } from './redis.stores.js';
import type { StoreNames, StoreUnderTest } from './store.subject.js';

const STORE_TIMEOUT_MS = 20_000;
const MAX_STALENESS_MS = 1_000;

/** One process's view of a cache. */
export interface Process {
  readonly store: TieredStore;
  readonly shared: RedisStore;
  readonly near: NearTier;
  readonly tags: TagStore;
  readonly bus: Bus;
}

export interface ConnectedTiers extends StoreUnderTest {
  start(names: StoreNames): Process;
  close(): Promise<void>;
}

export async function connectTiers(url: string): Promise<ConnectedTiers> {
  const connected = await connect(url);
  const connection = await RedisConnection.open(url, { random: Math.random });
  const deadline = new Deadline(STORE_TIMEOUT_MS, clock);
  const exchange = new RedisExchange({ where: 'bus', connection, deadline });
  const buses: Bus[] = [];
  const openBus = (namespace: string) => {
    const bus = new Bus({
      key: new TagLayout(namespace).bus,
      exchange,
      openReader: () => connection.duplicate(),
      near: new NearCaches(),
      clock,
      onState: () => {},
    });
    buses.push(bus);
    return bus;
  };
  const tagsOn = (bus: Bus) =>
    new TieredTags({ shared: connected.tags(), bus, isNeeded: () => true });
  const start = (names: StoreNames): Process => {
    const { cache = 'cache', namespace = 'test' } = names;
    const bus = openBus(namespace);
    const tier = new BoundedMemoryTier({
      maxEntries: 1_000,
      maxBytes: undefined,
      eviction: 'lru',
      isolation: 'clone',
      ttlMs: Infinity,
      idleMs: undefined,
      refreshAhead: undefined,
      versions: bus.near.tags,
      where: cache,
    });
    const keys = new MemoryVersions(bus.near.sequence);
    const near = new NearTier({ tier, others: bus, keys, maxStalenessMs: MAX_STALENESS_MS });
    bus.near.add(cache, near);
    const shared = connected.open(names);
    const store = new TieredStore({ places: [{ cache }], shared, near, bus, clock });
    return { store, shared, near, bus, tags: tagsOn(bus) };
  };
  return {
    guards: true,
    start,
    open: (names) => start(names).store,
    tags: () => tagsOn(openBus('test')),
    async close() {
      for (const bus of buses) bus.close();
      await connection.close();
      await connected.close();
    },
  };
}
