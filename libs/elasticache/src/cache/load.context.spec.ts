import { describe, expect, it } from '@jest/globals';
import { gate } from '../../../../test/support/gate.js';
import { Flight } from './flight.js';
import { inherit, loading } from './load.context.js';

const source = { realm: {}, tier: 'memory' } as const;

describe('What a load has left running', () => {
  it('adds nothing to it once it is over, though other loads still run', async () => {
    const [flight, other] = [new Flight(true), new Flight(true)];
    const [door, busy] = [gate(), gate()];
    let left: Promise<void> | undefined;
    const running = loading(other, () => busy.opened);
    await loading(flight, async () => {
      left = door.opened.then(() => inherit({ tags: ['user:7'] }, source));
    });
    flight.land({ value: 'page' });
    door.open();
    await left;
    expect(flight.inheritance.isEmpty).toBe(true);
    busy.open();
    await running;
  });
});
