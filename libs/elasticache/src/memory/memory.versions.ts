/** Tags whose last eviction is remembered; beyond it everything older counts as evicted. */
const MOST_TAGS = 10_000;

/**
 * When each tag was last evicted, on a counter of evictions. An entry bears the counter as it stood
 * before its value was made, and is valid while none of its tags was evicted since. So a tag's
 * eviction is one step, and a load may learn its tags from the result.
 */
export class MemoryVersions {
  private readonly evicted = new Map<string, number>();
  /** What is not remembered was evicted at this count, at the latest. */
  private floor = 0;
  private counter = 0;

  /** The count to be borne by what is made from now on. */
  get now(): number {
    return this.counter;
  }

  evict(tags: readonly string[]): void {
    this.counter++;
    for (const tag of tags) {
      this.evicted.delete(tag); // so that the map stays in the order of evictions
      this.evicted.set(tag, this.counter);
    }
    for (const [tag, at] of this.evicted) {
      if (this.evicted.size <= MOST_TAGS) break;
      this.evicted.delete(tag);
      this.floor = at;
    }
  }

  /** The tag that was evicted since, if there is one. */
  evictedSince(tags: readonly string[], count: number): string | undefined {
    return tags.find((tag) => (this.evicted.get(tag) ?? this.floor) > count);
  }
}
