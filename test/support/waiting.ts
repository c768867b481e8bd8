/** How a test waits: for a condition, and never for a length of time. */
import { setTimeout as delay } from 'node:timers/promises';

const EVERY_MS = 5;
/** Sooner than a test's own time is over, so that what it has to put back it still can. */
const WITHIN_MS = 20_000;

/** Asks again until the answer is neither false nor undefined, and answers with it. */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  withinMs = WITHIN_MS,
): Promise<Exclude<T, false | undefined>> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const answer = await condition();
    if (answer !== false && answer !== undefined) return answer as Exclude<T, false | undefined>;
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await delay(EVERY_MS);
  }
}

/** The milliseconds that the work took. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}
