import { CacheTransaction } from '../coherence/cache.transaction.js';
import type { FreshnessPolicy } from '../entry/freshness.js';
import { isSameFreshness } from '../entry/freshness.js';
import type { SingleFlight } from './cache.policy.js';
import { Flight } from './flight.js';
import { isLoading } from './load.context.js';
import type { Finding } from './named.cache.js';
import { flightFor, joinOrLoad } from './read.load.js';
import { refresh, staleOutcome } from './read.stale.js';
import {
  delivered,
  isHit,
  type Loader,
  type Outcome,
  reportLoad,
  type Target,
  taken,
} from './read.target.js';

/** The first hit, in the order of the targets, or what was found of each. */
interface Found {
  readonly outcome?: Outcome;
  readonly findings: readonly Finding[];
}

/** A call whose look is not sent yet: who comes for the same key takes part in it. */
interface Gathering {
  readonly text: string;
  /** Made by the first who joins. */
  flight: Flight | undefined;
  /** What its look brought. */
  finding: Finding | undefined;
  readonly freshness: FreshnessPolicy | undefined;
  readonly sharing: SingleFlight;
}

/**
 * The one read path: look first; on a miss join the load in flight, or run one and fill every
 * target. Looking comes first because a load in flight may be older than an invalidation that this
 * call has to see; joining comes before running because the method must run once.
 */
export function readThrough(targets: readonly Target[], loader: Loader): Promise<Outcome> {
  return targets.length === 1 ? readOne(targets[0]!, loader) : readAny(targets, loader);
}

async function readAny(targets: readonly Target[], loader: Loader): Promise<Outcome> {
  const { outcome, findings } = await lookUp(targets, loader);
  return outcome ?? loadOrServeStale(targets, findings, loader);
}

/**
 * {@link readThrough} for one target. Calls for one key whose look is not sent yet are one call: a
 * thousand of them cost one look and one claim. Not those within a load, which could wait for
 * themselves, nor those within a unit of work, which see other things.
 */
export function readOne(target: Target, loader: Loader): Promise<Outcome> {
  const { cache, ask, options } = target;
  const inMemory = options.freshness === undefined ? cache.findInMemory(ask.text) : undefined;
  if (inMemory !== undefined) {
    return readFrom(target, { entry: inMemory, freshness: 'fresh' }, loader);
  }
  return readShared(target, loader);
}

/** The rest of {@link readOne}, where memory was asked before. */
export function readShared(target: Target, loader: Loader): Promise<Outcome> {
  const { cache, ask, options } = target;
  const { unsent } = cache.store;
  const isPlain = loader.sharing !== false && loader.certain && target.revive === undefined;
  const mayGather = unsent !== undefined && isPlain;
  if (!mayGather || isLoading() || CacheTransaction.current() !== undefined) {
    return readAlone(target, loader);
  }
  const { text } = ask;
  const known = unsent.note?.text === text ? (unsent.note as Gathering) : undefined;
  const { freshness } = options;
  const { sharing } = loader;
  if (known !== undefined) {
    const isAlike = known.sharing === sharing && isSameFreshness(known.freshness, freshness);
    return isAlike ? takePart(known, target, loader) : readAlone(target, loader);
  }
  const gathering: Gathering = {
    text,
    flight: undefined,
    finding: undefined,
    freshness,
    sharing,
  };
  const finding = cache.findToLoad(ask, options, () => flightFor(loader));
  unsent.note = gathering;
  return lead(gathering, target, { finding, loader });
}

async function readAlone(target: Target, loader: Loader): Promise<Outcome> {
  const { cache, ask, options } = target;
  const finding = await cache.findToLoad(ask, options, () => flightFor(loader));
  return readFrom(target, finding, loader);
}

async function lead(
  gathering: Gathering,
  target: Target,
  { finding, loader }: { finding: Promise<Finding>; loader: Loader },
): Promise<Outcome> {
  try {
    gathering.finding = await finding;
    const outcome = await readFrom(target, gathering.finding, loader);
    gathering.flight?.land(outcome);
    return outcome;
  } catch (error) {
    gathering.flight?.crash(error);
    throw error;
  }
}

/** What the call that this one takes part in brings, counted as if it had been its own. */
async function takePart(gathering: Gathering, target: Target, loader: Loader): Promise<Outcome> {
  const { cache } = target;
  gathering.flight ??= new Flight(true);
  const seat = gathering.flight.join((value) => cache.copyForJoiner(value));
  const loaded = await cache.patiently(seat).finally(() => countPart(target, gathering.finding));
  const outcome = loaded && (await delivered(target, loaded));
  if (outcome?.stale) cache.servedStale(target.ask.text);
  return outcome ?? readAlone(target, loader);
}

function countPart({ cache, ask, ...target }: Target, finding: Finding | undefined): void {
  const { recorder } = cache;
  if (finding === undefined) return;
  const isServed = isHit({ cache, ask, ...target }, finding);
  if (isServed && finding.freshness !== 'stale') recorder.hit(ask.text, cache.kind);
  if (isServed) return;
  if (finding.miss !== undefined) recorder.miss(ask.text, finding.miss);
  recorder.coalesced(ask.text);
}

/** The part of the read path that comes after the look. */
async function readFrom(target: Target, finding: Finding, loader: Loader): Promise<Outcome> {
  if (finding.entry === undefined) return joinOrLoad([target], [finding], loader);
  const { outcome, left } = await taken(target, finding);
  if (outcome === undefined) return loadOrServeStale([target], [left], loader);
  if (left.freshness !== 'fresh') refresh(target, left, loader);
  return outcome;
}

/** The first hit, in the order of the targets. */
export async function lookUp(targets: readonly Target[], loader?: Loader): Promise<Found> {
  const findings: Finding[] = [];
  for (const target of targets) {
    const { cache, ask, options } = target;
    const finding = await cache.find(ask, options);
    const { outcome, left } = await taken(target, finding);
    if (outcome !== undefined) {
      if (left.freshness !== 'fresh' && loader !== undefined) refresh(target, left, loader);
      return { outcome, findings };
    }
    findings.push(left);
  }
  return { findings };
}

/** The part of the read path that comes after a miss. An expired copy stands in where that is allowed. */
async function loadOrServeStale(
  targets: readonly Target[],
  findings: readonly Finding[],
  loader: Loader,
): Promise<Outcome> {
  const [target, finding] = [targets[0]!, findings[0]!];
  if (finding.freshness !== 'stale') return joinOrLoad(targets, findings, loader);
  const { cache } = target;
  if (cache.loads.isFull) {
    const outcome = await staleOutcome(target, finding);
    if (outcome !== undefined) return outcome;
  }
  try {
    return await joinOrLoad(targets, findings, loader);
  } catch (error) {
    const looking = cache.lookAgain(target.ask, target.options);
    const again = await looking.catch(() => undefined); // the loader's own error wins
    const outcome = again && (await staleOutcome(target, again));
    if (outcome === undefined) throw error;
    reportLoad(target, error);
    return outcome;
  }
}
