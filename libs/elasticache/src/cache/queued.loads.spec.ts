import { describe, expect, it } from '@jest/globals';
import { gate } from '../../../../test/support/gate.js';
import { Deadline } from '../resilience/deadline.js';
import { systemClock } from '../time/clock.js';
import type { Loaded } from './flight.js';
import { type Queued, type QueuedLoad, QueuedLoads } from './queued.loads.js';

const LONG_MS = 10_000;
const SOON_MS = 20;

/** Loads of one key that wait at doors, and are numbered in the order in which they begin. */
function open(patienceMs = LONG_MS) {
  const loads = new QueuedLoads(new Deadline(patienceMs, systemClock));
  const doors: ReturnType<typeof gate>[] = [];
  const began: ReturnType<typeof gate>[] = [];
  const at = (list: ReturnType<typeof gate>[], i: number) => (list[i] ??= gate());
  let count = 0;
  const load = async (): Promise<Loaded> => {
    const own = count++;
    at(began, own).open();
    await at(doors, own).opened;
    return { value: { load: own } };
  };
  const copy = (value: unknown) => structuredClone(value);
  return {
    loads,
    run: (more: Partial<QueuedLoad> = {}, text = '7') =>
      loads.run(text, { load, certain: true, copy, ...more }),
    began: (i: number) => at(began, i).opened,
    end: (i: number) => at(doors, i).open(),
    count: () => count,
  };
}

const shown = ({ loaded, own }: Queued) => [(loaded.value as { load: number }).load, own];
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('Loads that are not stored', () => {
  it('are one for the calls of one turn, and each gets a value of its own', async () => {
    const { run, end } = open();
    end(0);
    const results = await Promise.all([run(), run(), run()]);
    expect(results.map(shown)).toEqual([
      [0, true],
      [0, false],
      [0, false],
    ]);
    expect(new Set(results.map(({ loaded }) => loaded.value)).size).toBe(3);
  });

  it('are two at most: who comes while one runs shares the next, which begins after it', async () => {
    const { run, began, end, count } = open();
    const first = run();
    await began(0);
    const later = [run(), run(), run()];
    await turn();
    expect(count()).toBe(1);
    end(0);
    expect(shown(await first)).toEqual([0, true]);
    await began(1);
    const last = run();
    end(1);
    expect((await Promise.all(later)).map(shown)).toEqual([
      [1, true],
      [1, false],
      [1, false],
    ]);
    end(2);
    expect(shown(await last)).toEqual([2, true]);
  });

  it('bring nobody a value that began to be made before his call', async () => {
    const { run, end } = open();
    for (let i = 0; i < 200; i++) end(i);
    let began = 0;
    const calls = Array.from({ length: 200 }, async (_each, i) => {
      for (let turns = 0; turns < i % 7; turns++) await turn();
      const before = began;
      const { loaded } = await run({
        load: async () => {
          const own = ++began;
          await turn();
          await turn();
          return { value: own };
        },
      });
      expect(loaded.value).toBeGreaterThan(before);
    });
    await Promise.all(calls);
    expect(began).toBeLessThan(20);
  });

  it('fail for all who share them, and for no others', async () => {
    const { run, began, end } = open();
    const error = new Error('own');
    const failing = { load: () => Promise.reject(error) };
    const first = run();
    await began(0);
    const settled = Promise.allSettled([run(failing), run(), run()]);
    end(0);
    expect(shown(await first)).toEqual([0, true]);
    for (const outcome of await settled) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: error });
    }
    end(1);
    expect(shown(await run())).toEqual([1, true]);
  });

  it('that fail let the next one begin', async () => {
    const { run, began, end } = open();
    let fail = (_error: unknown) => {};
    const first = run({ load: () => new Promise((_resolve, reject) => (fail = reject)) });
    await turn();
    const second = run();
    fail(new Error('own'));
    await expect(first).rejects.toThrow('own');
    await began(0);
    end(0);
    expect(shown(await second)).toEqual([0, true]);
  });

  it('are not shared where they may end without a value, or have none to share', async () => {
    const { run, end, count } = open();
    for (const i of [0, 1, 2, 3]) end(i);
    const uncertain = await Promise.all([run({ certain: false }), run()]);
    expect(uncertain.map(({ own }) => own)).toEqual([true, true]);
    expect(count()).toBe(2);
    const unshared = { load: async () => ({ value: { load: -1 }, unshared: true }) };
    const results = await Promise.all([run(unshared), run()]);
    expect(results.map(shown)).toEqual([
      [-1, true],
      [2, true],
    ]);
  });

  it('of different keys are apart', async () => {
    const { run, began, end } = open();
    const first = run({}, 'a');
    await began(0);
    const second = run({}, 'b');
    await began(1);
    end(1);
    expect(shown(await second)).toEqual([1, true]);
    end(0);
    await first;
  });

  it('wait no longer for the one before than they have patience', async () => {
    const { run, began, end } = open(SOON_MS);
    const hanging = run();
    await began(0);
    const [second, third] = [run(), run()];
    await began(1);
    for (const i of [1, 2]) end(i);
    expect(shown(await second)).toEqual([1, true]);
    expect([1, 2]).toContain(shown(await third)[0]); // its patience ended, too
    end(0);
    expect(shown(await hanging)).toEqual([0, true]);
  });

  it('do not wait for themselves', async () => {
    const { loads, run, end } = open();
    end(0);
    const copy = (value: unknown) => value;
    const outer = loads.run('7', {
      load: async () => (await run()).loaded,
      certain: true,
      copy,
    });
    expect(shown(await outer)).toEqual([0, true]);
    const chain = (texts: string[]): Promise<Loaded> => {
      const [text, ...rest] = texts;
      if (text === undefined) return Promise.resolve({ value: 'end' });
      return loads
        .run(text, { load: () => chain(rest), certain: true, copy })
        .then(({ loaded }) => loaded);
    };
    const both = await Promise.all([chain(['a', 'b', 'a', 'b']), chain(['b', 'a', 'b', 'a'])]);
    expect(both.map(({ value }) => value)).toEqual(['end', 'end']);
  });

  it('can be left by who shares them', async () => {
    const { run, began, end } = open();
    const first = run();
    await began(0);
    const second = run();
    let left = 0;
    const joiner = run({
      onJoin: (leave) => {
        left++;
        leave();
      },
    });
    let isSettled = false;
    joiner.finally(() => (isSettled = true)).catch(() => undefined);
    end(0);
    end(1);
    await Promise.all([first, second]);
    await turn();
    expect([left, isSettled]).toEqual([1, false]);
  });

  it('leave nothing behind', async () => {
    const { loads, run, end } = open();
    for (let i = 0; i < 20; i++) end(i);
    await Promise.allSettled([
      run(),
      run({}, 'b'),
      run({ load: () => Promise.reject(new Error()) }),
    ]);
    const { running, queued } = loads as unknown as Record<
      'running' | 'queued',
      Map<string, unknown>
    >;
    expect([running.size, queued.size]).toEqual([0, 0]);
  });
});
