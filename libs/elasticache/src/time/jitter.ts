/** A source of randomness in [0, 1). */
export type Random = () => number;

/** Shortens a lifetime by a random share, so that entries written together do not expire together. At least 1 ms is left. */
export function shortened(lifetimeMs: number, share: number, random: Random): number {
  return Math.max(1, Math.round(lifetimeMs * (1 - share * random())));
}
