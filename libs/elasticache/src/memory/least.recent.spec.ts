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

type Gone = readonly [Node, 'replaced' | 'size'];

/** Both in their order of use, which `get` of lru-cache changes, too; and what each has pushed out. */
function play(bounds: LRUCache.Options<string, Node, unknown>, table: LeastRecent<Node>) {
  return fc.property(fc.array(step, { minLength: 30, maxLength: 60 }), (steps) => {
    const [gone, modelGone]: [Gone[], Gone[]] = [[], []];
    const model = new LRUCache<string, Node>({
      ...bounds,
      dispose(node, _, reason) {
        if (reason === 'evict') modelGone.push([node, 'size']);
        if (reason === 'set') modelGone.push([node, 'replaced']);
      },
    });
    table.clear();
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
        const isKept = table.set(each.key, node, (old, cause) => gone.push([old, cause]));
        expect(isKept).toBe(model.has(each.key));
      }
      expect([...table.keys()].toSorted((a, b) => (a < b ? -1 : 1))).toEqual(
        [...model.keys()].toSorted((a, b) => (a < b ? -1 : 1)),
      );
      expect(table.size).toBe(model.size);
      expect(gone).toEqual(modelGone);
    }
  });
}

describe('The table of what was used last', () => {
  it('keeps what lru-cache keeps, by number', () => {
    const table = new LeastRecent<Node>({ max: MAX });
    fc.assert(play({ max: MAX }, table));
  });

  it('keeps what lru-cache keeps, by number and size', () => {
    const bytes = { max: MAX_BYTES, of: ({ size }: Node) => size };
    const table = new LeastRecent<Node>({ max: MAX, bytes });
    const sizeCalculation = ({ size }: Node) => size;
    fc.assert(play({ max: MAX, maxSize: MAX_BYTES, sizeCalculation }, table));
  });
});
