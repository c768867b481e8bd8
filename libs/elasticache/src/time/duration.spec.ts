import { describe, expect, it } from '@jest/globals';
import { parseDuration } from './duration.js';

describe('A duration', () => {
  it.each([
    [1, 1],
    [0.5, 0.5],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    ['250ms', 250],
    ['60s', 60_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['7d', 604_800_000],
    ['1.5 hours', 5_400_000],
    ['100', 100],
  ])('%p is %p milliseconds', (given, ms) => {
    expect(parseDuration(given)).toBe(ms);
  });

  it.each([
    0, -1, -0, NaN, Infinity, -Infinity, 1e19, 2 ** 53, '1e12 years', '0', '0s', '-5m', '', ' ', 'soon', '5 parsecs', '5m 3s',
    '1'.repeat(101), null, undefined, true, 5n, {}, [], [5], () => 5, new Date(5),
  ])('%p is none', (given) => {
    expect(parseDuration(given)).toBeUndefined();
  }); // prettier-ignore
});
