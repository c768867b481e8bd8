import { MemoryVersions, type Sequence } from './memory.versions.js';
import type { NearTier } from './near.tier.js';

/** What an invalidation concerns: entries of a cache by their keys, all of them, or whatever bears a tag. */
export type Invalidation =
  | { readonly cache: string; readonly texts?: readonly string[] }
  | { readonly tags: readonly string[] };

/** All copies that this process has of entries of the shared tier. */
export class NearCaches {
  readonly sequence: Sequence = { now: 0 };
  readonly tags = new MemoryVersions(this.sequence);
  private readonly tiers = new Map<string, NearTier>();

  add(cache: string, tier: NearTier): void {
    this.tiers.set(cache, tier);
  }

  apply(invalidation: Invalidation): void {
    if ('tags' in invalidation) this.tags.evict(invalidation.tags);
    else this.tiers.get(invalidation.cache)?.drop(invalidation.texts);
  }

  /** Something may have been missed: no copy, and nothing on its way here, is known to be valid. */
  forget(): void {
    this.tags.evictAll();
    for (const tier of this.tiers.values()) tier.drop();
  }
}
