import { expect, it } from '@jest/globals';
import { systemClock } from './clock.js';

it("the machine's clock tells milliseconds since the epoch", () => {
  const before = Date.now();
  const now = systemClock.now();
  expect(now).toBeGreaterThanOrEqual(before);
  expect(now).toBeLessThanOrEqual(Date.now());
});
