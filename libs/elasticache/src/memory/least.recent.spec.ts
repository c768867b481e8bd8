import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LRUCache } from 'lru-cache';
import { LeastRecent, Link, type Linked } from './least.recent.js';

class Node extends Link implements Linked {
  constructor(
    readonly key: string,
    readonly size: number,
  ) {
    super();
  }
}

const MAX = 5;
const MAX_BYTES = 20;

const key = fc.constantFrom(...'abcdefgh');
const set = fc.record({
  what: fc.constant('set' as const),
  key,
  size: fc.integer({ min: 1, max: 24 }),
});
const step = fc.oneof(
  { weight: 20, arbitrary: set },
  { weight: 10, arbitrary: fc.record({ what: fc.constant('get' as const), key }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('delete' as const), key }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('clear' as const), key }) },
);

/** Both in their order of use, which `get` of lru-cache changes, too. */
function play(table: LeastRecent<Node>, model: LRUCache<string, Node>, one: typeof step) {
  return fc.property(fc.array(one, { minLength: 30, maxLength: 60 }), (steps) => {
    table.clear();
    model.clear();
    for (const each of steps) {
      const node = 'size' in each ? new Node(each.key, each.size) : undefined;
      if (each.what === 'get') expect(table.get(each.key)).toBe(model.get(each.key));
      if (each.what === 'delete') expect(table.delete(each.key)).toBe(model.delete(each.key));
      if (each.what === 'clear') {
        table.clear();
        model.clear();
      }
      if (node !== undefined) {
        model.set(each.key, node);
        expect(table.set(each.key, node)).toBe(model.has(each.key));
      }
      expect([...table.keys()].toSorted((a, b) => (a < b ? -1 : 1))).toEqual(
        [...model.keys()].toSorted((a, b) => (a < b ? -1 : 1)),
      );
      expect(table.size).toBe(model.size);
    }
  });
}

describe('The table of what was used last', () => {
  it('keeps what lru-cache keeps, by number', () => {
    const table = new LeastRecent<Node>({ max: MAX });
    fc.assert(play(table, new LRUCache({ max: MAX }), step));
  });

  it('keeps what lru-cache keeps, by number and size', () => {
    const bytes = { max: MAX_BYTES, of: ({ size }: Node) => size };
    const table = new LeastRecent<Node>({ max: MAX, bytes });
    const sizeCalculation = ({ size }: Node) => size;
    fc.assert(play(table, new LRUCache({ max: MAX, maxSize: MAX_BYTES, sizeCalculation }), step));
  });
});
