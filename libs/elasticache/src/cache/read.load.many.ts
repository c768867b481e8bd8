import type { CacheError } from '../errors/cache.errors.js';
import type { Ask, Lease, Look, Versions } from '../store/cache.store.js';
import { newToken } from '../store/token.js';
import type { SingleFlight } from './cache.policy.js';
import type { Turn } from './queued.loads.js';
import { ManyFailures } from './cache.recorder.js';
import type { KeepOptions } from './entry.maker.js';
import { Flight, type Loaded, type Seat } from './flight.js';
import { seenTags } from './inheritance.js';
import { inheritFrom, isLoading, waiting } from './load.context.js';
import type { Finding } from './finding.js';
import type { NamedCache } from './named.cache.js';
import { allOrNone, bearUnstored, isJoinable, mayQueue } from './read.load.js';
import type { Outcome, Revive, Target } from './read.target.js';

/** A cache that a batch reads and fills, with the keys as they are asked of it. */
export interface Part {
  readonly cache: NamedCache;
  readonly asks: readonly Ask[];
  /** Made where they are needed: of hits those of one element are. */
  readonly optionsOf: (i: number) => KeepOptions;
  /** What stands under them, where that was looked up before. */
  readonly looks?: readonly (Look | CacheError)[] | undefined;
}

/** A batch of keys, each there once, over the caches that are asked in order and all filled. */
export interface Batch {
  readonly parts: readonly Part[];
  /** Who shares the loads of its keys. */
  readonly sharing: SingleFlight;
  /** As of a single read's target. */
  readonly revive?: Revive | undefined;
}

/** Loads the missing of a batch, given by their index; what has no value is absent from the answer. */
export type LoadMany = (
  missing: readonly number[],
  how: {
    readonly signal: AbortSignal;
    /** Behind the caller's back. */
    readonly isReload?: boolean;
  },
) => Promise<ReadonlyMap<number, Loaded>>;

export type Results = (Outcome | undefined)[];

/** A seat in a load of this process, and what comes of it: waited for from the turn in which it was taken, or a circle would go unseen. */
export interface Joined {
  readonly kind: 'join';
  readonly flight: Flight;
  readonly seat: Seat;
  readonly landing: Promise<Loaded | undefined>;
}

/** What this call does about one missing key: load it, under the lease if it has one, or wait for whoever does. */
export type Share =
  | {
      readonly kind: 'load';
      readonly lease?: Lease;
      readonly flight: Flight;
      /** Of a value with tags that may not be stored, for what it becomes part of. */
      readonly versions?: Versions | undefined;
    }
  | Joined
  | { readonly kind: 'wait'; readonly token: string };

/** Claims every missing key of a cache, in one round trip. */
export async function shareOut(
  batch: Batch,
  part: Part,
  { missing, findings }: { missing: readonly number[]; findings: readonly (Finding | undefined)[] },
): Promise<Map<number, Share>> {
  const { method } = part.optionsOf(missing[0]!);
  const failures = new ManyFailures(part.cache.recorder, { operation: 'put', method });
  const failed = failures.note;
  const settled = await Promise.allSettled(
    missing.map((i) => shareOf(targetOf(batch, part, i), findings[i]!, { batch, failed })),
  );
  const shares = new Map<number, Share>();
  for (const [m, outcome] of settled.entries()) {
    if (outcome.status === 'fulfilled') shares.set(missing[m]!, outcome.value);
  }
  try {
    for (const outcome of settled) if (outcome.status === 'rejected') throw outcome.reason;
    failures.tell();
    return shares;
  } catch (error) {
    for (const share of shares.values()) giveUp(part.cache, share, error);
    throw error;
  }
}

export function giveUp(cache: NamedCache, share: Share, reason: unknown): void {
  if (share.kind === 'join') share.seat.leave();
  if (share.kind !== 'load') return;
  share.flight.crash(reason);
  if (share.lease !== undefined) void cache.writes.release(share.lease);
}

interface Sharing {
  readonly batch: Batch;
  readonly failed: ManyFailures['note'];
}

async function shareOf(target: Target, finding: Finding, sharing: Sharing): Promise<Share> {
  const share = await decided(target, finding, sharing);
  if (share.kind !== 'load' || share.lease !== undefined || !isLoading()) return share;
  const versions = await target.cache.versionsOf(target.ask, finding.view ?? finding.seen);
  return { ...share, versions };
}

async function decided(
  target: Target,
  { view }: Finding,
  { batch, failed }: Sharing,
): Promise<Share> {
  const { cache, ask, options } = target;
  const { sharing } = batch;
  const flight = flightOf(batch);
  if (view === undefined) return { kind: 'load', flight };
  const attempt = { flight, token: newToken(), method: options.method, failed };
  const claim = await cache.claim(ask, view, attempt);
  if (claim?.kind === 'held') {
    const known = cache.flights.get(claim.token);
    const isOutdated = known?.lease && !(await cache.store.isCurrent(known.lease, view));
    if (known?.isOver) return { kind: 'wait', token: '' }; // meanwhile
    if (known !== undefined && !isOutdated) {
      return seatIn(known, cache, batch) ?? { kind: 'load', flight };
    }
    if (isOutdated) {
      const again = { ...attempt, flight: flightOf(batch), token: newToken() };
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

/** One of the loads that a batch is. */
export function flightOf({ parts, sharing }: Batch): Flight {
  return new Flight(true, parts.length, sharing !== false);
}

/** Taken in this turn: the flight may land before the other keys are sorted out. Undefined where it is not to be waited for. */
export function seatIn(
  flight: Flight,
  cache: NamedCache,
  { parts, sharing }: Batch,
): Joined | undefined {
  const isOurs = isJoinable(flight, cache, { fills: parts.length, sharing });
  if (!isOurs || !flight.certain) return undefined;
  return joinedIn(flight, cache);
}

function joinedIn(flight: Flight, cache: NamedCache): Joined {
  const seat = flight.join((value) => cache.copyForJoiner(value));
  const landing = waiting(flight, cache.patiently(seat));
  landing.catch(() => undefined); // told to whoever waits for it
  return { kind: 'join', flight, seat, landing };
}

/**
 * Has what will not be stored share in the loads of its keys that are queued, or be queued itself; see
 * {@link QueuedLoads}. All in one turn: of two batches with keys in common one joins the other for all of them.
 */
export function enqueue(
  batch: Batch,
  shares: Loading['shares'],
  mayJoin: boolean,
): Map<number, Turn> {
  const { parts, sharing } = batch;
  const { cache, asks } = parts[0]!;
  const turns = new Map<number, Turn>();
  if (!mayQueue(cache, sharing)) return turns;
  for (const [i, share] of shares) {
    if (share.kind !== 'load' || share.lease !== undefined) continue;
    const { text } = asks[i]!;
    const next = mayJoin ? cache.queued.nextOf(text) : undefined;
    if (next !== undefined) {
      shares.set(i, joinedIn(next, cache));
      continue;
    }
    const flight = flightOf(batch); // that of a claim which was not won is over
    shares.set(i, { ...share, flight });
    turns.set(i, cache.queued.enter(text, flight));
  }
  return turns;
}

/** What a batch is loaded with, and what becomes of it. */
export interface Loading {
  readonly load: LoadMany;
  readonly shares: Map<number, Share>;
  readonly results: Results;
  /** Of what will not be stored. */
  readonly turns?: ReadonlyMap<number, Turn>;
}

/** What joiners get of a key that the load had no value for. */
const ABSENT: Loaded = { value: undefined, absent: true };

export async function loadMissing(
  batch: Batch,
  missing: readonly number[],
  { load, shares, results, turns: allTurns }: Loading,
): Promise<void> {
  const { cache, asks } = batch.parts[0]!;
  const turns = missing.flatMap((i) => allTurns?.get(i) ?? []);
  const loadOf = (i: number) => shares.get(i) as Extract<Share, { kind: 'load' }>;
  const flights = missing.map((i) => loadOf(i).flight);
  const whole = new Flight(true); // nobody joins it: it stands for the one load behind all of them
  whole.members = flights;
  for (const flight of flights) flight.waitsFor = new Set([whole]);
  whole.waitsFor = new Set(turns.flatMap(({ before }) => before ?? []));
  let leases: readonly (Lease | undefined)[] = [];
  const leaseOf = (c: number, m: number) => leases[c * missing.length + m];
  try {
    leases = await leasesOf(batch, missing, shares);
    await Promise.all(turns.map(({ came }) => came));
    for (const turn of turns) turn.begin();
    const first = asks[missing[0]!]!.text;
    const loaded = await cache.loads.run(first, (signal) => load(missing, { signal }), whole);
    for (const flight of flights) {
      flight.inheritance.addAll(whole.inheritance);
      flight.isNested = !flight.inheritance.isEmpty;
    }
    await Promise.all(
      batch.parts.map((part, c) => {
        const keeps = missing.flatMap((i, m) => {
          const [value, lease] = [loaded.get(i), leaseOf(c, m)];
          const target = targetOf(batch, part, i);
          const { inheritance } = flights[m]!;
          if (lease === undefined) {
            bearUnstored(target, loadOf(i).versions, inheritance);
            return [];
          }
          if (value !== undefined) return [{ ...target, lease, loaded: value, inheritance }];
          inheritance.add(seenTags(lease.tags, lease.versions), part.cache.source); // there is none
          void part.cache.writes.release(lease, true);
          return [];
        });
        return part.cache.writes.keepMany(keeps);
      }),
    );
    for (const [m, i] of missing.entries()) {
      const value = loaded.get(i);
      inheritFrom(flights[m]!.inheritance);
      flights[m]!.land(value ?? ABSENT);
      if (value !== undefined) results[i] = { ...value, own: true };
    }
  } catch (error) {
    for (const [l, lease] of leases.entries()) {
      const { cache: own } = batch.parts[Math.floor(l / missing.length)]!;
      if (lease === undefined) continue;
      whole.inheritance.add(seenTags(lease.tags, lease.versions), own.source);
      void own.writes.release(lease);
    }
    inheritFrom(whole.inheritance);
    for (const flight of flights) {
      flight.inheritance.addAll(whole.inheritance);
      flight.crash(error);
    }
    throw error;
  } finally {
    for (const turn of turns) turn.end();
    whole.land(undefined);
  }
}

/** The leases of what is to be loaded, cache by cache: of the first they are claimed, of the others they are claimed now. */
function leasesOf(
  { parts }: Batch,
  missing: readonly number[],
  shares: Loading['shares'],
): Promise<(Lease | undefined)[]> {
  const claims = parts.flatMap((part, c) =>
    missing.map((i) => {
      const share = shares.get(i) as Extract<Share, { kind: 'load' }>;
      const own = share.lease;
      const isClaimed = c === 0 || own === undefined;
      return { cache: part.cache, lease: isClaimed ? own : claimAnew(part, i) };
    }),
  );
  return allOrNone(claims);
}

async function claimAnew({ cache, asks, optionsOf }: Part, i: number): Promise<Lease | undefined> {
  const [ask, options] = [asks[i]!, optionsOf(i)];
  const { view } = await cache.lookAgain(ask, options);
  return view && cache.claimBeside(ask, view, options.method);
}

export function targetOf({ revive }: Batch, { cache, asks, optionsOf }: Part, i: number): Target {
  return { cache, ask: asks[i]!, options: optionsOf(i), revive };
}
