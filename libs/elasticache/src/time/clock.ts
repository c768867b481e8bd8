/** Where the library gets the time from. Tests pass one they can move. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

/** The machine's clock; the only place in the library that reads it. */
export const systemClock: Clock = { now: () => Date.now() };

/** When this process began, in milliseconds since the epoch: a base for times that are kept in great numbers. */
export const processStart = Math.floor(performance.timeOrigin);
