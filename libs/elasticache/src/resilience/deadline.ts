import type { Clock } from '../time/clock.js';

/** Node fires a longer one at once; the sweep finds nobody's time over and arms the next. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A link of the ring of those who wait, oldest first. */
interface Waiter {
  readonly at: number;
  readonly expire: () => void;
  previous: Waiter;
  next: Waiter;
}

/**
 * Bounds how long callers wait, not how long the work takes. All waits of one deadline are equally
 * long, so they end in the order they began: one list and one timer serve them all, which is several
 * times cheaper than a timer per exchange. Who is done leaves the list at once: waiters kept until
 * the next sweep would outlive the collector's young generation.
 */
export class Deadline {
  private readonly ring = emptyRing();
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
      const waiter = this.enter(() => reject(expired()));
      work.then(
        (value) => {
          leave(waiter);
          resolve(value);
        },
        (error: unknown) => {
          leave(waiter);
          reject(failed(error) as Error);
        },
      );
    });
  }

  /** Ends every wait now. */
  expireAll(): void {
    const { ring } = this;
    while (ring.next !== ring) expireNow(ring.next);
  }

  private enter(expire: () => void): Waiter {
    const { ring } = this;
    const waiter = { at: this.clock.now() + this.ms, expire, previous: ring.previous, next: ring };
    ring.previous = ring.previous.next = waiter;
    if (this.timer === undefined) this.arm(this.ms);
    return waiter;
  }

  /** A wall clock set back must not make anyone wait longer: a wait that seems too long is over, too. */
  private isOver({ at }: Waiter, due: number): boolean {
    return at <= due || at - this.clock.now() > this.ms;
  }

  private arm(delayMs: number): void {
    this.timer = setTimeout(() => this.due(), Math.min(delayMs, LONGEST_TIMER_MS));
    this.timer.unref();
  }

  /** Between timers and immediates the loop reads its sockets: answers that came while it was busy count as in time. */
  private due(): void {
    const due = this.clock.now();
    setImmediate(() => this.sweep(due));
  }

  private sweep(due: number): void {
    const { ring } = this;
    while (ring.next !== ring && this.isOver(ring.next, due)) expireNow(ring.next);
    this.timer = undefined;
    if (ring.next !== ring) this.arm(Math.max(1, ring.next.at - this.clock.now()));
  }
}

function emptyRing(): Waiter {
  const ring = { at: Infinity, expire: () => undefined } as unknown as Waiter;
  ring.previous = ring.next = ring;
  return ring;
}

/** Leaves first: whoever is told may end all other waits. */
function expireNow(waiter: Waiter): void {
  leave(waiter);
  waiter.expire();
}

/** Leaving twice changes nothing. */
function leave(waiter: Waiter): void {
  waiter.previous.next = waiter.next;
  waiter.next.previous = waiter.previous;
  waiter.previous = waiter.next = waiter;
}
