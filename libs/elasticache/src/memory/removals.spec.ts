import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { glob } from '../key/glob.js';
import { BoundedMemoryTier, type Eviction, type MemoryTierSettings } from './memory.tier.js';
import { MemoryVersions } from './memory.versions.js';
import { noRemovals } from './removals.js';

const NOW = 1_000;
const evictions: Eviction[] = ['lru', 'lfu'];

function open(settings: Partial<MemoryTierSettings>) {
  const versions = new MemoryVersions();
  const tier = new BoundedMemoryTier({
    maxEntries: 100,
    maxBytes: undefined,
    eviction: 'lru',
    isolation: 'shared',
    ttlMs: Infinity,
    idleMs: undefined,
    refreshAhead: undefined,
    where: "cache 'test'",
    versions,
    ...settings,
  });
  const set = (text: string, { value = '', lifeMs = 100, now = NOW, tags = [] as string[] } = {}) =>
    tier.set(
      { text, entry: { value, createdAt: now, expiresAt: now + lifeMs, tags }, lifeMs },
      versions.now,
      now,
    );
  return { tier, versions, set };
}

describe.each(evictions)('What leaves memory is counted by why, %s', (eviction) => {
  it('an invalidation', () => {
    const { tier, set } = open({ eviction });
    for (const text of ['a', 'b1', 'b2', 'c']) set(text);
    tier.delete('a');
    tier.delete('a');
    tier.deleteMatching(glob`b*`);
    tier.deleteMatching();
    expect(tier.removals).toEqual({ ...noRemovals(), explicit: 4 });
  });

  it('a newer value, unless the old one was none any more', () => {
    const { tier, set, versions } = open({ eviction });
    set('a');
    set('a');
    expect(tier.removals).toEqual({ ...noRemovals(), replaced: 1 });
    set('a', { now: NOW + 100, tags: ['t'] });
    expect(tier.removals).toEqual({ ...noRemovals(), replaced: 1, expired: 1 });
    versions.evict(['t']);
    set('a', { now: NOW + 100 });
    expect(tier.removals).toEqual({ ...noRemovals(), replaced: 1, expired: 1, explicit: 1 });
  });

  it('the end of its life', () => {
    const { tier, set } = open({ eviction });
    set('a');
    tier.peek('a', NOW + 99);
    expect(tier.removals).toEqual(noRemovals());
    tier.peek('a', NOW + 100);
    tier.peek('a', NOW + 100);
    expect(tier.removals).toEqual({ ...noRemovals(), expired: 1 });
  });

  it('the room of others, unless it was none any more', () => {
    const { tier, set } = open({ eviction, maxEntries: 2 });
    for (const text of ['a', 'b', 'c']) set(text);
    expect(tier.removals).toEqual({ ...noRemovals(), size: 1 });
    set('d', { now: NOW + 100 });
    expect(tier.removals).toEqual({ ...noRemovals(), size: 1, expired: 1 });
  });

  it('what it is told, where an eviction is none', () => {
    const { tier, set } = open({ eviction });
    for (const text of ['a', 'b']) set(text);
    tier.delete('a', 'replaced');
    tier.deleteMatching(undefined, 'unconfirmed');
    expect(tier.removals).toEqual({ ...noRemovals(), replaced: 1, unconfirmed: 1 });
  });

  it('and nothing else: what was stored is either there or counted', () => {
    const step = fc.record({
      what: fc.constantFrom('set', 'set', 'set', 'set', 'peek', 'delete', 'clear'),
      text: fc.constantFrom(...'abcdefgh'),
      value: fc.integer({ min: 0, max: 60 }).map((length) => 'x'.repeat(length)),
      lifeMs: fc.integer({ min: 1, max: 20 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { tier, set } = open({ eviction, maxEntries: 5, maxBytes: 150 });
        let stored = 0;
        for (const [n, { what, text, value, lifeMs }] of steps.entries()) {
          if (what === 'set' && set(text, { value, lifeMs, now: NOW + n })) stored++;
          if (what === 'peek') tier.peek(text, NOW + n);
          if (what === 'delete') tier.delete(text);
          if (what === 'clear') tier.deleteMatching();
        }
        const gone = Object.values(tier.removals).reduce((sum, count) => sum + count, 0);
        expect(gone + tier.deleteMatching()).toBe(stored);
      }),
    );
  });
});
