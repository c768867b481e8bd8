import type { Glob } from '../key/glob.js';
import type { MemoryTier } from '../memory/memory.tier.js';
import type { CacheStore } from '../store/cache.store.js';
import type { CacheRecorder, FailureSite } from './cache.recorder.js';
import type { InFlight } from './in.flight.js';

export interface CacheEvictionsParts {
  readonly memory: MemoryTier;
  readonly store: CacheStore;
  readonly recorder: CacheRecorder;
  readonly inFlight: InFlight;
}

/** One invalidation, as each part of the cache has to do it. */
interface Invalidation {
  readonly detach: () => void;
  readonly shared: () => Promise<number>;
  readonly memory: () => number;
}

/**
 * Every invalidation of one cache: the shared tier first, own memory after its acknowledgement and
 * whatever it said; the loads in flight before and after.
 */
export class CacheEvictions {
  constructor(private readonly parts: CacheEvictionsParts) {}

  /** How many entries were removed, or undefined if that could not be acknowledged. */
  evict(texts: readonly string[], method?: string): Promise<number | undefined> {
    const { store, memory, inFlight } = this.parts;
    const key = texts.length === 1 ? texts[0] : undefined;
    const invalidation = {
      detach: () => texts.forEach((text) => inFlight.invalidate(text)),
      shared: () => store.delete(texts),
      memory: () => texts.filter((text) => memory.delete(text)).length,
    };
    return this.run(invalidation, { operation: 'evict', method, key });
  }

  /** `evict` for every entry whose encoded key matches; without a pattern, for all of them. */
  evictMatching(glob?: Glob, method?: string): Promise<number | undefined> {
    if (glob?.exact !== undefined) return this.evict([glob.exact], method);
    const { store, memory, inFlight } = this.parts;
    const invalidation = {
      detach: () => inFlight.invalidateMatching(glob),
      shared: () => store.deleteMatching(glob),
      memory: () => memory.deleteMatching(glob),
    };
    return this.run(invalidation, { operation: glob === undefined ? 'clear' : 'evict', method });
  }

  private async run(
    { detach, shared, memory }: Invalidation,
    site: FailureSite,
  ): Promise<number | undefined> {
    const { recorder } = this.parts;
    detach();
    try {
      const removedShared = await shared();
      const removed = Math.max(removedShared, memory());
      recorder.evicted(removed, site.key);
      return removed;
    } catch (error) {
      memory();
      recorder.failed(error, site);
      return undefined;
    } finally {
      detach();
    }
  }
}
