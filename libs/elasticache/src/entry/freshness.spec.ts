import { describe, expect, it } from '@jest/globals';
import type { Entry } from './cache.entry.js';
import {
  freshnessOf,
  type FreshnessPolicy,
  isSameFreshness,
  mayServeOnError,
  mayServeStale,
  staleWindowMs,
} from './freshness.js';

const entry: Entry = { value: 1, createdAt: 1_000, expiresAt: 2_000 };
const policyOf = (policy: Partial<FreshnessPolicy> = {}): FreshnessPolicy => ({
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: 0,
  refreshAhead: undefined,
  ...policy,
});

describe('How fresh an entry is', () => {
  it.each<[number, string]>([
    [1_000, 'fresh'],
    [1_999, 'fresh'],
    [2_000, 'dead'],
    [9_000, 'dead'],
  ])('without more ado: at %d %s', (now, expected) => {
    expect(freshnessOf(entry, policyOf(), now)).toBe(expected);
  });

  it.each<[number, string]>([
    [1_799, 'fresh'],
    [1_800, 'due'],
    [1_999, 'due'],
    [2_000, 'dead'],
  ])('to be renewed ahead: at %d %s', (now, expected) => {
    expect(freshnessOf(entry, policyOf({ refreshAhead: 0.8 }), now)).toBe(expected);
  });

  it.each([
    { staleWhileRevalidateMs: 500, staleIfErrorMs: 100 },
    { staleWhileRevalidateMs: 100, staleIfErrorMs: 500 },
  ])('kept past its life: as long as either wants it, %j', (windows) => {
    const policy = policyOf(windows);
    expect(staleWindowMs(policy)).toBe(500);
    const seen = [1_999, 2_000, 2_499, 2_500].map((now) => freshnessOf(entry, policy, now));
    expect(seen).toEqual(['fresh', 'stale', 'stale', 'dead']);
  });

  it('past its life is served only as long as each reason holds', () => {
    const policy = policyOf({ staleWhileRevalidateMs: 100, staleIfErrorMs: 500 });
    const times = [2_000, 2_099, 2_100, 2_499, 2_500];
    expect(times.map((now) => mayServeStale(entry, policy, now))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(times.map((now) => mayServeOnError(entry, policy, now))).toEqual([
      true,
      true,
      true,
      true,
      false,
    ]);
    expect(mayServeStale(entry, policyOf(), 2_000)).toBe(false);
    expect(mayServeOnError(entry, policyOf(), 2_000)).toBe(false);
  });
});

describe('Two policies', () => {
  const whole = policyOf({ staleWhileRevalidateMs: 1, staleIfErrorMs: 2, refreshAhead: 0.5 });

  it('are the same where every part is', () => {
    expect(isSameFreshness(whole, { ...whole })).toBe(true);
    expect(isSameFreshness(undefined, undefined)).toBe(true);
    expect(isSameFreshness(whole, undefined)).toBe(false);
    expect(isSameFreshness(undefined, whole)).toBe(false);
  });

  it.each([{ staleWhileRevalidateMs: 3 }, { staleIfErrorMs: 3 }, { refreshAhead: undefined }])(
    'differ by %j',
    (part) => {
      expect(isSameFreshness(whole, { ...whole, ...part })).toBe(false);
    },
  );
});
