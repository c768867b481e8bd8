import { Flight, type Loaded } from './in.flight.js';
import type { KeepOptions } from './entry.maker.js';
import type { NamedCache } from './named.cache.js';

/** One entry that a call reads and, on a miss, fills. A call may have several: they are asked in order, and all filled. */
export interface Target {
  readonly cache: NamedCache;
  readonly text: string;
  readonly options: KeepOptions;
}

/** What a read brought; `own` where this very call ran the loader, so that nobody else has the value. */
export type Outcome = Loaded & { readonly own: boolean };

/** What runs on a miss. */
export interface Loader {
  load(flight?: Flight): Promise<Loaded>;
  /** False: concurrent calls each run their own. */
  readonly shared: boolean;
  /** See {@link Flight.certain}. */
  readonly certain: boolean;
  /** Asked after the load: false leaves the targets as they are. */
  readonly keepIf?: () => boolean;
}

/** The first hit, in the order of the targets. */
export async function lookUp(targets: readonly Target[]): Promise<Outcome | undefined> {
  for (const { cache, text, options } of targets) {
    const entry = await cache.find(text, options.method);
    if (entry === undefined) continue;
    const value = cache.handOut(entry);
    return entry.emissions ? { value, emissions: true, own: false } : { value, own: false };
  }
  return undefined;
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
  if (flight !== undefined) {
    const { cache, text } = targets[0]!;
    const loaded = await flight.join((value) => cache.copyForJoiner(value));
    if (loaded !== undefined) {
      cache.recorder.coalesced(text);
      return { ...loaded, own: false };
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
    const loaded = await timed(targets[0], () => loader.load(flight));
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
