import { describe, expect, it, jest } from '@jest/globals';
import { glob } from '../key/glob.js';
import { Flight, InFlight } from './in.flight.js';

const same = (value: unknown) => value;

describe('The loads in flight', () => {
  it('a flight can be joined from its take-off until its slot is left', () => {
    const inFlight = new InFlight();
    const flight = new Flight(true);
    expect(inFlight.flightOf('7')).toBeUndefined();
    const slot = inFlight.takeOff('7', flight);
    expect([inFlight.flightOf('7'), inFlight.flightOf('8')]).toEqual([flight, undefined]);
    inFlight.leave('7', slot);
    expect(inFlight.flightOf('7')).toBeUndefined();
  });

  it('the first of two flights is the one to join', () => {
    const inFlight = new InFlight();
    const [first, second] = [new Flight(true), new Flight(true)];
    inFlight.takeOff('7', first);
    inFlight.takeOff('7', second);
    expect(inFlight.flightOf('7')).toBe(first);
  });

  it.each(['lands', 'crashes'])(
    'a flight that %s is not joined any more, though others are still in its slot',
    (end) => {
      const inFlight = new InFlight();
      inFlight.takeOff('7'); // a load of its own, or a put
      const flight = new Flight(true);
      const slot = inFlight.takeOff('7', flight);
      if (end === 'lands') flight.land({ value: 1 });
      else flight.crash(new Error('own'));
      inFlight.leave('7', slot);
      expect(inFlight.flightOf('7')).toBeUndefined();
      const next = new Flight(true);
      inFlight.takeOff('7', next);
      expect(inFlight.flightOf('7')).toBe(next);
    },
  );

  it('an invalidation makes what is under way invalid, and is not felt by what comes later', () => {
    const inFlight = new InFlight();
    const [load, put] = [inFlight.takeOff('7', new Flight(true)), inFlight.takeOff('7')];
    const other = inFlight.takeOff('8');
    inFlight.invalidate('7');
    const later = inFlight.takeOff('7');
    expect([load, put, other, later].map(({ valid }) => valid)).toEqual([false, false, true, true]);
    expect(inFlight.flightOf('7')).toBeUndefined();
  });

  it('leaving an invalid slot does not close the valid one of the same key', () => {
    const inFlight = new InFlight();
    const old = inFlight.takeOff('7', new Flight(true));
    inFlight.invalidate('7');
    const flight = new Flight(true);
    inFlight.takeOff('7', flight);
    inFlight.leave('7', old);
    expect(inFlight.flightOf('7')).toBe(flight);
  });

  it('invalidates what matches, or everything', () => {
    const inFlight = new InFlight();
    const texts = ['user:1', 'user:2', 'other'];
    const slots = texts.map((text) => inFlight.takeOff(text));
    const valid = () => slots.map((slot) => slot.valid);
    inFlight.invalidateMatching(glob`user:${1}`);
    expect(valid()).toEqual([false, true, true]);
    inFlight.invalidateMatching(glob`user:*`);
    expect(valid()).toEqual([false, false, true]);
    inFlight.invalidateMatching();
    expect(valid()).toEqual([false, false, false]);
  });
});

describe('A flight', () => {
  it('brings every joiner a copy made by its own hand, emissions included', async () => {
    const flight = new Flight(true);
    const joined = [1, 2].map((id) => flight.join((value) => ({ id, value })).landing);
    flight.land({ value: 'v', emissions: true });
    expect(await Promise.all(joined)).toEqual([
      { value: { id: 1, value: 'v' }, emissions: true },
      { value: { id: 2, value: 'v' }, emissions: true },
    ]);
  });

  it('makes the copies when it lands, before anybody can change the value', async () => {
    const flight = new Flight(true);
    const joined = flight.join((value) => structuredClone(value)).landing;
    const value = { n: 1 };
    flight.land({ value });
    value.n = 2;
    expect(await joined).toEqual({ value: { n: 1 } });
  });

  it('shares its failure, as the same object', async () => {
    const flight = new Flight(true);
    const joined = [flight.join(same).landing, flight.join(same).landing];
    const error = new Error('own');
    flight.crash(error);
    const failures = await Promise.all(
      joined.map((each) => each.catch((reason: unknown) => reason)),
    );
    for (const failure of failures) expect(failure).toBe(error);
  });

  it.each([undefined, { value: 'v', unshared: true }])(
    'sends its joiners away with nothing where there is nothing to share: %p',
    async (loaded) => {
      const flight = new Flight(false);
      const copy = jest.fn(same);
      const joined = flight.join(copy).landing;
      flight.land(loaded);
      expect(await joined).toBeUndefined();
      expect(copy).not.toHaveBeenCalled();
    },
  );

  it('knows whether somebody waits, and tells when nobody does any more', () => {
    const flight = new Flight(false);
    const onDeserted = (flight.onDeserted = jest.fn());
    expect(flight.hasJoiners).toBe(false);
    const [first, second] = [flight.join(same), flight.join(same)];
    first.leave();
    first.leave();
    expect(flight.hasJoiners).toBe(true);
    expect(onDeserted).not.toHaveBeenCalled();
    second.leave();
    expect(flight.hasJoiners).toBe(false);
    expect(onDeserted).toHaveBeenCalledTimes(1);
  });

  it('who leaves after the landing leaves nothing', async () => {
    const flight = new Flight(false);
    const onDeserted = (flight.onDeserted = jest.fn());
    const { landing, leave } = flight.join(same);
    flight.land({ value: 'v' });
    leave();
    expect(onDeserted).not.toHaveBeenCalled();
    expect(await landing).toEqual({ value: 'v' });
  });
});
