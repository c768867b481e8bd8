import { Flight, type Loaded, type Slot } from './in.flight.js';
import type { Keep, KeepOptions } from './entry.maker.js';
import { isWaitingForUs, loading, waiting } from './load.context.js';
import type { NamedCache } from './named.cache.js';
import { delivered, type Outcome, type Revive } from './read.through.js';

/** One key of a batch. */
export interface Element {
  readonly text: string;
  readonly options: KeepOptions;
}

/** A batch of keys, each there once, over the caches that are asked in order and all filled. */
export interface Batch {
  readonly caches: readonly NamedCache[];
  readonly elements: readonly Element[];
  /** False: this batch runs its own load for keys that are being loaded. */
  readonly shared: boolean;
  /** As of a single read's target. */
  readonly revive?: Revive;
}

/** Loads the missing of a batch, given by their index; what has no value is absent from the answer. */
export type LoadMany = (missing: readonly number[]) => Promise<ReadonlyMap<number, Loaded>>;

/**
 * The read path for many keys: one round trip to look, one call of the loader for what is neither
 * there nor being loaded, one round trip to store. By the same rules as for one key.
 */
export async function readManyThrough(
  batch: Batch,
  load: LoadMany,
): Promise<(Outcome | undefined)[]> {
  const results = await lookUpMany(batch);
  const joined: Promise<void>[] = [];
  const missing: number[] = [];
  /** Part of the very load that is under way, whose value is the one to be stored. */
  const nested = new Set<number>();
  const [cache] = batch.caches;
  for (const [i, { text }] of batch.elements.entries()) {
    if (results[i] !== undefined || cache === undefined) continue;
    const flight = batch.shared ? cache.inFlight.flightOf(text) : undefined;
    const isNested = flight !== undefined && isWaitingForUs(flight);
    if (isNested) nested.add(i);
    if (!flight?.certain || isNested) {
      missing.push(i);
      continue;
    }
    const { landing } = flight.join((value) => cache.copyForJoiner(value));
    const landed = waiting(flight, landing);
    const target = { ...batch.elements[i]!, cache, ...(batch.revive && { revive: batch.revive }) };
    joined.push(
      landed.then(async (loaded) => {
        if (loaded === undefined) return;
        cache.recorder.coalesced(text);
        results[i] = (await delivered(target, loaded)) ?? { ...loaded, own: false };
      }),
    );
  }
  const loading = missing.length > 0 ? loadMissing(batch, missing, { load, nested }) : undefined;
  const [loaded = []] = await Promise.all([loading, ...joined]);
  for (const [i, value] of loaded) results[i] = { ...value, own: true };
  return results;
}

async function lookUpMany({ caches, elements, revive }: Batch): Promise<(Outcome | undefined)[]> {
  const results: (Outcome | undefined)[] = elements.map(() => undefined);
  for (const cache of caches) {
    const missing = results.flatMap((result, i) => (result === undefined ? [i] : []));
    if (missing.length === 0) break;
    const texts = missing.map((i) => elements[i]!.text);
    const entries = await cache.findMany(texts, elements[missing[0]!]!.options.method);
    for (const [m, entry] of entries.entries()) {
      if (entry === undefined) continue;
      const target = { ...elements[missing[m]!]!, cache, ...(revive && { revive }) };
      const outcome = await delivered(target, { value: cache.handOut(entry) });
      if (outcome !== undefined) results[missing[m]!] = outcome;
      else await cache.evictions.evict([target.text], target.options.method);
    }
  }
  return results;
}

async function loadMissing(
  { caches, elements, shared }: Batch,
  missing: readonly number[],
  { load, nested }: { load: LoadMany; nested: ReadonlySet<number> },
): Promise<ReadonlyMap<number, Loaded>> {
  const flights = missing.map(() => new Flight(true));
  const whole = new Flight(true); // nobody joins it: it stands for the one load behind all of them
  for (const flight of flights) flight.waitsFor.add(whole);
  const entered = caches.map((cache) =>
    missing.map((i, m) =>
      cache.inFlight.takeOff(elements[i]!.text, shared ? flights[m] : undefined),
    ),
  );
  try {
    const loaded = await caches[0]!.timed(elements[missing[0]!]!.text, () =>
      loading(whole, () => load(missing)),
    );
    const keepsOf = (slots: readonly Slot[]): Keep[] =>
      missing.flatMap((i, m) => {
        const value = loaded.get(i);
        return value === undefined || nested.has(i)
          ? []
          : [{ ...elements[i]!, slot: slots[m]!, loaded: value }];
      });
    await Promise.all(caches.map((cache, c) => cache.writes.keepMany(keepsOf(entered[c]!))));
    for (const [m, i] of missing.entries()) flights[m]!.land(loaded.get(i));
    return loaded;
  } catch (error) {
    for (const flight of flights) flight.crash(error);
    throw error;
  } finally {
    for (const [c, cache] of caches.entries()) {
      for (const [m, i] of missing.entries())
        cache.inFlight.leave(elements[i]!.text, entered[c]![m]!);
    }
  }
}
