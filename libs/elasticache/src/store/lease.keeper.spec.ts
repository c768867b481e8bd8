import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { gate } from '../../../../test/support/gate.js';
import { LEASE_MS, LeaseKeeper } from './lease.keeper.js';

describe('The keeper of leases', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);

  /** A lease whose renewals are counted. */
  function held(keeper: LeaseKeeper, renew: () => Promise<unknown> = async () => undefined) {
    const state = { renewed: 0 };
    const renewal = keeper.keep(() => {
      state.renewed++;
      return renew();
    });
    return { state, renewal };
  }

  it('renews each at least twice in its life, until it ends', async () => {
    const keeper = new LeaseKeeper();
    const [first, second] = [held(keeper), held(keeper)];
    await pass(LEASE_MS);
    expect(first.state.renewed).toBeGreaterThanOrEqual(2);
    expect(second.state).toEqual(first.state);
    void first.renewal.end();
    const { renewed } = first.state;
    await pass(2 * LEASE_MS);
    expect(first.state.renewed).toBe(renewed);
    expect(second.state.renewed).toBeGreaterThan(renewed + 2);
    void second.renewal.end();
  });

  it('has one timer, however many there are, and none once it holds nothing', async () => {
    const keeper = new LeaseKeeper();
    const all = Array.from({ length: 100 }, () => held(keeper));
    expect(jest.getTimerCount()).toBe(1);
    for (const { renewal } of all) void renewal.end();
    await pass(LEASE_MS);
    expect(jest.getTimerCount()).toBe(0);
    const next = held(keeper);
    expect(jest.getTimerCount()).toBe(1);
    await pass(LEASE_MS);
    expect(next.state.renewed).toBeGreaterThanOrEqual(2);
    void next.renewal.end();
  });

  it('renews those beside one that ends, whichever it is', async () => {
    for (const ending of [0, 1, 2]) {
      const keeper = new LeaseKeeper();
      const all = [held(keeper), held(keeper), held(keeper)];
      void all[ending]!.renewal.end();
      void all[ending]!.renewal.end();
      await pass(LEASE_MS);
      const renewed = all.map(({ state }) => state.renewed > 0);
      expect(renewed).toEqual([0, 1, 2].map((i) => i !== ending));
      for (const { renewal } of all) void renewal.end();
    }
  });

  it('begins no renewal while one is under way, and lets who ends it wait for that', async () => {
    const keeper = new LeaseKeeper();
    const door = gate();
    const { state, renewal } = held(keeper, () => door.opened);
    await pass(3 * LEASE_MS);
    expect(state.renewed).toBe(1);
    const ended = renewal.end();
    expect(ended).toBeInstanceOf(Promise);
    door.open();
    await ended;
    await pass(LEASE_MS);
    expect(state.renewed).toBe(1);
  });

  it('goes on after a renewal that failed', async () => {
    const keeper = new LeaseKeeper();
    const failing = held(keeper, () => Promise.reject(new Error('down')));
    const { state, renewal } = held(keeper);
    await pass(LEASE_MS);
    expect(failing.state.renewed).toBeGreaterThanOrEqual(2);
    expect(state.renewed).toBeGreaterThanOrEqual(2);
    for (const each of [failing.renewal, renewal]) await each.end();
  });
});
