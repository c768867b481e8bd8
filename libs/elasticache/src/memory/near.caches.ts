import { GLOBAL } from '../key/scope.js';
import { MemoryVersions, type Sequence } from './memory.versions.js';
import type { NearTier } from './near.tier.js';
import type { RemovalCause } from './removals.js';

/** What an invalidation concerns. */
export type Invalidation =
  /** Entries of a cache by their keys, or all of them; in one scope, the global one where none is said. */
  | { readonly cache: string; readonly scope?: string; readonly texts?: readonly string[] }
  /** All entries of a cache, whatever their scope. */
  | { readonly cache: string; readonly everywhere: true }
  /** Whatever bears a tag. */
  | { readonly tags: readonly string[] }
  /** Whatever bears any tag. */
  | { readonly everyTag: true };

/** All copies that this process has of entries of the shared tier. */
export class NearCaches {
  readonly sequence: Sequence = { now: 0 };
  readonly tags = new MemoryVersions(this.sequence);
  /** By cache and scope. */
  private readonly tiers = new Map<string, Map<string, NearTier>>();

  add(cache: string, tier: NearTier, scope: string = GLOBAL): void {
    let tiers = this.tiers.get(cache);
    if (tiers === undefined) this.tiers.set(cache, (tiers = new Map()));
    tiers.get(scope)?.retire();
    tiers.set(scope, tier);
  }

  /** Of a scope that is forgotten. */
  remove(cache: string, scope: string): void {
    const tiers = this.tiers.get(cache);
    tiers?.get(scope)?.retire();
    tiers?.delete(scope);
  }

  apply(invalidation: Invalidation): void {
    if ('tags' in invalidation) this.tags.evict(invalidation.tags);
    else if ('everyTag' in invalidation) this.tags.evictAll();
    else if ('everywhere' in invalidation) this.dropAll(this.tiers.get(invalidation.cache));
    else {
      const { cache, scope = GLOBAL, texts } = invalidation;
      this.tiers.get(cache)?.get(scope)?.drop(texts);
    }
  }

  /** Something may have been missed: no copy, and nothing on its way here, is known to be valid. */
  forget(): void {
    this.tags.evictAll();
    for (const tiers of this.tiers.values()) this.dropAll(tiers, 'unconfirmed');
  }

  private dropAll(tiers: ReadonlyMap<string, NearTier> | undefined, cause?: RemovalCause): void {
    for (const tier of tiers?.values() ?? []) tier.drop(undefined, cause);
  }
}
