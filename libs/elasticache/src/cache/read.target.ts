import { mayServeStale } from '../entry/freshness.js';
import { CacheError, CacheSerializationError, CacheTimeoutError } from '../errors/cache.errors.js';
import type { Ask } from '../store/cache.store.js';
import type { SingleFlight } from './cache.policy.js';
import type { KeepOptions } from './entry.maker.js';
import type { Flight, Loaded } from './flight.js';
import type { Finding } from './finding.js';
import type { NamedCache } from './named.cache.js';

/** One entry that a call reads and, on a miss, fills. A call may have several: they are asked in order, and all filled. */
export interface Target {
  readonly cache: NamedCache;
  readonly ask: Ask;
  readonly options: KeepOptions;
  /** Makes of a found value what the caller expects, now or later. What it cannot be made of is a miss. */
  readonly revive?: Revive | undefined;
}

export type Revive = (value: unknown) => unknown;

/** What a read brought; `own` where this very call ran the loader, so that nobody else has the value. */
export type Outcome = Loaded & {
  readonly own: boolean;
};

/** What runs on a miss. */
export interface Loader {
  /** `cache` is the first that the result goes to: its isolation holds for what is handed on meanwhile. */
  load(flight?: Flight, cache?: NamedCache, signal?: AbortSignal): Promise<Loaded>;
  /** The same for nobody: an entry is renewed behind its reader's back. */
  readonly reload?: () => Promise<Loaded>;
  /** Who shares the load. */
  readonly sharing: SingleFlight;
  /** See {@link Flight.certain}. */
  readonly certain: boolean;
  /** Told how to give up waiting, where the call joins another's load. */
  readonly onJoin?: (leave: () => void) => void;
}

/** What came from elsewhere, as the caller expects it; undefined where it cannot be made so, which is reported. */
export async function delivered(
  { cache, ask, options, revive }: Target,
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
    cache.recorder.failed(error, { operation: 'get', method: options.method, key: ask.text });
    return undefined;
  }
}

/** {@link taken} for the hit that most looks are: nothing about it has to be waited for. */
export function hitAtOnce(
  { cache, revive }: Pick<Target, 'cache' | 'revive'>,
  { entry, freshness }: Finding,
): Outcome | undefined {
  if (entry === undefined || freshness !== 'fresh' || revive !== undefined) return undefined;
  const value = cache.handOut(entry);
  return entry.emissions ? { value, emissions: true, own: false } : { value, own: false };
}

/** The hit that was found, or what a load has to start from. */
export async function taken(
  target: Target,
  finding: Finding,
): Promise<{ outcome?: Outcome; left: Finding }> {
  const { cache, ask, options } = target;
  if (!isHit(target, finding)) return { left: finding };
  const outcome = await handedOut(target, finding);
  if (outcome === undefined) {
    await cache.evictions.evict({ texts: [ask.text] }, options.method);
    return { left: await cache.lookAgain(ask, options) };
  }
  return { outcome, left: finding };
}

/** Whether what was found is served. Counts what an expired entry is. */
export function isHit(target: Target, finding: Finding): boolean {
  const { cache, ask, options } = target;
  const { entry, freshness } = finding;
  if (entry === undefined || freshness === 'dead') return false;
  if (freshness !== 'stale') return true;
  const policy = options.freshness ?? cache.policy.freshness;
  if (!mayServeStale(entry, policy, cache.clock.now())) {
    cache.recorder.miss(ask.text, 'expired');
    return false;
  }
  cache.recorder.hit(ask.text, cache.kind);
  cache.servedStale(ask.text);
  return true;
}

export function handedOut(target: Target, { entry }: Finding): Promise<Outcome | undefined> {
  const value = target.cache.handOut(entry!);
  return delivered(target, entry!.emissions ? { value, emissions: true } : { value });
}

/** A load that failed with nobody to tell, since its caller has a value. */
export function reportLoad({ cache, ask, options }: Target, cause: unknown): void {
  const where = options.method ?? `cache '${cache.name}'`;
  const error =
    cause instanceof CacheTimeoutError
      ? cause
      : new CacheError('CACHE_LOAD_FAILED', { where }, cause);
  cache.recorder.failed(error, { operation: 'get', method: options.method, key: ask.text });
}
