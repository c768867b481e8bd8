import type { Tier } from '../entry/cache.entry.js';
import type { CacheError } from '../errors/cache.errors.js';
import { cacheChannels, publish } from '../events/cache.events.js';
import type { CacheErrorContext, CacheStats } from './cache.js';

export interface RecorderSettings {
  readonly namespace: string;
  readonly cache: string;
  /** What it throws fails the operation. */
  readonly onError: (error: CacheError, context: CacheErrorContext) => void;
}

/** Counts and publishes what happens in one cache; the one place that does either. */
export class CacheRecorder {
  private hits = 0;
  private misses = 0;
  private puts = 0;
  private evictions = 0;
  private loads = 0;
  private loadFailures = 0;
  private coalescedCalls = 0;
  private errors = 0;

  constructor(private readonly settings: RecorderSettings) {}

  hit(key: string, tier: Tier): void {
    this.hits++;
    if (cacheChannels.hit.hasSubscribers) publish('hit', { ...this.source, key, tier });
  }

  miss(key: string): void {
    this.misses++;
    if (cacheChannels.miss.hasSubscribers) publish('miss', { ...this.source, key });
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
  failed(error: CacheError, context: Omit<CacheErrorContext, 'cache'>): void {
    this.errors++;
    if (cacheChannels.error.hasSubscribers) {
      const { operation, key } = context;
      const where = key === undefined ? { operation } : { operation, key };
      publish('error', { ...this.source, ...where, code: error.code });
    }
    this.settings.onError(error, { ...context, cache: this.settings.cache });
  }

  stats(): CacheStats {
    const { hits, misses, puts, evictions, loads, loadFailures, errors } = this;
    const hitRate = hits === 0 ? 0 : hits / (hits + misses);
    const coalesced = this.coalescedCalls;
    return { hits, misses, puts, evictions, loads, loadFailures, coalesced, errors, hitRate };
  }

  private get source() {
    return { namespace: this.settings.namespace, cache: this.settings.cache };
  }
}
