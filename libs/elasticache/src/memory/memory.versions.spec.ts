import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MemoryVersions } from './memory.versions.js';

describe('The versions in memory', () => {
  it('tell what was evicted since', () => {
    const versions = new MemoryVersions();
    const before = versions.now;
    versions.evict(['a', 'b']);
    expect(versions.evictedSince(['x', 'b', 'a'], before)).toBe('b');
    expect(versions.evictedSince(['x'], before)).toBeUndefined();
    expect(versions.evictedSince([], before)).toBeUndefined();
    expect(versions.evictedSince(['a', 'b'], versions.now)).toBeUndefined();
  });

  it('move with every eviction, of whatever', () => {
    const versions = new MemoryVersions();
    const seen = [versions.now];
    for (const tags of [['a'], ['a'], ['b', 'c'], []]) {
      versions.evict(tags);
      seen.push(versions.now);
    }
    expect(new Set(seen).size).toBe(5);
  });

  it('say the same as one who remembers everything', () => {
    const tags = fc.subarray(['a', 'b', 'c', 'd', 'e']);
    const steps = fc.array(fc.tuple(tags, tags, fc.nat(20)), { maxLength: 30 });
    fc.assert(
      fc.property(steps, (history) => {
        const [versions, evictions] = [new MemoryVersions(), [] as string[][]];
        const counts = [versions.now];
        for (const [evicted, asked, at] of history) {
          versions.evict(evicted);
          evictions.push(evicted);
          counts.push(versions.now);
          const since = Math.min(at, evictions.length);
          const gone = new Set(evictions.slice(since).flat());
          const found = versions.evictedSince(asked, counts[since]!);
          expect(found).toBe(asked.find((tag) => gone.has(tag)));
        }
      }),
    );
  });

  it('forget the oldest evictions of many, and then count everything older as evicted', () => {
    const versions = new MemoryVersions();
    const oldest = versions.now;
    versions.evict(['first']);
    const old = versions.now;
    for (let i = 0; i < 12_000; i++) versions.evict([`tag${i}`]);
    const { size } = (versions as unknown as { evicted: Map<string, number> }).evicted;
    expect(size).toBeLessThanOrEqual(10_000);
    expect(versions.evictedSince(['first'], oldest)).toBe('first');
    expect(versions.evictedSince(['never'], old)).toBe('never');
    expect(versions.evictedSince(['tag11999'], versions.now - 1)).toBe('tag11999');
    expect(versions.evictedSince(['tag11998', 'never'], versions.now - 1)).toBeUndefined();
  });

  it('forget none that was evicted again since', () => {
    const versions = new MemoryVersions();
    versions.evict(['again']);
    const counts: number[] = [];
    for (let i = 0; i < 12_000; i++) {
      counts.push(versions.now);
      versions.evict(i === 5_000 ? ['again'] : [`tag${i}`]);
    }
    expect(versions.evictedSince(['again'], counts[5_000]!)).toBe('again');
    expect(versions.evictedSince(['again'], counts[5_001]!)).toBeUndefined();
    expect(versions.evictedSince(['never'], counts[2_500]!)).toBeUndefined(); // no more than must be
  });

  it('take in more tags at once than they remember', () => {
    const versions = new MemoryVersions();
    const before = versions.now;
    const tags = Array.from({ length: 12_000 }, (_each, i) => `tag${i}`);
    versions.evict(tags);
    for (const tag of tags) expect(versions.evictedSince([tag], before)).toBe(tag);
    expect(versions.evictedSince(tags, versions.now)).toBeUndefined();
  });
});
