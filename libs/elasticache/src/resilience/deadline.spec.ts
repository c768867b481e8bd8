import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Deadline } from './deadline.js';

const never = new Promise<never>(() => {});
const failure = new Error('of the work');
const expiry = new Error('time is over');
const failed = (error: unknown) => ({ because: error });

describe('A deadline', () => {
  beforeEach(() => void jest.useFakeTimers({ doNotFake: ['setImmediate'] }));
  afterEach(() => void jest.useRealTimers());

  const open = (ms: number) => {
    const clock = { time: 1_000, now: () => clock.time };
    const deadline = new Deadline(ms, clock);
    /** Moves the clock and the timers together. */
    const pass = async (span: number) => {
      clock.time += span;
      await jest.advanceTimersByTimeAsync(span);
      await new Promise((resolve) => setImmediate(resolve)); // a deadline looks after the turn's input
    };
    const wait = <T>(work: Promise<T>) => {
      const state = { outcome: undefined as unknown };
      const note = (outcome: unknown) => void (state.outcome = outcome);
      deadline.bound(work, () => expiry, failed).then(note, note);
      return state;
    };
    return { clock, deadline, pass, wait };
  };

  it('lets the outcome through that comes in time, and translates failures', async () => {
    const { deadline } = open(50);
    expect(await deadline.bound(Promise.resolve(7), () => expiry, failed)).toBe(7);
    const failing = deadline.bound(Promise.reject(failure), () => expiry, failed);
    await expect(failing).rejects.toEqual({ because: failure });
  });

  it('ends a wait when its time is over, and not before', async () => {
    const { wait, pass } = open(50);
    const state = wait(never);
    await pass(49);
    expect(state.outcome).toBeUndefined();
    await pass(1);
    expect(state.outcome).toBe(expiry);
  });

  it('gives each wait its own time, whenever it began', async () => {
    const { wait, pass } = open(50);
    const states = [wait(never)];
    await pass(20);
    states.push(wait(never));
    await pass(20);
    states.push(wait(never));
    const ended = () => states.map(({ outcome }) => outcome === expiry);
    await pass(10);
    expect(ended()).toEqual([true, false, false]);
    await pass(20);
    expect(ended()).toEqual([true, true, false]);
    await pass(20);
    expect(ended()).toEqual([true, true, true]);
  });

  it('keeps a wait that has settled from being ended, and the others from being forgotten', async () => {
    const { wait, pass } = open(50);
    let resolve = (_: number) => {};
    const settled = wait(new Promise<number>((done) => (resolve = done)));
    await pass(10);
    const waiting = wait(never);
    resolve(7);
    await pass(40);
    expect([settled.outcome, waiting.outcome]).toEqual([7, undefined]);
    await pass(10);
    expect([settled.outcome, waiting.outcome]).toEqual([7, expiry]);
  });

  it('works again after it was idle, and holds one timer whoever waits', async () => {
    const { wait, pass } = open(50);
    wait(never);
    await pass(500);
    expect(jest.getTimerCount()).toBe(0);
    const states = Array.from({ length: 100 }, () => wait(never));
    expect(jest.getTimerCount()).toBe(1);
    await pass(50);
    expect(states.every(({ outcome }) => outcome === expiry)).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('ignores how work ends that took too long', async () => {
    const { wait, pass } = open(50);
    let reject = (_: Error) => {};
    const state = wait(new Promise((_, fail) => (reject = fail)));
    await pass(50);
    reject(failure);
    await pass(1);
    expect(state.outcome).toBe(expiry);
  });

  it('makes nobody wait longer when the wall clock is set back', async () => {
    const { wait, pass, clock } = open(50);
    const state = wait(never);
    clock.time -= 3_600_000;
    await pass(50);
    expect(state.outcome).toBe(expiry);
  });

  it('waits as long as it is told where that is more than a timer can', async () => {
    const { wait, pass } = open(2 ** 31 + 1_000);
    const timers = jest.spyOn(globalThis, 'setTimeout');
    const state = wait(never);
    // Node takes a longer one for 1 ms.
    expect(timers.mock.lastCall?.[1]).toBe(2 ** 31 - 1);
    await pass(60_000);
    expect(state.outcome).toBeUndefined();
    await pass(2 ** 31 - 60_000 - 1);
    expect(state.outcome).toBeUndefined();
    await pass(1_001);
    expect(state.outcome).toBe(expiry);
  });

  it('may be ended for all who wait, one of whom may be the first to be told', async () => {
    const { deadline, pass, wait } = open(50);
    const first = deadline.bound(
      never,
      () => {
        deadline.expireAll();
        return expiry;
      },
      failed,
    );
    const outcome = first.catch((error: unknown) => error);
    await pass(10);
    const others = [wait(never), wait(never)];
    await pass(40);
    expect(await outcome).toBe(expiry);
    expect(others.map((state) => state.outcome)).toEqual([expiry, expiry]);
    const later = wait(never);
    await pass(49);
    expect(later.outcome).toBeUndefined();
    await pass(1);
    expect(later.outcome).toBe(expiry);
  });
});
