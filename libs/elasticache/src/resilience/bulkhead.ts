/** How many run at a time, and how many wait for room. */
export interface BulkheadLimits {
  readonly concurrent: number;
  readonly queue: number;
}

/** Someone who wants work done; himself in the queue. */
export interface Caller {
  /** Makes what is thrown where nobody else may wait. */
  readonly refused: () => Error;
}

/**
 * Bounds how much runs at a time. Room that is given up goes to whoever has waited longest, directly:
 * nobody who comes in between gets ahead. Whoever waited goes on in the async context it came with.
 */
export class Bulkhead {
  private running = 0;
  /** How each of them is let in, in the order they came. */
  private readonly waiting = new Map<Caller, () => void>();

  constructor(private readonly limits: BulkheadLimits) {}

  /** Whether who comes now has to wait. */
  get isFull(): boolean {
    return this.running >= this.limits.concurrent;
  }

  /** Runs the work when there is room; never where its caller has left. */
  async run<T>(work: () => Promise<T>, caller: Caller): Promise<T> {
    if (!this.isFull) this.running++;
    else if (this.waiting.size >= this.limits.queue) throw caller.refused();
    else await new Promise<void>((resolve) => this.waiting.set(caller, resolve));
    try {
      return await work();
    } finally {
      this.passOn();
    }
  }

  /** Makes a place in the queue free: false for a caller who is let in already. */
  leave(caller: Caller): boolean {
    return this.waiting.delete(caller);
  }

  private passOn(): void {
    const [next] = this.waiting;
    if (next === undefined) return void this.running--;
    const [caller, letIn] = next;
    this.waiting.delete(caller);
    letIn();
  }
}
