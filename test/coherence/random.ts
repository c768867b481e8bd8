/** Choices that can be made again: the same seed, the same choices (mulberry32). */
export class Random {
  constructor(private state: number) {}

  /** From 0 up to, and without, 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  upTo(limit: number): number {
    return this.next() * limit;
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.upTo(items.length))]!;
  }

  /** Each as often as its weight says. */
  pickWeighted<T extends { readonly weight: number }>(items: readonly T[]): T {
    let rest = this.upTo(items.reduce((sum, { weight }) => sum + weight, 0));
    return items.find(({ weight }) => (rest -= weight) < 0) ?? items.at(-1)!;
  }

  shuffle<T>(items: readonly T[]): T[] {
    return items
      .map((item) => ({ item, at: this.next() }))
      .sort((a, b) => a.at - b.at)
      .map(({ item }) => item);
  }
}
