import { CircuitBreaker, type CircuitBreakerParts } from './circuit.breaker.js';
import { Deadline } from './deadline.js';

/** The way to one server: its breaker, and the waits for it that end when that opens. */
export class Link {
  readonly breaker: CircuitBreaker;
  private readonly waits = new Map<number, Deadline>();

  constructor(private readonly parts: CircuitBreakerParts) {
    this.breaker = new CircuitBreaker({
      ...parts,
      onChange: (state) => {
        if (state.kind === 'open') for (const wait of this.waits.values()) wait.expireAll();
        parts.onChange(state);
      },
    });
  }

  /** For who can go on without an answer, and waits so long at most. */
  waitOf(ms: number): Deadline {
    return deadlineOf(this.waits, ms, this.parts);
  }
}

/** One deadline for all waits that are equally long. */
export function deadlineOf(
  known: Map<number, Deadline>,
  ms: number,
  { clock }: Pick<CircuitBreakerParts, 'clock'>,
): Deadline {
  let deadline = known.get(ms);
  if (deadline === undefined) known.set(ms, (deadline = new Deadline(ms, clock)));
  return deadline;
}
