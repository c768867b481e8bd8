import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from '@jest/globals';
import { gate } from '../../../../test/support/gate.js';
import { Bulkhead, type Caller } from './bulkhead.js';

const full = new Error('full');

class Patient implements Caller {
  readonly refused = () => full;
}

function open(concurrent: number, queue: number) {
  const bulkhead = new Bulkhead({ concurrent, queue });
  const begun: number[] = [];
  let running = 0;
  let most = 0;
  /** Work that is numbered, and waits at a door. */
  const run = (id: number, caller: Caller = new Patient()) => {
    const door = gate();
    const work = async () => {
      begun.push(id);
      most = Math.max(most, ++running);
      await door.opened;
      running--;
      return id;
    };
    return { door, done: bulkhead.run(work, caller) };
  };
  return { bulkhead, begun, run, most: () => most };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('A bulkhead', () => {
  it('lets who waited go on in the async context it came with', async () => {
    const context = new AsyncLocalStorage<string>();
    const bulkhead = new Bulkhead({ concurrent: 1, queue: 10 });
    const run = (name: string) =>
      context.run(name, () =>
        bulkhead.run(async () => {
          await turn();
          return context.getStore();
        }, new Patient()),
      );
    expect(await Promise.all(['a', 'b', 'c'].map(run))).toEqual(['a', 'b', 'c']);
  });

  it('hands the room over: nobody who comes in between gets ahead', async () => {
    const { bulkhead, begun, run } = open(1, 1);
    const first = run(1);
    const second = run(2);
    first.door.open();
    await first.done;
    expect(bulkhead.isFull).toBe(true);
    const third = run(3);
    second.door.open();
    third.door.open();
    await Promise.all([second.done, third.done]);
    expect(begun).toEqual([1, 2, 3]);
  });

  it('runs so many at a time, and lets the others in as they came', async () => {
    const { bulkhead, begun, run, most } = open(2, 10);
    expect(bulkhead.isFull).toBe(false);
    const works = [1, 2, 3, 4, 5].map((id) => run(id));
    await turn();
    expect([begun, bulkhead.isFull]).toEqual([[1, 2], true]);
    for (const { door } of works) {
      door.open();
      await turn();
    }
    expect(await Promise.all(works.map(({ done }) => done))).toEqual([1, 2, 3, 4, 5]);
    expect([begun, most(), bulkhead.isFull]).toEqual([[1, 2, 3, 4, 5], 2, false]);
  });

  it('refuses whoever comes to a full queue, and nobody else', async () => {
    const { begun, run } = open(1, 1);
    const works = [1, 2, 3].map((id) => run(id));
    await expect(works[2]!.done).rejects.toBe(full);
    for (const { door } of works) door.open();
    expect(await Promise.all(works.slice(0, 2).map(({ done }) => done))).toEqual([1, 2]);
    expect(begun).toEqual([1, 2]);
  });

  it('without a queue refuses at once', async () => {
    const { run } = open(1, 0);
    const first = run(1);
    await expect(run(2).done).rejects.toBe(full);
    first.door.open();
    expect(await first.done).toBe(1);
    const next = run(3);
    next.door.open();
    expect(await next.done).toBe(3);
  });

  it('has room for any number where the queue is endless', async () => {
    const { run } = open(1, Number.POSITIVE_INFINITY);
    const works = Array.from({ length: 1_000 }, (_each, id) => run(id));
    for (const { door } of works) door.open();
    expect(await Promise.all(works.map(({ done }) => done))).toHaveLength(1_000);
  });

  it('does not run what was left while it waited, and has its place in the queue for others', async () => {
    const { bulkhead, begun, run } = open(1, 1);
    const running = new Patient();
    const first = run(1, running);
    expect(bulkhead.leave(running)).toBe(false);
    const caller = new Patient();
    run(2, caller);
    await expect(run(3).done).rejects.toBe(full);
    expect([bulkhead.leave(caller), bulkhead.leave(caller)]).toEqual([true, false]);
    const next = run(4);
    for (const { door } of [first, next]) door.open();
    expect([await first.done, await next.done]).toEqual([1, 4]);
    expect([begun, bulkhead.isFull]).toEqual([[1, 4], false]);
  });

  it('gives room back where the work fails, with its own error', async () => {
    const bulkhead = new Bulkhead({ concurrent: 1, queue: 0 });
    const error = new Error('own');
    for (const work of [
      () => Promise.reject(error),
      () => {
        throw error;
      },
    ]) {
      await expect(bulkhead.run(work, new Patient())).rejects.toBe(error);
    }
    expect(await bulkhead.run(async () => 'next', new Patient())).toBe('next');
  });
});
