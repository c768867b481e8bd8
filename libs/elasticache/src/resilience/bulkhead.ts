/** How many run at a time, and how many wait for room. */
export interface BulkheadLimits {
  readonly concurrent: number;
  readonly queue: number;
}

/**
 * Bounds how much runs at a time. Room that is given up goes to whoever has waited longest, directly:
 * nobody who comes in between gets ahead. Whoever waited goes on in the async context it came with.
 */
export class Bulkhead {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly limits: BulkheadLimits) {}

  /** Whether who comes now has to wait. */
  get isFull(): boolean {
    return this.running >= this.limits.concurrent;
  }

  /**
   * Runs the work when there is room. `begun` is asked then: false for a caller who has given up.
   *
   * @throws what `refused` makes, where nobody else may wait
   */
  async run<T>(
    work: () => Promise<T>,
    { begun, refused }: { begun: () => boolean; refused: () => Error },
  ): Promise<T> {
    if (!this.isFull) this.running++;
    else if (this.waiting.length >= this.limits.queue) throw refused();
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      if (!begun()) throw refused();
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.running--;
      else next();
    }
  }
}
