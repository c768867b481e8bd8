import type { Clock } from '../time/clock.js';

/** Node fires a longer one at once; the sweep finds nobody's time over and arms the next. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface Waiter {
  readonly at: number;
  /** Undefined once the work has settled. */
  expire: (() => void) | undefined;
}

/**
 * Bounds how long callers wait, not how long the work takes. All waits of one deadline are equally
 * long, so they end in the order they began: a queue and one timer serve them all, which is several
 * times cheaper than a timer per exchange.
 */
export class Deadline {
  private waiters: Waiter[] = [];
  private head = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    readonly ms: number,
    private readonly clock: Clock,
  ) {}

  /** The work's outcome, or `expired()` as the rejection once `ms` have passed. */
  bound<T>(
    work: Promise<T>,
    expired: () => Error,
    failed: (error: unknown) => unknown,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const waiter: Waiter = { at: this.clock.now() + this.ms, expire: () => reject(expired()) };
      this.waiters.push(waiter);
      if (this.timer === undefined) this.arm(this.ms);
      work.then(
        (value) => {
          waiter.expire = undefined;
          resolve(value);
        },
        (error: unknown) => {
          waiter.expire = undefined;
          reject(failed(error) as Error);
        },
      );
    });
  }

  /** A wall clock set back must not make anyone wait longer: a wait that seems too long is over, too. */
  private isOver(waiter: Waiter, now: number): boolean {
    return waiter.at <= now || waiter.at - now > this.ms;
  }

  private arm(delayMs: number): void {
    this.timer = setTimeout(
      () => setImmediate(() => this.sweep()),
      Math.min(delayMs, LONGEST_TIMER_MS),
    );
    this.timer.unref();
  }

  /** After the turn's input: where the event loop was held up, the answers are here and only have to be read. */
  private sweep(): void {
    const now = this.clock.now();
    let next = this.waiters[this.head];
    while (next !== undefined && (next.expire === undefined || this.isOver(next, now))) {
      next.expire?.();
      next = this.waiters[++this.head];
    }
    this.waiters = this.waiters.slice(this.head);
    this.head = 0;
    this.timer = undefined;
    if (next !== undefined) this.arm(Math.max(1, next.at - now));
  }
}
