import type { Clock } from '../time/clock.js';
import { type Duration, parseDuration } from '../time/duration.js';

/**
 * A clock that moves when it is told to; it starts at 2026-01-01, 00:00 UTC.
 *
 * @example
 * app.get(FakeClock).advance('5m'); // what had five minutes to live is gone
 */
export class FakeClock implements Clock {
  private time = Date.UTC(2026, 0, 1);

  /** Milliseconds since the epoch. */
  now(): number {
    return this.time;
  }

  /**
   * Moves on, by milliseconds or by text such as `'5m'`.
   *
   * @throws RangeError for what is not a positive duration
   */
  advance(duration: Duration): void {
    const ms = parseDuration(duration);
    if (ms === undefined) throw new RangeError(`'${duration}' is not a positive duration`);
    this.time += ms;
  }
}
