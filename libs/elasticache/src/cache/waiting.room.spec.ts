import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { systemClock } from '../time/clock.js';
import { WaitingRoom } from './waiting.room.js';

const LOAD_MS = 1_000;

describe('The waiting room', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  const open = (random = 1) => new WaitingRoom(systemClock, () => random);
  const elapsed = (since: number) => systemClock.now() - since;

  /** Looks again and again until the time is over; when each look came. */
  async function looksWithin(room: WaitingRoom, spanMs: number): Promise<number[]> {
    const begin = systemClock.now();
    const looks: number[] = [];
    const waiting = (async () => {
      while (elapsed(begin) < spanMs) {
        await room.nextLook('7', 'token');
        looks.push(elapsed(begin));
      }
    })();
    await jest.advanceTimersByTimeAsync(2 * spanMs);
    await waiting;
    return looks;
  }

  it('asks once for all calls that wait for one key', async () => {
    const room = open();
    const looks = [1, 2, 3].map(() => room.nextLook('7', 'token'));
    expect(new Set(looks).size).toBe(1);
    expect(jest.getTimerCount()).toBe(1);
    await jest.advanceTimersByTimeAsync(100);
    await Promise.all(looks);
    expect(room.nextLook('7', 'token')).not.toBe(looks[0]);
  });

  it('asks for each key by itself', async () => {
    const room = open();
    const [first, other] = [room.nextLook('7', 'a'), room.nextLook('8', 'b')];
    expect(other).not.toBe(first);
    await jest.advanceTimersByTimeAsync(100);
    await Promise.all([first, other]);
  });

  it.each([0, 0.5, 1])(
    'asks some tens of times for a second’s load, by chance %d',
    async (random) => {
      const looks = await looksWithin(open(random), LOAD_MS);
      expect(looks.length).toBeGreaterThan(25);
      expect(looks.length).toBeLessThan(90);
    },
  );

  it.each([0, 0.5, 1])('is late by a share of the time waited, by chance %d', async (random) => {
    const looks = await looksWithin(open(random), 2 * LOAD_MS);
    for (const [i, look] of looks.entries()) {
      const before = looks[i - 1] ?? 0;
      expect(look - before).toBeLessThanOrEqual(Math.max(0.11 * before + 1, 3));
      expect(look - before).toBeLessThanOrEqual(100);
    }
  });

  it('begins anew with the load that comes after it', async () => {
    const room = open();
    await looksWithin(room, LOAD_MS);
    const begin = systemClock.now();
    const next = room.nextLook('7', 'another').then(() => elapsed(begin));
    await jest.advanceTimersByTimeAsync(200);
    expect(await next).toBeLessThanOrEqual(3);
  });
});
