import type { Ask, Lease } from '../store/cache.store.js';
import { newToken } from '../store/token.js';
import type { SingleFlight } from './cache.policy.js';
import type { KeepOptions } from './entry.maker.js';
import { Flight, type Loaded, type Seat } from './flight.js';
import { isWaitingForUs, waiting } from './load.context.js';
import type { Finding, NamedCache } from './named.cache.js';
import { outsideOfCalls, staleOutcome } from './read.stale.js';
import {
  delivered,
  hitAtOnce,
  type Outcome,
  reportLoad,
  type Revive,
  type Target,
  taken,
} from './read.target.js';

/** One key of a batch. */
export interface Element {
  readonly ask: Ask;
  readonly options: KeepOptions;
}

/** A batch of keys, each there once, over the caches that are asked in order and all filled. */
export interface Batch {
  readonly caches: readonly NamedCache[];
  readonly elements: readonly Element[];
  /** Who shares the loads of its keys. */
  readonly sharing: SingleFlight;
  /** As of a single read's target. */
  readonly revive?: Revive | undefined;
}

/** Loads the missing of a batch, given by their index; what has no value is absent from the answer. `isReload`: behind the caller's back. */
export type LoadMany = (
  missing: readonly number[],
  isReload?: boolean,
) => Promise<ReadonlyMap<number, Loaded>>;

type Results = (Outcome | undefined)[];

/** What this call does about one missing key: load it, under the lease if it has one, or wait for whoever does. */
type Share =
  | { readonly kind: 'load'; readonly lease?: Lease; readonly flight: Flight }
  | { readonly kind: 'join'; readonly flight: Flight; readonly seat: Seat }
  | { readonly kind: 'wait'; readonly token: string };

/**
 * The read path for many keys: one round trip to look, one to claim, one call of the loader for what
 * is neither there nor being loaded, one round trip to store. By the same rules as for one key; keys
 * that another process loads are waited for beside the loader, and loaded if that brings nothing.
 */
export async function readManyThrough(batch: Batch, load: LoadMany): Promise<Results> {
  const results: Results = batch.elements.map(() => undefined);
  const { findings, due } = await lookUpMany(batch, results);
  const [cache] = batch.caches;
  if (cache === undefined) return results;
  if (due.length > 0) refreshMany(batch, due, { findings, load });
  const missing = missingOf(results);
  if (missing.length === 0) return results;
  try {
    await loadOrAwait(batch, { missing, findings, results, load });
  } catch (error) {
    if (!(await serveStale(batch, { missing, findings, results }))) throw error;
    reportLoad(targetOf(batch, cache, missing[0]!), error);
  }
  return results;
}

function missingOf(results: Results): number[] {
  const missing: number[] = [];
  for (const [i, result] of results.entries()) if (result === undefined) missing.push(i);
  return missing;
}

interface Missing {
  readonly missing: readonly number[];
  /** What the first cache has of each element. */
  readonly findings: readonly (Finding | undefined)[];
  readonly results: Results;
}

async function loadOrAwait(
  batch: Batch,
  { missing, findings, results, load }: Missing & { readonly load: LoadMany },
): Promise<void> {
  const cache = batch.caches[0]!;
  const shares = await shareOut(batch, cache, { missing, findings });
  const own = [...shares].filter(([, share]) => share.kind === 'load').map(([i]) => i);
  const [left] = await Promise.all([
    awaitOthers(batch, shares, results),
    own.length > 0 ? loadMissing(batch, own, { load, shares, results }) : undefined,
  ]);
  if (left.length === 0) return;
  for (const i of left) shares.set(i, { kind: 'load', flight: new Flight(true) });
  await loadMissing(batch, left, { load, shares, results });
}

/** Where the loader failed: expired copies, if there is one for every element that is still missing. */
async function serveStale(batch: Batch, { missing, findings, results }: Missing): Promise<boolean> {
  const cache = batch.caches[0]!;
  for (const i of missing) {
    if (results[i] !== undefined) continue;
    const target = targetOf(batch, cache, i);
    if (findings[i]?.freshness !== 'stale') return false;
    const looking = cache.lookAgain(target.ask, target.options);
    const again = await looking.catch(() => undefined); // the loader's own error wins
    const outcome = again && (await staleOutcome(target, again));
    if (outcome === undefined) return false;
    results[i] = outcome;
  }
  return true;
}

/** Loads anew what nobody else does, behind the caller's back. */
function refreshMany(
  batch: Batch,
  due: readonly number[],
  { findings, load }: { findings: readonly (Finding | undefined)[]; load: LoadMany },
): void {
  const cache = batch.caches[0]!;
  const textOf = (i: number) => batch.elements[i]!.ask.text;
  const own = due.filter((i) => !cache.loads.isFull && !cache.refreshing.has(textOf(i)));
  if (own.length === 0) return;
  for (const i of own) cache.refreshing.add(textOf(i));
  const reload = async () => {
    const shares = await shareOut(batch, cache, { missing: own, findings });
    for (const share of shares.values()) if (share.kind === 'join') share.seat.leave();
    const won = [...shares].filter(([, share]) => share.kind === 'load' && share.lease);
    const results: Results = batch.elements.map(() => undefined);
    const again: LoadMany = (missing) => load(missing, true);
    const indices = won.map(([i]) => i);
    if (indices.length > 0) await loadMissing(batch, indices, { load: again, shares, results });
  };
  outsideOfCalls(cache, () => {
    void reload()
      .catch((error: unknown) => reportLoad(targetOf(batch, cache, own[0]!), error))
      .catch(() => undefined) // the handler's own: there is no call that it could fail
      .finally(() => own.forEach((i) => cache.refreshing.delete(textOf(i))));
  });
}

/** Fills in the hits; answers with what the first cache has of each element, and which of its hits are to be renewed. */
async function lookUpMany(batch: Batch, results: Results) {
  const { revive } = batch;
  const findings: (Finding | undefined)[] = results.map(() => undefined);
  const due: number[] = [];
  for (const [c, cache] of batch.caches.entries()) {
    const missing = missingOf(results);
    if (missing.length === 0) break;
    const asks = missing.map((i) => batch.elements[i]!.ask);
    const found = await cache.findMany(asks, batch.elements[missing[0]!]!.options);
    const site = { cache, revive };
    for (const [m, i] of missing.entries()) {
      const finding = found[m]!;
      results[i] = hitAtOnce(site, finding);
      if (results[i] !== undefined) continue;
      const { outcome, left } = await taken(targetOf(batch, cache, i), finding);
      results[i] = outcome;
      if (c > 0) continue;
      findings[i] = left;
      if (outcome !== undefined && left.freshness !== 'fresh') due.push(i);
    }
  }
  return { findings, due };
}

/** Claims every missing key of the first cache, in one round trip. */
async function shareOut(
  batch: Batch,
  cache: NamedCache,
  { missing, findings }: { missing: readonly number[]; findings: readonly (Finding | undefined)[] },
): Promise<Map<number, Share>> {
  const settled = await Promise.allSettled(
    missing.map((i) => shareOf(targetOf(batch, cache, i), findings[i]!, batch.sharing)),
  );
  const shares = new Map<number, Share>();
  for (const [m, outcome] of settled.entries()) {
    if (outcome.status === 'fulfilled') shares.set(missing[m]!, outcome.value);
  }
  const failure = settled.find((outcome) => outcome.status === 'rejected');
  if (failure === undefined) return shares;
  for (const share of shares.values()) giveUp(cache, share, failure.reason);
  throw failure.reason;
}

function giveUp(cache: NamedCache, share: Share, reason: unknown): void {
  if (share.kind === 'join') share.seat.leave();
  if (share.kind !== 'load') return;
  share.flight.crash(reason);
  if (share.lease !== undefined) void cache.writes.release(share.lease);
}

async function shareOf(
  { cache, ask, options }: Target,
  { view }: Finding,
  sharing: SingleFlight,
): Promise<Share> {
  const flight = new Flight(true);
  if (view === undefined) return { kind: 'load', flight };
  const attempt = { flight, token: newToken(), method: options.method };
  const claim = await cache.claim(ask, view, attempt);
  if (claim?.kind === 'held') {
    const known = cache.flights.get(claim.token);
    const isOutdated = known?.lease && !cache.store.isCurrent(known.lease, view);
    if (known !== undefined && !isOutdated) {
      const isJoinable = sharing !== false && known.isShared && known.certain;
      const mayWait = !isWaitingForUs(known) && (known.isBegun || !cache.loads.isInside);
      if (!isJoinable || !mayWait) return { kind: 'load', flight };
      // The seat is taken in this turn: the flight may land before the other keys are sorted out.
      const seat = known.join((value) => cache.copyForJoiner(value));
      return { kind: 'join', flight: known, seat };
    }
    if (isOutdated) {
      const again = { flight: new Flight(true), token: newToken(), method: options.method };
      const taken = await cache.claim(ask, view, { ...again, replaced: claim.token });
      if (taken?.kind !== 'won') return { kind: 'load', flight: again.flight };
      return { kind: 'load', flight: again.flight, lease: taken.lease };
    }
    if (sharing === 'distributed' && claim.waits) return { kind: 'wait', token: claim.token };
  }
  if (claim?.kind === 'changed') return { kind: 'wait', token: '' };
  return claim?.kind === 'won'
    ? { kind: 'load', flight, lease: claim.lease }
    : { kind: 'load', flight };
}

/** Fills in what others load. Answers with what they did not bring. */
async function awaitOthers(
  batch: Batch,
  shares: ReadonlyMap<number, Share>,
  results: Results,
): Promise<number[]> {
  const cache = batch.caches[0]!;
  const waits = [...shares].map(async ([i, share]) => {
    if (share.kind === 'load') return [];
    const target = targetOf(batch, cache, i);
    const outcome =
      share.kind === 'join' ? await joined(target, share) : await awaited(target, share.token);
    if (outcome === undefined) return [i];
    if (outcome === NOT_THERE) return [];
    cache.recorder.coalesced(target.ask.text);
    results[i] = outcome;
    return [];
  });
  return (await Promise.all(waits)).flat();
}

/** A load that ended without a value for the key: there is none. */
const NOT_THERE: Outcome = { value: undefined, own: false };

async function joined(
  target: Target,
  { flight, seat }: Extract<Share, { kind: 'join' }>,
): Promise<Outcome | undefined> {
  const loaded = await waiting(flight, target.cache.patiently(seat));
  if (loaded === undefined) return flight.isOver ? NOT_THERE : undefined;
  return (await delivered(target, loaded)) ?? { ...loaded, own: false };
}

/** Looks again until another process has stored the value, or it is no use to wait. */
async function awaited(target: Target, token: string): Promise<Outcome | undefined> {
  const { cache, ask, options } = target;
  const until = cache.clock.now() + cache.policy.waitMs;
  let holder = token;
  for (;;) {
    if (holder !== '') await cache.waitingRoom.nextLook(ask.text, holder);
    const finding = await cache.lookAgain(ask, options);
    if (finding.freshness === 'fresh' || finding.freshness === 'due') {
      return delivered(target, { value: cache.handOut(finding.entry!) });
    }
    if (finding.view === undefined || cache.clock.now() >= until) return undefined;
    const attempt = { flight: new Flight(true), token: newToken(), method: options.method };
    const claim = await cache.claim(ask, finding.view, attempt);
    if (claim?.kind === 'won') {
      attempt.flight.land(undefined);
      await cache.writes.release(claim.lease); // it ended without a value; whoever loads now is not ordered
      return undefined;
    }
    if (claim?.kind === 'changed')
      holder = attempt.token; // it is stored again and again: not at once
    else if (claim?.kind === 'held' && claim.waits) holder = claim.token;
    else return undefined;
  }
}

interface Loading {
  readonly load: LoadMany;
  readonly shares: ReadonlyMap<number, Share>;
  readonly results: Results;
}

async function loadMissing(
  batch: Batch,
  missing: readonly number[],
  { load, shares, results }: Loading,
): Promise<void> {
  const [cache] = batch.caches as [NamedCache];
  const flights = missing.map((i) => (shares.get(i) as Extract<Share, { kind: 'load' }>).flight);
  const whole = new Flight(true); // nobody joins it: it stands for the one load behind all of them
  for (const flight of flights) flight.waitsFor = new Set([whole]);
  let leases: (Lease | undefined)[][] = [missing.map((i) => leaseOf(shares.get(i)))];
  try {
    leases = await leasesOf(batch, missing, shares);
    const first = batch.elements[missing[0]!]!.ask.text;
    const loaded = await cache.loads.run(first, () => load(missing), whole);
    await Promise.all(
      batch.caches.map((own, c) => {
        const held = leases[c]!;
        const keeps = missing.flatMap((i, m) => {
          const [value, lease] = [loaded.get(i), held[m]];
          if (lease === undefined) return [];
          if (value !== undefined) return [{ ...batch.elements[i]!, lease, loaded: value }];
          void own.writes.release(lease, true);
          return [];
        });
        return own.writes.keepMany(keeps);
      }),
    );
    for (const [m, i] of missing.entries()) {
      const value = loaded.get(i);
      flights[m]!.land(value);
      if (value !== undefined) results[i] = { ...value, own: true };
    }
  } catch (error) {
    for (const flight of flights) flight.crash(error);
    for (const [c, own] of batch.caches.entries()) {
      for (const lease of leases[c] ?? []) if (lease) void own.writes.release(lease);
    }
    throw error;
  }
}

function leaseOf(share: Share | undefined): Lease | undefined {
  return share?.kind === 'load' ? share.lease : undefined;
}

/** For each cache the leases of what is to be loaded: of the first they are claimed, of the others they are claimed now. */
function leasesOf(
  { caches, elements }: Batch,
  missing: readonly number[],
  shares: Loading['shares'],
): Promise<(Lease | undefined)[][]> {
  return Promise.all(
    caches.map((cache, c) =>
      Promise.all(
        missing.map(async (i) => {
          const share = shares.get(i) as Extract<Share, { kind: 'load' }>;
          if (c === 0 || share.lease === undefined) return share.lease;
          const { ask, options } = elements[i]!;
          const { view } = await cache.lookAgain(ask, options);
          const attempt = { flight: new Flight(true), token: newToken(), method: options.method };
          const claim = view && (await cache.claim(ask, view, attempt));
          return claim?.kind === 'won' ? claim.lease : undefined;
        }),
      ),
    ),
  );
}

function targetOf({ elements, revive }: Batch, cache: NamedCache, i: number): Target {
  return { ...elements[i]!, cache, revive };
}
