/** Where the library gets the time from. Tests pass one they can move. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

/** The machine's clock; the only place in the library that reads it. */
export const systemClock: Clock = { now: () => Date.now() };
