import { CacheTransaction } from '../coherence/cache.transaction.js';
import { Gathering } from './gathering.js';
import { isLoading } from './load.context.js';
import type { Finding } from './finding.js';
import { takesCopies } from './operation.tiers.js';
import { joinOrLoad, loadUnstored } from './read.load.js';
import { mayStandIn, refresh, staleOutcome, standIn } from './read.stale.js';
import {
  hitAtOnce,
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

/** {@link readThrough} for one target. */
export function readOne(target: Target, loader: Loader): Promise<Outcome> {
  const { cache, ask, options } = target;
  const inMemory = takesCopies(options) ? cache.findInMemory(ask.text) : undefined;
  if (inMemory !== undefined) {
    return readFound(target, { entry: inMemory, freshness: 'fresh' }, loader);
  }
  return readShared(target, loader);
}

/**
 * The rest of {@link readOne}, where memory was asked before. Calls for one key whose look is not
 * sent yet are one call. Not those within a load, which could wait for themselves, nor those within
 * a unit of work, which see other things.
 */
export function readShared(target: Target, loader: Loader): Promise<Outcome> {
  const { cache, ask, options } = target;
  const { unsent } = cache.store;
  const isPlain = loader.sharing !== false && loader.certain && target.revive === undefined;
  // What is not sent gathers nobody: nothing would end it.
  const mayGather = unsent !== undefined && isPlain && !cache.isPending(ask);
  const isWithin = isLoading() || cache.loads.isInside || CacheTransaction.current() !== undefined;
  if (!mayGather || isWithin) return readAlone(target, loader);
  const { text } = ask;
  const { freshness } = options;
  const { note: known } = unsent;
  if (!(known instanceof Gathering) || known.text !== text) {
    const gathering = new Gathering(text, freshness, loader.sharing);
    gathering.outcome = readAlone(target, loader, gathering);
    unsent.note = gathering;
    return gathering.outcome;
  }
  if (!known.isOpenTo(freshness, loader.sharing)) return readAlone(target, loader);
  return known.follow(target, () => loadUnstored(target, loader));
}

function readAlone(target: Target, loader: Loader, led?: Gathering): Promise<Outcome> {
  return target.cache.findShared(target.ask, target.options, (finding) => {
    if (led !== undefined) led.finding = finding;
    return hitAtOnce(target, finding) ?? readFrom(target, finding, loader);
  });
}

/** The part of the read path that comes after the look. */
function readFrom(target: Target, finding: Finding, loader: Loader): Promise<Outcome> {
  if (finding.entry === undefined) return loadOrServeStale([target], [finding], loader);
  return readFound(target, finding, loader);
}

async function readFound(target: Target, finding: Finding, loader: Loader): Promise<Outcome> {
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

/** The part of the read path that comes after a miss. Where that is allowed, a copy stands in. */
function loadOrServeStale(
  targets: readonly Target[],
  findings: readonly Finding[],
  loader: Loader,
): Promise<Outcome> {
  return mayStandIn(findings[0]!)
    ? loadOrStandIn(targets, findings, loader)
    : joinOrLoad(targets, findings, loader);
}

async function loadOrStandIn(
  targets: readonly Target[],
  findings: readonly Finding[],
  loader: Loader,
): Promise<Outcome> {
  const [target, finding] = [targets[0]!, findings[0]!];
  if (target.cache.loads.isFull) {
    const isStale = finding.freshness === 'stale';
    const outcome = await staleOutcome(target, isStale ? finding : await standIn(target, finding));
    if (outcome !== undefined) return outcome;
  }
  try {
    return await joinOrLoad(targets, findings, loader);
  } catch (error) {
    const outcome = await staleOutcome(target, await standIn(target, finding));
    if (outcome === undefined) throw error;
    reportLoad(target, error);
    return outcome;
  }
}
