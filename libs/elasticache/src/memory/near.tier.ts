import { LRUCache } from 'lru-cache';

import type { Entry } from '../entry/cache.entry.js';
import { boundedText, type ShortKey } from '../key/key.layout.js';
import type { KeyNaming } from '../key/names.js';
import type { CopyTier, Memory } from './memory.tier.js';
import type { MemoryVersions } from './memory.versions.js';
import type { RemovalCause } from './removals.js';

/** What is known of other processes' invalidations. */
export interface Confirmed {
  /** All that were made before are known here; in milliseconds since the epoch. */
  readonly confirmedAt: number;
  /** What it was before they could no longer be heard of. */
  readonly lastConfirmedAt: number;
  /** The clock was set back: nobody knows how long ago that is. */
  doubt(): void;
}

export interface NearTierParts {
  readonly tier: CopyTier;
  readonly others: Confirmed;
  /** When each entry was last invalidated. */
  readonly keys: MemoryVersions;
  /** How far behind others' invalidations a hit may be. */
  readonly maxStalenessMs: number;
  /** What keys are called in invalidations, where not by themselves. */
  readonly names?: NearNames | undefined;
}

/** Which copy an invalidation means. Of as many as there can be copies: one whose name is forgotten goes. */
export class NearNames {
  private readonly texts: LRUCache<string, string>;

  constructor(
    readonly nameOf: KeyNaming,
    { most, forget }: { most: number; forget: (text: string) => void },
  ) {
    this.texts = new LRUCache({
      maxSize: most, // `max` would take the room of all at once
      sizeCalculation: () => 1,
      dispose: (text, _, reason) => {
        if (reason === 'evict') forget(text);
      },
    });
  }

  remember(name: string, text: string): void {
    this.texts.set(name, text);
  }

  textOf(name: string): string | undefined {
    return this.texts.get(name);
  }
}

/**
 * This process's copies of entries of the shared tier. A copy is a hit only while everything is
 * known that others invalidated up to `maxStaleness` ago, and it comes in only if nothing it may
 * concern was invalidated since before it was asked for. So a process that was paused, or cut off,
 * reads from the shared tier until it has caught up.
 */
export class NearTier implements Memory {
  private readonly tier: CopyTier;
  private readonly others: Confirmed;
  private readonly keys: MemoryVersions;
  private readonly maxStalenessMs: number;
  private readonly names: NearNames | undefined;
  private isRetired = false;

  constructor({ tier, others, keys, maxStalenessMs, names }: NearTierParts) {
    this.tier = tier;
    this.others = others;
    this.keys = keys;
    this.maxStalenessMs = maxStalenessMs;
    this.names = names;
  }

  get(text: ShortKey, now: number): Entry | undefined {
    const behindMs = now - this.others.confirmedAt;
    if (behindMs >= 0 && behindMs < this.maxStalenessMs) return this.tier.get(text, now);
    if (behindMs < 0) this.others.doubt();
    return undefined;
  }

  unvouched(text: string, now: number, graceMs: number): Entry | undefined {
    const behindMs = now - this.others.lastConfirmedAt;
    if (behindMs < 0 || behindMs >= this.maxStalenessMs + graceMs) return undefined;
    return this.tier.get(text, now);
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

  /** Whether the entry was not invalidated since. */
  isUntouched(text: string, count: number): boolean {
    const name = this.names === undefined ? boundedText(text) : this.names.nameOf(text);
    return this.keys.evictedSince([name], count) === undefined;
  }

  /** Takes a copy of a fresh entry, unless it may have been invalidated meanwhile. Answers with the entry as it is to be handed out. */
  fill(text: string, entry: Entry, count: number, now: number): Entry {
    const { tier, others, keys, names } = this;
    const isBlind = this.isRetired || others.confirmedAt === -Infinity;
    if (isBlind) return entry;
    const name = names === undefined ? boundedText(text) : names.nameOf(text);
    if (keys.evictedSince([name], count) !== undefined) return entry;
    names?.remember(name, text);
    const write = { text, entry, lifeMs: entry.expiresAt - entry.createdAt };
    try {
      if (now < entry.expiresAt && tier.set(write, count, now)) {
        return tier.asHit(text, entry, now);
      }
    } catch {
      // A serializer of the application may know values that cannot be copied, or measured: cycles, proxies.
    }
    tier.delete(text, 'replaced'); // an older one
    return entry;
  }

  /** Invalidates the copies of what is called so, all of them where no names are given, and what is on its way here. */
  drop(called?: readonly string[], cause?: RemovalCause): void {
    const { tier, keys, names } = this;
    if (called === undefined) {
      keys.evictAll();
      tier.deleteMatching(undefined, cause);
      return;
    }
    keys.evict(called.map(boundedText));
    for (const name of called) {
      const text = names === undefined ? name : names.textOf(name);
      if (text !== undefined) tier.delete(text);
    }
  }

  /** Nobody tells it of invalidations any more: it has no copies from now on. */
  retire(): void {
    this.isRetired = true;
    this.drop();
  }
}
