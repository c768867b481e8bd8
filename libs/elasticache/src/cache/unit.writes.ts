import { CacheTransaction, type Touched } from '../coherence/cache.transaction.js';
import { Glob } from '../key/glob.js';
import type { Lease } from '../store/cache.store.js';
import type { Evicted, EvictionUnderWay } from './cache.evictions.js';
import type { KeepOptions, Made } from './entry.maker.js';
import type { FencedPut } from './fenced.put.js';
import type { Loaded } from './flight.js';
import type { NamedCache } from './named.cache.js';
import type { TagEvictions, TagEvictionUnderWay } from './tag.evictions.js';

/*
 * The second phase of every write: at once, or with the unit of work that its first phase was part
 * of, be it over by then. Until then others are kept from storing the entries concerned, by the lease
 * that a write has.
 */

/** Removes, now or with the unit of work. How many entries that were; undefined where it failed, 0 where it waits. */
export async function evictInUnit(
  cache: NamedCache,
  evicted: Evicted,
  method?: string,
): Promise<number | undefined> {
  const unit = CacheTransaction.current();
  if (unit === undefined) return cache.evictions.evict(evicted, method);
  const eviction = await cache.evictions.begin(evicted, method);
  return finishInUnit(cache, { eviction, unit }, evicted);
}

/** Second phase of an eviction around a method. */
export async function finishInUnit(
  cache: NamedCache,
  { eviction, unit }: { eviction: EvictionUnderWay; unit: CacheTransaction | undefined },
  evicted: Evicted,
): Promise<number | undefined> {
  if (unit === undefined) return eviction.finish(evicted);
  for (const touched of touchedBy(evicted)) unit.conceal(cache, touched);
  const leases = cache.policy.strict ? [] : await leasesOf(cache, evicted);
  await unit.enlist({
    // The eviction takes the leases along; where it failed they end by themselves.
    commit: () =>
      eviction.finish(evicted).finally(() => {
        for (const lease of leases) void lease.renewal?.end();
      }),
    async rollback() {
      await eviction.abandon();
      await Promise.allSettled(leases.map((lease) => cache.store.abandon(lease)));
    },
  });
  return 0;
}

/** Second phase of a put. The value is copied where it waits: its caller may change it until then. */
export async function putInUnit(
  cache: NamedCache,
  put: FencedPut,
  { text, loaded, options }: { text: string; loaded: Loaded; options: KeepOptions },
): Promise<void> {
  const { unit } = put;
  if (unit === undefined) return put.finish(text, loaded, options);
  const copy = { ...loaded, value: cache.copyForJoiner(loaded.value) };
  unit.conceal(cache, { text });
  await unit.enlist({
    commit: () => put.finish(text, copy, options),
    rollback: () => put.abandon(),
  });
}

/**
 * Puts without order, now or with the unit of work. There they are copied, and since the work is done,
 * what cannot be stored is told to the error handler, and what it should have replaced removed.
 */
export async function putManyInUnit(cache: NamedCache, puts: readonly Made[]): Promise<void> {
  const unit = CacheTransaction.current();
  if (unit === undefined) return cache.writes.putMany(puts);
  const copies = puts.map(({ ask, loaded, options }) => {
    return { ask, options, loaded: { value: cache.copyForJoiner(loaded.value) } };
  });
  for (const { ask } of puts) unit.conceal(cache, ask);
  const commit = async () => {
    const unstorable = await cache.writes.putStorable(copies);
    if (unstorable.length === 0) return;
    for (const { text, error } of unstorable) {
      cache.recorder.failed(error, { operation: 'put', key: text });
    }
    await cache.evictions.evict({ texts: unstorable.map(({ text }) => text) });
  };
  await unit.enlist({ commit, rollback: async () => undefined });
}

/** An eviction of tags around a method, and the unit of work it began in. */
interface TagEvictionInUnit {
  readonly underWay?: TagEvictionUnderWay;
  readonly unit?: CacheTransaction | undefined;
}

/** Evicts tags, now or with the unit of work. False where it failed. */
export async function evictTagsInUnit(
  tags: readonly string[],
  evictions: TagEvictions,
  { underWay, unit = CacheTransaction.current() }: TagEvictionInUnit = {},
): Promise<boolean> {
  if (unit === undefined) return underWay ? underWay.finish(tags) : evictions.evict(tags);
  const eviction = underWay ?? (await evictions.begin(tags));
  unit.concealTags(tags);
  await unit.enlist({ commit: () => eviction.finish(tags), rollback: () => eviction.abandon() });
  return true;
}

function touchedBy(evicted: Evicted): readonly Touched[] {
  if (evicted === 'everything' || evicted instanceof Glob) return [evicted];
  return evicted.texts.map((text) => ({ text }));
}

/** A write's lease for each key, as far as it can be had: without it others may store what the eviction then removes. */
async function leasesOf(cache: NamedCache, evicted: Evicted): Promise<Lease[]> {
  if (evicted === 'everything' || evicted instanceof Glob) return [];
  const begun = evicted.texts.map((text) => cache.store.begin({ text, tags: [] }, false));
  const settled = await Promise.allSettled(begun);
  return settled.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
}
