import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { shortened } from './jitter.js';

const ALMOST_ONE = 1 - 2 ** -53;

describe('Jitter', () => {
  it('shortens by a random share of the share', () => {
    expect(shortened(1_000, 0.1, () => 0)).toBe(1_000);
    expect(shortened(1_000, 0.1, () => 0.5)).toBe(950);
    expect(shortened(1_000, 0.1, () => ALMOST_ONE)).toBe(900);
  });

  it('of nothing leaves the lifetime', () => {
    expect(shortened(1_000, 0, () => ALMOST_ONE)).toBe(1_000);
  });

  it('leaves a whole number of milliseconds, never none, never more than there was', () => {
    const unit = fc.double({ min: 0, max: 1, noNaN: true });
    const lifetimes = fc.integer({ min: 1, max: 1e12 });
    fc.assert(
      fc.property(lifetimes, unit, unit, (ms, share, random) => {
        const left = shortened(ms, share, () => Math.min(random, ALMOST_ONE));
        expect(Number.isInteger(left)).toBe(true);
        expect(left).toBeGreaterThanOrEqual(Math.max(1, Math.floor(ms * (1 - share))));
        expect(left).toBeLessThanOrEqual(ms);
      }),
    );
    expect(shortened(1, 1, () => ALMOST_ONE)).toBe(1);
    expect(shortened(0.2, 0, () => 0)).toBe(1);
  });
});
