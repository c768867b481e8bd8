import type { Entry } from '../entry/cache.entry.js';
import { boundedText, type ShortKey } from '../key/key.layout.js';
import type { BoundedMemoryTier, Memory } from './memory.tier.js';
import type { MemoryVersions } from './memory.versions.js';

/** What is known of other processes' invalidations. */
export interface Confirmed {
  /** All that were made before are known here; in milliseconds since the epoch. */
  readonly confirmedAt: number;
  /** The clock was set back: nobody knows how long ago that is. */
  doubt(): void;
}

export interface NearTierParts {
  readonly tier: BoundedMemoryTier;
  readonly others: Confirmed;
  /** When each entry was last invalidated. */
  readonly keys: MemoryVersions;
  /** How far behind others' invalidations a hit may be. */
  readonly maxStalenessMs: number;
}

/**
 * This process's copies of entries of the shared tier. A copy is a hit only while everything is
 * known that others invalidated up to `maxStaleness` ago, and it comes in only if nothing it may
 * concern was invalidated since before it was asked for. So a process that was paused, or cut off,
 * reads from the shared tier until it has caught up.
 */
export class NearTier implements Memory {
  private readonly tier: BoundedMemoryTier;
  private readonly others: Confirmed;
  private readonly keys: MemoryVersions;
  private readonly maxStalenessMs: number;

  constructor({ tier, others, keys, maxStalenessMs }: NearTierParts) {
    this.tier = tier;
    this.others = others;
    this.keys = keys;
    this.maxStalenessMs = maxStalenessMs;
  }

  get(text: ShortKey, now: number): Entry | undefined {
    const behindMs = now - this.others.confirmedAt;
    if (behindMs >= 0 && behindMs < this.maxStalenessMs) return this.tier.get(text, now);
    if (behindMs < 0) this.others.doubt();
    return undefined;
  }

  handOut(entry: Entry): unknown {
    return this.tier.handOut(entry);
  }

  handOutAny(entry: Entry): unknown {
    return this.tier.handOutAny(entry);
  }

  copy(value: unknown): unknown {
    return this.tier.copy(value);
  }

  /** To be noted before an entry is asked for, or loaded; {@link fill} needs it. */
  get count(): number {
    return this.keys.now;
  }

  /** Takes a copy of a fresh entry, unless it may have been invalidated meanwhile. Answers with the entry as it is to be handed out. */
  fill(text: string, entry: Entry, count: number, now: number): Entry {
    const { tier, others, keys } = this;
    const isBlind = others.confirmedAt === -Infinity;
    if (isBlind || keys.evictedSince([boundedText(text)], count) !== undefined) return entry;
    const write = { text, entry, lifeMs: entry.expiresAt - entry.createdAt };
    try {
      if (now < entry.expiresAt && tier.set(write, count, now)) {
        return tier.asHit(text, entry, now);
      }
    } catch {
      // A serializer of the application may know values that cannot be copied, or measured: cycles, proxies.
    }
    tier.delete(text); // an older one, which this one has replaced
    return entry;
  }

  /** Invalidates the copies, all of them where no texts are given, and what is on its way here. */
  drop(texts?: readonly string[]): void {
    const { tier, keys } = this;
    if (texts === undefined) {
      keys.evictAll();
      tier.deleteMatching();
      return;
    }
    keys.evict(texts.map(boundedText));
    for (const text of texts) tier.delete(text);
  }
}
