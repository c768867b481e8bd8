import { LRUCache } from 'lru-cache';

import type { Tier } from '../entry/cache.entry.js';
import { CacheError, CacheUnavailableError } from '../errors/cache.errors.js';
import { cacheChannels, type MissReason, publish } from '../events/cache.events.js';
import type { ShortKey } from '../key/key.layout.js';
import type { CacheErrorContext, CacheStats } from './cache.js';

export interface RecorderSettings {
  readonly namespace: string;
  readonly cache: string;
  /** What it throws fails the operation. */
  readonly onError: (error: CacheError, context: CacheErrorContext) => void;
}

/** Where a failure happened. */
export interface FailureSite {
  readonly operation: CacheErrorContext['operation'];
  readonly method?: string | undefined;
  readonly key?: string | undefined;
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
  private readonly lost = new LRUCache<string, true>({ max: MOST_LOST });

  constructor(private readonly settings: RecorderSettings) {}

  hit(key: ShortKey, tier: Tier): void {
    this.hits++;
    if (cacheChannels.hit.hasSubscribers) this.publishHit(String(key), tier);
  }

  miss(key: string, reason: MissReason): void {
    this.misses++;
    this.publishMiss(key, this.lost.delete(key) && reason === 'absent' ? 'lost its lease' : reason);
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
    this.lost.set(key, true);
  }

  /** Why the next lookup of a key that is absent will miss. */
  whyAbsent(key: string): MissReason {
    return this.lost.has(key) ? 'lost its lease' : 'absent';
  }

  /** An expired copy was handed out; of a hit or of a miss whose loader failed. */
  servedStale(key: string, tier: Tier): void {
    this.staleServed++;
    if (cacheChannels.stale.hasSubscribers) publish('stale', { ...this.source, key, tier });
  }

  coalesced(key: string): void {
    this.coalescedCalls++;
    if (cacheChannels.coalesced.hasSubscribers) publish('coalesced', { ...this.source, key });
  }

  loaded(key: string, durationMs: number, failed: boolean): void {
    this.loads++;
    if (failed) this.loadFailures++;
    if (cacheChannels.load.hasSubscribers) {
      publish('load', { ...this.source, key, durationMs, failed });
    }
  }

  put(key: string, ttlMs: number): void {
    this.puts++;
    if (cacheChannels.put.hasSubscribers) publish('put', { ...this.source, key, ttlMs });
  }

  evicted(removed: number, key?: string): void {
    this.evictions += removed;
    if (!cacheChannels.evict.hasSubscribers) return;
    publish('evict', { ...this.source, removed, ...(key === undefined ? {} : { key }) });
  }

  /** Counts, publishes and hands the failure to the error handler. Throws what the handler throws. */
  failed(cause: unknown, { operation, method, key }: FailureSite): void {
    const { cache, onError } = this.settings;
    const error = cause instanceof CacheError ? cause : this.unexpected(cause);
    this.errors++;
    const keyed = key === undefined ? {} : { key };
    if (cacheChannels.error.hasSubscribers) {
      publish('error', { ...this.source, ...keyed, operation, code: error.code });
    }
    onError(error, { operation, cache, ...keyed, ...(method === undefined ? {} : { method }) });
  }

  stats(): CacheStats {
    const { hits, misses, puts, evictions, loads, loadFailures, staleServed, errors } = this;
    const hitRate = hits === 0 ? 0 : hits / (hits + misses);
    const coalesced = this.coalescedCalls;
    const counted = { hits, misses, puts, evictions, loads, loadFailures, coalesced };
    return { ...counted, staleServed, errors, hitRate };
  }

  /** Nothing but a bug of ours gets here; not even that may cost the application its value. */
  private unexpected(cause: unknown): CacheError {
    const where = `cache '${this.settings.cache}'`;
    const problem = `unexpectedly: ${String(cause)}`;
    return new CacheUnavailableError('CACHE_UNAVAILABLE', { where, problem }, cause);
  }

  private publishHit(key: string, tier: Tier): void {
    publish('hit', { ...this.source, key, tier });
  }

  private publishMiss(key: string, reason: MissReason): void {
    if (cacheChannels.miss.hasSubscribers) publish('miss', { ...this.source, key, reason });
  }

  private get source() {
    return { namespace: this.settings.namespace, cache: this.settings.cache };
  }
}
