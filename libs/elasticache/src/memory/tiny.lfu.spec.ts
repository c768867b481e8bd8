import { describe, expect, it } from '@jest/globals';
import { LRUCache } from 'lru-cache';
import { FrequencySketch, hashOf } from './frequency.sketch.js';
import { TinyLfu } from './tiny.lfu.js';

const ROOM = 1_000;

/** The same numbers, run by run. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Draws keys of which the n-th comes 1 / n^skew as often as the first. */
function zipf(keys: number, skew: number, seed: number): () => string {
  const random = randomOf(seed);
  const sums: number[] = [];
  let sum = 0;
  for (let n = 1; n <= keys; n++) sums.push((sum += n ** -skew));
  return () => {
    const at = random() * sum;
    let [low, high] = [0, keys - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! < at) low = middle + 1;
      else high = middle;
    }
    return `hot:${low}`;
  };
}

interface Table {
  get(key: string): unknown;
  set(key: string, value: string): unknown;
}

const lfu = (max = ROOM) => new TinyLfu<string>({ max, weightOf: () => 1 });
const lru = (max = ROOM) => new LRUCache<string, string>({ max });

/** The share of reads that were hits; a miss is stored. */
function hitRatio(table: Table, reads: number, draw: (n: number) => string): number {
  let hits = 0;
  for (let n = 0; n < reads; n++) {
    const key = draw(n);
    if (table.get(key) === undefined) table.set(key, key);
    else hits++;
  }
  return hits / reads;
}

describe('W-TinyLFU', () => {
  it('keeps what is set, replaces, deletes and clears', () => {
    const table = lfu(10);
    expect([table.set('a', '1'), table.set('b', '2'), table.set('a', '3')]).toEqual([
      true,
      true,
      true,
    ]);
    expect([table.get('a'), table.get('b'), table.get('c'), table.size]).toEqual([
      '3',
      '2',
      undefined,
      2,
    ]);
    expect([table.delete('a'), table.delete('a'), table.get('a')]).toEqual([
      true,
      false,
      undefined,
    ]);
    expect([...table.keys()]).toEqual(['b']);
    table.clear();
    expect([table.size, table.get('b')]).toEqual([0, undefined]);
    table.set('c', '4');
    expect(table.get('c')).toBe('4');
  });

  it('keeps to its room, whatever comes', () => {
    const random = randomOf(1);
    const weights = new Map<string, number>();
    const table = new TinyLfu<number>({ max: 100, weightOf: (weight) => weight });
    for (let n = 0; n < 20_000; n++) {
      const key = String(Math.floor(random() * 300));
      const weight = 1 + Math.floor(random() ** 4 * 120);
      if (random() < 0.5) table.get(key);
      else if (random() < 0.1) table.delete(key);
      else {
        weights.set(key, weight);
        table.set(key, weight);
      }
      let held = 0;
      for (const one of table.keys()) held += weights.get(String(one))!;
      expect(held).toBeLessThanOrEqual(100);
    }
    expect(table.size).toBeGreaterThan(5);
  });

  it('keeps the one that came last, and none that is too large for it', () => {
    const table = new TinyLfu<number>({ max: 10, weightOf: (weight) => weight });
    for (let n = 0; n < 100; n++) {
      table.set(`key${n}`, 1);
      expect(table.get(`key${n}`)).toBe(1);
    }
    expect(table.set('key99', 11)).toBe(false);
    expect(table.get('key99')).toBeUndefined();
  });

  it.each([0.7, 0.8, 0.9, 1, 1.1])('hits as often as LRU or more on Zipf %d', (skew) => {
    for (const seed of [1, 2]) {
      const ratio = (table: Table) => hitRatio(table, 100_000, zipf(20_000, skew, seed));
      expect(ratio(lfu())).toBeGreaterThanOrEqual(ratio(lru()));
    }
  });

  it('hits in a loop that is longer than its room, where LRU never does', () => {
    const loop = (n: number) => `key${n % (2 * ROOM)}`;
    expect(hitRatio(lru(), 50_000, loop)).toBe(0);
    expect(hitRatio(lfu(), 50_000, loop)).toBeGreaterThan(0.2);
  });

  it('hits more often than LRU where scans come between', () => {
    const mixed = () => {
      const draw = zipf(5_000, 0.9, 3);
      return (n: number) => (n % 10_000 < 5_000 ? draw() : `cold:${n}`);
    };
    expect(hitRatio(lfu(), 200_000, mixed())).toBeGreaterThan(hitRatio(lru(), 200_000, mixed()));
  });

  it('keeps its hot keys through a scan of a million cold ones', () => {
    const after = (table: Table, scan: number) => {
      const draw = zipf(5_000, 0.9, 4);
      hitRatio(table, 50_000, draw);
      hitRatio(table, scan, (n) => `cold:${n}`);
      return hitRatio(table, 300, draw);
    };
    // Of LRU everything is gone after as many as it has room for.
    expect(after(lfu(), 1_000_000)).toBeGreaterThan(2 * after(lru(), ROOM));
  });

  it('lets what was hot long ago make way', () => {
    const table = lfu(100);
    hitRatio(table, 20_000, (n) => `old:${n % 100}`);
    hitRatio(table, 20_000, (n) => `new:${n % 100}`);
    expect(hitRatio(table, 1_000, (n) => `new:${n % 100}`)).toBeGreaterThan(0.9);
  });
});

describe('The frequency sketch', () => {
  it('counts up to fifteen, and never too little', () => {
    const sketch = new FrequencySketch(1_000);
    const hash = hashOf('7');
    for (let n = 1; n <= 20; n++) {
      sketch.add(hash);
      expect(sketch.estimate(hash)).toBeGreaterThanOrEqual(Math.min(n, 15));
    }
    expect(sketch.estimate(hash)).toBe(15);
  });

  it('seldom takes one key for another', () => {
    const sketch = new FrequencySketch(1_000);
    for (let n = 0; n < 1_000; n++) sketch.add(hashOf(`key${n}`));
    const wrong = Array.from({ length: 1_000 }, (_, n) => sketch.estimate(hashOf(`other${n}`)));
    expect(wrong.filter((count) => count > 0).length).toBeLessThan(50);
  });

  it('forgets by halves', () => {
    const sketch = new FrequencySketch(100);
    const hash = hashOf('7');
    for (let n = 0; n < 12; n++) sketch.add(hash);
    for (let n = 0; n < 1_000; n++) sketch.add(hashOf(`key${n}`));
    expect(sketch.estimate(hash)).toBeLessThan(12);
  });
});
