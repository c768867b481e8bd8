import type { Clock } from '../time/clock.js';
import type { Random } from '../time/jitter.js';

/** Closed: calls go through. Open: none does. Half-open: none does, and one question is on its way. */
export type BreakerState =
  | { readonly kind: 'closed'; readonly failures: number }
  | { readonly kind: 'open' | 'half-open'; readonly since: number; readonly why: string };

export interface CircuitBreakerParts {
  readonly clock: Clock;
  readonly random: Random;
  /** Asks what is behind the breaker whether it works. Never a caller's call, which would have to wait. */
  readonly probe: () => Promise<unknown>;
  readonly onChange: (state: BreakerState) => void;
}

/** Failures in a row, with no answer between them, that open it: one may be an accident. */
const MOST_FAILURES = 3;

/** From a failed question to the next, the last half of it random. It never grows: who is back wants to be noticed. */
const AGAIN_MS = 100;

const CLOSED: BreakerState = { kind: 'closed', failures: 0 };

/**
 * Keeps calls from waiting for what does not answer. It opens after failures in a row, or at once
 * where it is known why; then it asks by itself, one question at a time, and closes with the first
 * answer.
 */
export class CircuitBreaker {
  private current = CLOSED;
  private timer: NodeJS.Timeout | undefined;
  private isStopped = false;

  constructor(private readonly parts: CircuitBreakerParts) {}

  get state(): BreakerState {
    return this.current;
  }

  get isClosed(): boolean {
    return this.current.kind === 'closed';
  }

  /** How long it has not been closed. */
  get openForMs(): number {
    const { current } = this;
    return current.kind === 'closed' ? 0 : this.parts.clock.now() - current.since;
  }

  /** Something was answered, in time or not. */
  succeeded(): void {
    if (this.current.kind !== 'closed') this.ask();
    else if (this.current.failures > 0) this.current = CLOSED;
  }

  failed(why: string): void {
    if (this.current.kind !== 'closed') return;
    const failures = this.current.failures + 1;
    if (failures >= MOST_FAILURES) this.open(why);
    else this.current = { kind: 'closed', failures };
  }

  /** Opens at once. */
  open(why: string): void {
    if (this.current.kind !== 'closed' || this.isStopped) return;
    this.change({ kind: 'open', since: this.parts.clock.now(), why });
    this.askLater();
  }

  /** Asks now, unless it is closed or has asked already. */
  ask(): void {
    const { current } = this;
    if (current.kind !== 'open' || this.isStopped) return;
    clearTimeout(this.timer);
    this.change({ ...current, kind: 'half-open' });
    this.parts.probe().then(
      () => this.change(CLOSED),
      () => {
        this.change(current);
        this.askLater();
      },
    );
  }

  /** No more questions; it stays as it is. */
  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
  }

  private askLater(): void {
    if (this.isStopped) return;
    const delay = AGAIN_MS * (0.5 + this.parts.random() / 2);
    this.timer = setTimeout(() => this.ask(), delay);
    this.timer.unref();
  }

  private change(state: BreakerState): void {
    if (this.isStopped) return;
    this.current = state;
    this.parts.onChange(state);
  }
}

/** What an exchange asks of the breaker of its connection. */
export type Breaker = Pick<
  CircuitBreaker,
  'state' | 'isClosed' | 'openForMs' | 'succeeded' | 'failed'
>;

/** Stands in where nothing is to be kept from waiting. */
export const noBreaker: Breaker = {
  state: CLOSED,
  isClosed: true,
  openForMs: 0,
  succeeded: () => undefined,
  failed: () => undefined,
};
