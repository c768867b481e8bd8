import { CacheSerializationError } from '../errors/cache.errors.js';
import { Flight, type Loaded } from './in.flight.js';
import type { KeepOptions } from './entry.maker.js';
import { isWaitingForUs, loading, waiting } from './load.context.js';
import type { NamedCache } from './named.cache.js';

/** One entry that a call reads and, on a miss, fills. A call may have several: they are asked in order, and all filled. */
export interface Target {
  readonly cache: NamedCache;
  readonly text: string;
  readonly options: KeepOptions;
  /** Makes of a found value what the caller expects, now or later. What it cannot be made of is a miss. */
  readonly revive?: Revive;
}

export type Revive = (value: unknown) => unknown;

/** What a read brought; `own` where this very call ran the loader, so that nobody else has the value. */
export type Outcome = Loaded & { readonly own: boolean };

/** What runs on a miss. */
export interface Loader {
  /** `cache` is the first that the result goes to: its isolation holds for what is handed on meanwhile. */
  load(flight?: Flight, cache?: NamedCache): Promise<Loaded>;
  /** False: concurrent calls each run their own. */
  readonly shared: boolean;
  /** See {@link Flight.certain}. */
  readonly certain: boolean;
  /** Told how to give up waiting, where the call joins another's load. */
  readonly onJoin?: (leave: () => void) => void;
  /** Asked after the load: false leaves the targets as they are. */
  readonly keepIf?: () => boolean;
}

/** The first hit, in the order of the targets. */
export async function lookUp(targets: readonly Target[]): Promise<Outcome | undefined> {
  for (const target of targets) {
    const { cache, text, options } = target;
    const entry = await cache.find(text, options.method);
    if (entry === undefined) continue;
    const value = cache.handOut(entry);
    const found = entry.emissions ? { value, emissions: true } : { value };
    if (target.revive === undefined) return { ...found, own: false };
    const outcome = await delivered(target, found);
    if (outcome !== undefined) return outcome;
    await cache.evictions.evict([text], options.method);
  }
  return undefined;
}

/** What came from elsewhere, as the caller expects it; undefined where it cannot be made so, which is reported. */
export async function delivered(
  { cache, text, options, revive }: Target,
  loaded: Loaded,
): Promise<Outcome | undefined> {
  if (revive === undefined) return { ...loaded, own: false };
  try {
    const value = loaded.emissions
      ? await Promise.all((loaded.value as unknown[]).map(revive))
      : await revive(loaded.value);
    return { ...loaded, value, own: false };
  } catch (cause) {
    const problem = 'its `type` could not be made of it';
    const where = options.method ?? `cache '${cache.name}'`;
    const error = new CacheSerializationError('CACHE_UNDECODABLE', { where, problem }, cause);
    cache.recorder.failed(error, { operation: 'get', method: options.method, key: text });
    return undefined;
  }
}

/**
 * The one read path: look first; on a miss join the load in flight, or run one and fill every
 * target. Looking comes first because a load in flight may be older than an invalidation that this
 * call has to see; joining comes before running because the method must run once.
 */
export async function readThrough(targets: readonly Target[], loader: Loader): Promise<Outcome> {
  return (await lookUp(targets)) ?? joinOrLoad(targets, loader);
}

/** The part of the read path that comes after a miss. */
export async function joinOrLoad(targets: readonly Target[], loader: Loader): Promise<Outcome> {
  const flight = loader.shared ? flightOf(targets) : undefined;
  if (flight !== undefined && isWaitingForUs(flight)) {
    // Part of that very load, whose value is the one to be stored.
    return { ...(await timed(targets[0], () => loader.load())), own: true };
  }
  if (flight !== undefined) {
    const { cache, text } = targets[0]!;
    const seat = flight.join((value) => cache.copyForJoiner(value));
    loader.onJoin?.(seat.leave);
    const loaded = await waiting(flight, seat.landing);
    const outcome = loaded && (await delivered(targets[0]!, loaded));
    if (outcome !== undefined) {
      cache.recorder.coalesced(text);
      return outcome;
    }
  }
  return { ...(await loadAndKeep(targets, loader)), own: true };
}

/** Runs the loader and fills the targets, and tells whoever joined meanwhile. */
export async function loadAndKeep(targets: readonly Target[], loader: Loader): Promise<Loaded> {
  const flight = new Flight(loader.certain);
  const joinable = loader.shared ? flight : undefined;
  const slots = targets.map(({ cache, text }) => cache.inFlight.takeOff(text, joinable));
  try {
    const cache = targets[0]?.cache;
    const loaded = await timed(targets[0], () => loading(flight, () => loader.load(flight, cache)));
    if (loader.keepIf?.() ?? true) {
      await Promise.all(
        targets.map(({ cache, text, options }, i) =>
          cache.writes.keep({ text, slot: slots[i]!, loaded, options }),
        ),
      );
    }
    flight.land(loaded);
    return loaded;
  } catch (error) {
    flight.crash(error);
    throw error;
  } finally {
    for (const [i, { cache, text }] of targets.entries()) cache.inFlight.leave(text, slots[i]!);
  }
}

/** The load in flight that fills every target of this call, if there is one. */
function flightOf(targets: readonly Target[]): Flight | undefined {
  const [first] = targets;
  const flight = first?.cache.inFlight.flightOf(first.text);
  if (flight === undefined || targets.length === 1) return flight;
  const isSame = ({ cache, text }: Target) => cache.inFlight.flightOf(text) === flight;
  return targets.every(isSame) ? flight : undefined;
}

function timed<T>(target: Target | undefined, load: () => Promise<T>): Promise<T> {
  return target === undefined ? load() : target.cache.timed(target.text, load);
}
