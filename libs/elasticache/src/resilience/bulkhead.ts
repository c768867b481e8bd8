import { bulkhead, BulkheadRejectedError } from 'cockatiel';

export interface BulkheadLimits {
  readonly concurrent: number;
  readonly queue: number;
}

/** So many at a time, and so many who wait: nobody beyond them. */
export class Bulkhead {
  private readonly policy;

  constructor(limits: BulkheadLimits) {
    this.policy = bulkhead(limits.concurrent, limits.queue);
  }

  /** Whether who comes now has to wait. */
  get isFull(): boolean {
    return this.policy.executionSlots === 0;
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
    try {
      return await this.policy.execute(() => {
        if (begun()) return work();
        throw refused();
      });
    } catch (error) {
      throw error instanceof BulkheadRejectedError ? refused() : error;
    }
  }
}
