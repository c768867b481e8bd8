/** Names whose last invalidation is remembered; beyond it everything older counts as invalidated. */
const MOST_NAMES = 10_000;

/** A counter of invalidations, which several registers may go by. */
export interface Sequence {
  now: number;
}

/**
 * When each name (of a tag, or of an entry) was last invalidated, on a counter of invalidations.
 * What bears the counter as it stood before its value was made is valid while none of its names was
 * invalidated since. So an invalidation is one step, and a load may learn its tags from the result.
 */
export class MemoryVersions {
  private readonly evicted = new Map<string, number>();
  /** What is not remembered was invalidated at this count, at the latest. */
  private floor = 0;

  constructor(private readonly sequence: Sequence = { now: 0 }) {}

  /** The count to be borne by what is made from now on. */
  get now(): number {
    return this.sequence.now;
  }

  evict(names: readonly string[]): void {
    const now = ++this.sequence.now;
    for (const name of names) {
      this.evicted.delete(name); // so that the map stays in the order of invalidations
      this.evicted.set(name, now);
    }
    for (const [name, at] of this.evicted) {
      if (this.evicted.size <= MOST_NAMES) break;
      this.evicted.delete(name);
      this.floor = at;
    }
  }

  evictAll(): void {
    this.evicted.clear();
    this.floor = ++this.sequence.now;
  }

  /** The name that was invalidated since, if there is one. */
  evictedSince(names: readonly string[], count: number): string | undefined {
    return names.find((name) => (this.evicted.get(name) ?? this.floor) > count);
  }
}
