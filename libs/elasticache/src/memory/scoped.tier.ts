import type { Entry } from '../entry/cache.entry.js';
import type { Glob } from '../key/glob.js';
import type { ShortKey } from '../key/key.layout.js';
import type { StoreWrite } from '../store/cache.store.js';
import type { BoundedMemoryTier, CopyTier } from './memory.tier.js';
import type { RemovalCause } from './removals.js';

/** Hands out what the keys of one scope begin with; never the same twice. */
export class Prefixes {
  private last = 0;

  next(): string {
    return `${++this.last}:`;
  }
}

/**
 * The entries of one scope in a tier that all scopes of a cache share, so that its bounds hold for
 * the cache, however many tenants there are. What is cleared, and the entries of a scope that was
 * forgotten, cannot be reached any more and makes room in its turn.
 */
export class ScopedTier implements CopyTier {
  private prefix: string;

  constructor(
    private readonly tier: BoundedMemoryTier,
    private readonly prefixes: Prefixes,
  ) {
    this.prefix = prefixes.next();
  }

  get(text: ShortKey, now: number): Entry | undefined {
    return this.tier.get(this.prefix + text, now);
  }

  peek(text: string, now: number, isRead?: boolean) {
    return this.tier.peek(this.prefix + text, now, isRead);
  }

  set(write: StoreWrite, count: number, now: number): boolean {
    return this.tier.set({ ...write, text: this.prefix + write.text }, count, now);
  }

  delete(text: string, cause?: RemovalCause): boolean {
    return this.tier.delete(this.prefix + text, cause);
  }

  /** Without a pattern in one step; how many there were is not known then. */
  deleteMatching(glob?: Glob, cause?: RemovalCause): number {
    if (glob !== undefined) return this.tier.deleteMatching(glob, cause, this.prefix);
    this.prefix = this.prefixes.next();
    return 0;
  }

  handOut(entry: Entry): unknown {
    return this.tier.handOut(entry);
  }

  copy(value: unknown): unknown {
    return this.tier.copy(value);
  }

  asHit(text: string, entry: Entry, now: number): Entry {
    return this.tier.asHit(this.prefix + text, entry, now);
  }

  handOutAny(entry: Entry): unknown {
    return this.tier.handOutAny(entry);
  }
}
