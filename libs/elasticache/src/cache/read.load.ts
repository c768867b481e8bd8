import { CacheTransaction } from '../coherence/cache.transaction.js';
import type { Claim, Lease, Versions, View } from '../store/cache.store.js';
import { newToken } from '../store/token.js';
import type { SingleFlight } from './cache.policy.js';
import { Flight, type Loaded } from './flight.js';
import { Inheritance, seenTags } from './inheritance.js';
import { inheritFrom, isLoading, isWaitingForUs, waiting } from './load.context.js';
import type { Finding } from './finding.js';
import type { NamedCache } from './named.cache.js';
import { delivered, handedOut, type Loader, type Outcome, type Target } from './read.target.js';

/** Times that something else was found than before, after which a load goes unstored. */
const MOST_CHANGES = 5;

/** Where a call stands on its way to a lease. */
interface Progress {
  view: View | undefined;
  /** The token of a load of this process that began before an invalidation which this call has to see. */
  replaced: string | undefined;
  changes: number;
  readonly until: number;
}

/** Claims the lease of the first target until it is won, somebody else has filled it, or it is no use to wait. */
export async function joinOrLoad(
  targets: readonly Target[],
  findings: readonly Finding[],
  loader: Loader,
): Promise<Outcome> {
  const [target] = targets as [Target];
  const { cache, ask, options } = target;
  const [{ view }] = findings as [Finding];
  const until = cache.clock.now() + cache.policy.waitMs;
  const progress: Progress = { view, replaced: undefined, changes: 0, until };
  while (progress.view !== undefined && progress.changes < MOST_CHANGES) {
    const flight = new Flight(loader.certain, targets.length, loader.sharing !== false);
    const { replaced } = progress;
    const attempt = { flight, token: newToken(), replaced, method: options.method };
    const claim = await cache.claim(ask, progress.view, attempt);
    if (claim === undefined || claim.kind === 'barred') break;
    if (claim.kind === 'won') {
      const first = claim.lease;
      const isOnly = targets.length === 1;
      const leases = isOnly ? [first] : await claimOthers(targets, findings, { flight, first });
      return { ...(await loadAndKeep(targets, loader, { flight, leases })), own: true };
    }
    const step = await follow(claim, progress, { targets, loader });
    if (step === 'unstored') break;
    if (step !== 'again') return step;
  }
  return loadUnstored(target, loader, progress.view ?? findings[0]?.seen);
}

/** What a call does that did not win its claim: it takes what another brings, claims again, or loads without storing. */
async function follow(
  claim: Exclude<Claim, { kind: 'won' | 'barred' }>,
  progress: Progress,
  { targets, loader }: { targets: readonly Target[]; loader: Loader },
): Promise<Outcome | 'again' | 'unstored'> {
  const [target] = targets as [Target];
  const { cache, ask, options } = target;
  progress.replaced = undefined;
  if (claim.kind === 'held') {
    const known = cache.flights.get(claim.token);
    if (known?.lease && !(await cache.store.isCurrent(known.lease, progress.view!))) {
      progress.replaced = claim.token;
      return 'again';
    }
    if (known !== undefined) {
      const { sharing } = loader;
      if (!isJoinable(known, cache, { fills: targets.length, sharing })) return 'unstored';
      // It may have landed meanwhile: then what it stored is looked for.
      if (!known.isOver) return (await joined(target, known, loader)) ?? 'unstored';
    }
    if (cache.clock.now() >= progress.until) return 'unstored';
    if (loader.sharing === 'distributed' && claim.waits) {
      await cache.waitingRoom.nextLook(ask.text, claim.token);
      return 'again';
    }
  }
  // Something was stored since; of loads that are not awaited at least what they have just left.
  const finding = await cache.lookAgain(ask, options);
  const outcome = await freshOutcome(target, finding);
  if (outcome !== undefined) return outcome;
  progress.view = finding.view;
  progress.changes++;
  return claim.kind === 'held' ? 'unstored' : 'again';
}

/** Whether a call that wants so many entries filled may wait for the flight. */
export function isJoinable(
  flight: Flight,
  cache: NamedCache,
  { fills, sharing }: { fills: number; sharing: SingleFlight },
): boolean {
  const isWanted = sharing !== false && flight.fills === fills;
  if (!isWanted || !flight.isShared || isWaitingForUs(flight)) return false;
  // What waits for room may wait for that of the load we are part of.
  return flight.isBegun || !cache.loads.isInside;
}

/** Whether what a call looked for again is there by now. */
export function isValid({ freshness }: Finding): boolean {
  return freshness === 'fresh' || freshness === 'due';
}

async function freshOutcome(target: Target, finding: Finding): Promise<Outcome | undefined> {
  if (!isValid(finding)) return undefined;
  const outcome = await handedOut(target, finding);
  if (outcome !== undefined) target.cache.recorder.coalesced(target.ask.text);
  return outcome;
}

/** Waits for a load of this process. Undefined where it ended without a value to share, or not with what the caller expects. */
async function joined(
  target: Target,
  flight: Flight,
  loader: Loader,
): Promise<Outcome | undefined> {
  const { cache, ask, options } = target;
  const seat = flight.join((value) => cache.copyForJoiner(value));
  loader.onJoin?.(seat.leave);
  const loaded = await waiting(flight, cache.patiently(seat));
  if (loaded && flight.isNested) return freshOutcome(target, await cache.lookAgain(ask, options));
  const outcome = loaded && !loaded.absent ? await delivered(target, loaded) : undefined;
  if (outcome !== undefined) cache.recorder.coalesced(ask.text);
  return outcome;
}

/** The leases of the other targets, before the load: a key that somebody else is loading is his to fill. */
async function claimOthers(
  targets: readonly Target[],
  findings: readonly Finding[],
  { flight, first }: { flight: Flight; first: Lease },
): Promise<(Lease | undefined)[]> {
  const claims = targets.map(({ cache, ask, options }, i) => {
    const view = findings[i]?.view;
    if (i === 0) return { cache, lease: first };
    return { cache, lease: view && cache.claimBeside(ask, view, options.method) };
  });
  try {
    return await allOrNone(claims);
  } catch (error) {
    flight.crash(error);
    throw error;
  }
}

/** A lease that is there, or on its way. */
interface Claiming {
  readonly cache: NamedCache;
  readonly lease: Lease | undefined | Promise<Lease | undefined>;
}

/** The leases, as far as they are to be had; where an error handler throws, none is kept. */
export async function allOrNone(claims: readonly Claiming[]): Promise<(Lease | undefined)[]> {
  const settled = await Promise.allSettled(claims.map(async ({ lease }) => lease));
  const failure = settled.find((claim) => claim.status === 'rejected');
  const leases = settled.map((claim) => (claim.status === 'fulfilled' ? claim.value : undefined));
  if (failure === undefined) return leases;
  for (const [i, lease] of leases.entries()) {
    if (lease !== undefined) void claims[i]!.cache.writes.release(lease);
  }
  throw failure.reason;
}

/** Runs the loader and fills the targets whose leases it has, and tells whoever joined meanwhile. */
export async function loadAndKeep(
  targets: readonly Target[],
  loader: Pick<Loader, 'load'>,
  { flight, leases }: { flight: Flight; leases: readonly (Lease | undefined)[] },
): Promise<Loaded> {
  const { cache, ask } = targets[0]!;
  flight.handOn = () => inheritFrom(borneSoFar(targets, leases, flight));
  try {
    const loaded = await cache.loads.run(
      ask.text,
      (signal) => loader.load(flight, cache, signal),
      flight,
    );
    flight.isNested = !flight.inheritance.isEmpty;
    await keepAll(targets, leases, { flight, loaded });
    for (const [i, target] of targets.entries()) {
      if (leases[i] === undefined) bearUnstored(target, undefined, flight.inheritance);
    }
    inheritFrom(flight.inheritance);
    flight.land(loaded);
    return loaded;
  } catch (error) {
    for (const [i, target] of targets.entries()) {
      const lease = leases[i];
      if (lease === undefined) continue;
      flight.inheritance.add(seenTags(lease.tags, lease.versions), target.cache.source);
      void target.cache.writes.release(lease);
    }
    inheritFrom(flight.inheritance); // who goes on without it is made of its failure
    flight.crash(error);
    throw error;
  }
}

function keepAll(
  targets: readonly Target[],
  leases: readonly (Lease | undefined)[],
  { flight, loaded }: { flight: Flight; loaded: Loaded },
): Promise<unknown> | undefined {
  const { inheritance } = flight;
  const keep = ({ cache, ask, options }: Target, lease: Lease | undefined) =>
    lease && cache.writes.keep({ ask, options, lease, loaded, inheritance });
  if (targets.length === 1) return keep(targets[0]!, leases[0]);
  const keeps = targets.map(async (target, i) => keep(target, leases[i]));
  return Promise.allSettled(keeps).then((outcomes) => {
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  });
}

/** The tags of what a load has brought before its end, with which it may not get stored at all. */
function borneSoFar(
  targets: readonly Target[],
  leases: readonly (Lease | undefined)[],
  flight: Flight,
): Inheritance {
  const inheritance = new Inheritance();
  inheritance.addAll(flight.inheritance);
  for (const [i, target] of targets.entries()) {
    bearUnstored(target, leases[i]?.versions, inheritance);
  }
  return inheritance;
}

/**
 * Adds the tags of a value that is not stored, under the versions that were seen before its load.
 * Those that the value names are its reader's own where he loads the same entry.
 */
export function bearUnstored(
  { cache, ask, options }: Target,
  versions: Versions | undefined,
  inheritance: Inheritance,
): void {
  const { source } = cache;
  if (ask.tags.length > 0) inheritance.add(seenTags(ask.tags, versions), source);
  if (options.lateTags !== undefined && !cache.isLoadingItself(ask.text)) {
    inheritance.spoil(source.realm);
  }
}

/**
 * Whether a load whose value will not be stored shares in {@link QueuedLoads}. A unit of work and those
 * beside it see different truths; code that has room does not wait for what has none.
 */
export function mayQueue({ loads }: NamedCache, sharing: SingleFlight | undefined): boolean {
  return sharing !== false && !loads.isInside && CacheTransaction.current() === undefined;
}

/** Nothing may be stored; the load may still be shared with those who began to wait before it began. */
export async function loadUnstored(target: Target, loader: Loader, view?: View): Promise<Outcome> {
  const { cache, ask } = target;
  const load = (flight?: Flight) =>
    cache.loads.run(ask.text, (signal) => loader.load(flight, cache, signal));
  if (isLoading()) {
    const inheritance = new Inheritance();
    bearUnstored(target, await cache.versionsOf(ask, view), inheritance);
    inheritFrom(inheritance);
  }
  if (!mayQueue(cache, loader.sharing)) return { ...(await load()), own: true };
  const { loaded, own } = await cache.queued.run(ask.text, {
    load,
    certain: loader.certain,
    copy: (value) => cache.copyForJoiner(value),
    onJoin: loader.onJoin,
  });
  if (own) return { ...loaded, own };
  const outcome = loaded.absent ? undefined : await delivered(target, loaded);
  if (outcome === undefined) return { ...(await load()), own: true };
  cache.recorder.coalesced(ask.text);
  return outcome;
}
