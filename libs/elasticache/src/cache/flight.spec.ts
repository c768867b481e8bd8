import { describe, expect, it } from '@jest/globals';
import { Flight, Flights } from './flight.js';

const copy = (value: unknown) => structuredClone(value);

describe('A flight', () => {
  it('brings each joiner a copy, made before its own caller can touch the value', async () => {
    const flight = new Flight(true);
    const seats = [flight.join(copy), flight.join(copy)];
    const value = { n: 1 };
    flight.land({ value });
    value.n = 2;
    const landed = await Promise.all(seats.map(({ landing }) => landing));
    expect(landed).toEqual([{ value: { n: 1 } }, { value: { n: 1 } }]);
    expect(landed[0]!.value).not.toBe(landed[1]!.value);
  });

  it('brings what goes with the value', async () => {
    const flight = new Flight(true);
    const { landing } = flight.join(copy);
    flight.land({ value: [1], emissions: true, stale: true });
    expect(await landing).toEqual({ value: [1], emissions: true, stale: true });
  });

  it('that brings nothing to share tells its joiners so', async () => {
    for (const loaded of [undefined, { value: 1, unshared: true }]) {
      const flight = new Flight(false);
      const { landing } = flight.join(copy);
      flight.land(loaded);
      expect(await landing).toBeUndefined();
    }
  });

  it('that fails fails for all of them, with the same object', async () => {
    const flight = new Flight(true);
    const seats = [flight.join(copy), flight.join(copy)];
    flight.crash('text');
    for (const { landing } of seats) await expect(landing).rejects.toBe('text');
  });

  it('is over when it has landed or crashed, and says so to who waits for that', async () => {
    for (const end of [
      (flight: Flight) => flight.land(undefined),
      (flight: Flight) => flight.crash(0),
    ]) {
      const flight = new Flight(true);
      let isSettled = false;
      const settled = flight.settled().then(() => (isSettled = true));
      await Promise.resolve();
      expect([flight.isOver, isSettled]).toEqual([false, false]);
      end(flight);
      expect(flight.isOver).toBe(true);
      await settled;
      await flight.settled();
    }
  });

  it('knows whether anybody waits for it, and tells when the last has left', async () => {
    const flight = new Flight(true);
    let deserted = 0;
    flight.onDeserted = () => deserted++;
    expect(flight.hasJoiners).toBe(false);
    const [first, second] = [flight.join(copy), flight.join(copy)];
    first.leave();
    first.leave();
    expect([flight.hasJoiners, deserted]).toEqual([true, 0]);
    second.leave();
    expect([flight.hasJoiners, deserted]).toEqual([false, 1]);
    const third = flight.join(copy);
    flight.land({ value: 1 });
    third.leave();
    expect([flight.hasJoiners, deserted]).toEqual([false, 1]);
    expect(await third.landing).toEqual({ value: 1 });
  });

  it('makes no copy for who has left', () => {
    const flight = new Flight(true);
    let copies = 0;
    const seat = flight.join(() => copies++);
    flight.join(() => copies++);
    seat.leave();
    flight.land({ value: 1 });
    expect(copies).toBe(1);
  });
});

describe('The flights of a cache', () => {
  it('are found by their token until they are over', () => {
    const [flights, flight] = [new Flights(), new Flight(true)];
    flights.add('a', flight);
    expect(flights.get('a')).toBe(flight);
    expect(flights.get('b')).toBeUndefined();
    flight.land(undefined);
    expect(flights.get('a')).toBeUndefined();
  });

  it('take no room for those that are over, and lose none that is not', () => {
    const [flights, kept] = [new Flights(), [] as Flight[]];
    for (let i = 0; i < 10_000; i++) {
      const flight = new Flight(true);
      flights.add(String(i), flight);
      if (i % 2_500 === 0) kept.push(flight);
      else flight.land(undefined);
    }
    const { size } = (flights as unknown as { flights: Map<string, Flight> }).flights;
    expect(size).toBeLessThan(1_100);
    expect([0, 2_500, 5_000, 7_500].map((i) => flights.get(String(i)))).toEqual(kept);
  });
});
