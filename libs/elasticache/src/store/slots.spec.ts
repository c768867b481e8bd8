import { describe, expect, it } from '@jest/globals';
import slotOf from 'cluster-key-slot';
import { bySlot, chunks } from './slots.js';

describe('Keys by their slot', () => {
  it('are together where they hash alike, in their order, and each is there once', () => {
    const keys = Array.from({ length: 1_000 }, (_each, i) => `{${i % 40}}:${i}`);
    const groups = bySlot(keys, (key) => key);
    expect(groups).toHaveLength(40);
    for (const group of groups) {
      expect(new Set(group.map(slotOf)).size).toBe(1);
      expect(group).toEqual(keys.filter((key) => group.includes(key)));
    }
    expect(groups.flat().sort()).toEqual([...keys].sort());
  });

  it('hash as Redis says', () => {
    const known: [string, number][] = [
      ['123456789', 12_739],
      ['foo', 12_182],
      ['{user1000}.following', 3_443],
      ['{user1000}.followers', 3_443],
    ];
    for (const [key, slot] of known) expect(slotOf(key)).toBe(slot);
    const items = known.map(([key]) => ({ key }));
    expect(bySlot(items, ({ key }) => key).map((group) => group.length)).toEqual([1, 1, 2]);
    expect(bySlot([], String)).toEqual([]);
  });
});

describe('Parts', () => {
  it.each([
    [0, []],
    [1, [[0]]],
    [3, [[0, 1, 2]]],
    [4, [[0, 1, 2], [3]]],
    [
      6,
      [
        [0, 1, 2],
        [3, 4, 5],
      ],
    ],
  ])('of %d items are of three at most', (count, expected) => {
    expect(
      chunks(
        Array.from({ length: count }, (_each, i) => i),
        3,
      ),
    ).toEqual(expected);
  });
});
