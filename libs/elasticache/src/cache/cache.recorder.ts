import { LRUCache } from 'lru-cache';

import type { Tier } from '../entry/cache.entry.js';
import { CacheError, CacheUnavailableError } from '../errors/cache.errors.js';
import { cacheChannels, type MissReason, publish } from '../events/cache.events.js';
import type { ShortKey } from '../key/key.layout.js';
import type { KeyNaming } from '../key/names.js';
import { noRemovals, type Removals } from '../memory/removals.js';
import type { CacheErrorContext, CacheStats } from './cache.js';

export interface RecorderSettings {
  readonly namespace: string;
  readonly cache: string;
  /** What keys are called in all that is told; default by themselves. */
  readonly nameOf?: KeyNaming | undefined;
  /** From the memory that it tells of. */
  readonly removals?: (() => Removals | undefined) | undefined;
  /** What it throws fails the operation. */
  readonly onError: (error: CacheError, context: CacheErrorContext) => void;
}

/** Where a failure happened. */
export interface FailureSite {
  readonly operation: CacheErrorContext['operation'];
  readonly method?: string | undefined;
  readonly key?: string | undefined;
}

/** The failures of one step over many keys: each is told once, however many keys it concerns. */
export class ManyFailures {
  private readonly seen = new Map<string, unknown>();

  constructor(
    private readonly recorder: CacheRecorder,
    private readonly site: FailureSite,
  ) {}

  readonly note = (error: unknown): void => {
    this.seen.set(error instanceof Error ? error.message : '', error);
  };

  /** Throws what the handler throws. */
  tell(): void {
    for (const failure of this.seen.values()) this.recorder.failed(failure, this.site);
  }
}

/** Keys whose last load stored nothing, that are remembered to be named as the reason of the next miss. */
const MOST_LOST = 1_000;

/** Counts and publishes what happens in one cache; the one place that does either. */
export class CacheRecorder {
  private hits = 0;
  private misses = 0;
  private puts = 0;
  private evictions = 0;
  private loads = 0;
  private loadFailures = 0;
  private coalescedCalls = 0;
  private staleServed = 0;
  private errors = 0;
  private lost: LRUCache<string, true> | undefined;

  constructor(private readonly settings: RecorderSettings) {}

  hit(key: ShortKey, tier: Tier): void {
    this.hits++;
    if (cacheChannels.hit.hasSubscribers) this.publishHit(String(key), tier);
  }

  miss(key: string, reason: MissReason): void {
    this.misses++;
    const isLost = this.lost?.delete(key) === true && reason === 'absent';
    this.publishMiss(key, isLost ? 'lost its lease' : reason);
  }

  /** A call whose condition was false: nothing was looked up, and nothing is counted. */
  passedBy(keyOf: () => string): void {
    if (!cacheChannels.miss.hasSubscribers) return;
    let key = '';
    try {
      key = keyOf();
    } catch {
      // The condition spares the call what its key cannot be made of.
    }
    this.publishMiss(key, 'condition');
  }

  /** A load's value was not stored, because an eviction or a write came first. */
  lostLease(key: string): void {
    this.lost ??= new LRUCache({ max: MOST_LOST }); // most scopes of most caches never need it
    this.lost.set(key, true);
  }

  /** Why the next lookup of a key that is absent will miss. */
  whyAbsent(key: string): MissReason {
    return this.lost?.has(key) ? 'lost its lease' : 'absent';
  }

  /** An expired copy was handed out; of a hit or of a miss whose loader failed. */
  servedStale(key: string, tier: Tier): void {
    this.staleServed++;
    if (cacheChannels.stale.hasSubscribers)
      publish('stale', { ...this.source, key: this.told(key), tier });
  }

  coalesced(key: string): void {
    this.coalescedCalls++;
    if (cacheChannels.coalesced.hasSubscribers)
      publish('coalesced', { ...this.source, key: this.told(key) });
  }

  loaded(key: string, durationMs: number, failed: boolean): void {
    this.loads++;
    if (failed) this.loadFailures++;
    if (cacheChannels.load.hasSubscribers) {
      publish('load', { ...this.source, key: this.told(key), durationMs, failed });
    }
  }

  put(key: string, ttlMs: number): void {
    this.puts++;
    this.lost?.delete(key);
    if (cacheChannels.put.hasSubscribers)
      publish('put', { ...this.source, key: this.told(key), ttlMs });
  }

  evicted(removed: number, key?: string): void {
    this.evictions += removed;
    if (!cacheChannels.evict.hasSubscribers) return;
    publish('evict', {
      ...this.source,
      removed,
      ...(key === undefined ? {} : { key: this.told(key) }),
    });
  }

  /** Counts, publishes and hands the failure to the error handler. Throws what the handler throws. */
  failed(cause: unknown, { operation, method, key }: FailureSite): void {
    const { cache, onError } = this.settings;
    const error = cause instanceof CacheError ? cause : this.unexpected(cause);
    this.errors++;
    const keyed = key === undefined ? {} : { key: this.told(key) };
    if (cacheChannels.error.hasSubscribers) {
      publish('error', { ...this.source, ...keyed, operation, code: error.code });
    }
    onError(error, { operation, cache, ...keyed, ...(method === undefined ? {} : { method }) });
  }

  stats(): CacheStats {
    const { hits, misses, puts, evictions, loads, loadFailures, staleServed, errors } = this;
    const hitRate = rateOf(hits, misses);
    const coalesced = this.coalescedCalls;
    const counted = { hits, misses, puts, evictions, loads, loadFailures, coalesced };
    const removals = this.settings.removals?.() ?? noRemovals();
    return { ...counted, staleServed, errors, hitRate, removals };
  }

  /** Nothing but a bug of ours gets here; not even that may cost the application its value. */
  private unexpected(cause: unknown): CacheError {
    const where = `cache '${this.settings.cache}'`;
    const problem = `unexpectedly: ${String(cause)}`;
    return new CacheUnavailableError('CACHE_UNAVAILABLE', { where, problem }, cause);
  }

  private publishHit(key: string, tier: Tier): void {
    publish('hit', { ...this.source, key: this.told(key), tier });
  }

  private publishMiss(key: string, reason: MissReason): void {
    if (!cacheChannels.miss.hasSubscribers) return;
    publish('miss', { ...this.source, key: key === '' ? key : this.told(key), reason });
  }

  /** The key as it is told. */
  told(key: string): string {
    const { nameOf } = this.settings;
    return nameOf === undefined ? key : nameOf(key);
  }

  private get source() {
    return { namespace: this.settings.namespace, cache: this.settings.cache };
  }
}

function rateOf(hits: number, misses: number): number {
  return hits === 0 ? 0 : hits / (hits + misses);
}

/** Of two together. */
export function addStats(one: CacheStats | undefined, other: CacheStats): CacheStats {
  if (one === undefined) return other;
  const { removals, ...counters } = other;
  const sum = added(counters, one);
  const hitRate = rateOf(sum.hits, sum.misses);
  return { ...sum, hitRate, removals: added(removals, one.removals) };
}

function added<T extends object>(counters: T, others: T): T {
  const names = Object.keys(counters) as (keyof T)[];
  const sums = names.map((name) => [name, Number(counters[name]) + Number(others[name])]);
  return Object.fromEntries(sums) as T;
}
