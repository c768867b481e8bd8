import { describe, expect, it } from '@jest/globals';
import { BoundedMemoryTier, type Isolation } from './memory.tier.js';
import { MemoryVersions } from './memory.versions.js';
import { NearNames, NearTier } from './near.tier.js';

const NOW = 10_000;
const MAX_STALENESS_MS = 1_000;
const entryOf = (value: object, expiresAt = NOW + 60_000) => ({ value, createdAt: 0, expiresAt });

function open(isolation: Isolation = 'clone', maxBytes?: number) {
  const others = {
    confirmedAt: NOW,
    lastConfirmedAt: NOW,
    doubt() {
      others.confirmedAt = -Infinity;
    },
  };
  const sequence = { now: 0 };
  const tier = new BoundedMemoryTier({
    maxEntries: 100,
    maxBytes,
    eviction: 'lru',
    isolation,
    ttlMs: Infinity,
    idleMs: undefined,
    refreshAhead: undefined,
    versions: new MemoryVersions(sequence),
    where: "cache 'test'",
  });
  const keys = new MemoryVersions(sequence);
  const near = new NearTier({ tier, others, keys, maxStalenessMs: MAX_STALENESS_MS });
  const fill = (entry: ReturnType<typeof entryOf>) => near.fill('7', entry, near.count, NOW);
  return { near, tier, keys, others, fill };
}

describe('A copy in front of the shared tier', () => {
  it('is a hit while others are known to have been heard', () => {
    const { near, others, fill } = open();
    fill(entryOf({ n: 1 }));
    expect(near.get('7', NOW + MAX_STALENESS_MS - 1)?.value).toEqual({ n: 1 });
    expect(near.get('7', NOW + MAX_STALENESS_MS)).toBeUndefined();
    others.confirmedAt = NOW + MAX_STALENESS_MS;
    expect(near.get('7', NOW + MAX_STALENESS_MS)?.value).toEqual({ n: 1 });
  });

  it('is none once the clock was set back, nor when it comes round again', () => {
    const { near, fill } = open();
    fill(entryOf({ n: 1 }));
    expect(near.get('7', NOW - 1)).toBeUndefined();
    expect(near.get('7', NOW + 1)).toBeUndefined();
  });

  it('is not taken before anybody listens', () => {
    const { near, others, fill } = open();
    others.doubt();
    fill(entryOf({ n: 1 }));
    others.confirmedAt = NOW;
    expect(near.get('7', NOW)).toBeUndefined();
  });

  it.each(['clone', 'freeze', 'shared'] as const)(
    'gives way to a newer entry that is not kept: an expired one, or one too large (%s)',
    (isolation) => {
      for (const newer of [entryOf({ n: 2 }, NOW), entryOf({ n: 2, text: 'x'.repeat(9_000) })]) {
        const { near, fill } = open(isolation, 5_000);
        fill(entryOf({ n: 1 }));
        expect(near.get('7', NOW)).toBeDefined();
        expect(near.handOutAny(fill(newer))).toMatchObject({ n: 2 });
        expect(near.get('7', NOW)).toBeUndefined();
      }
    },
  );
});

describe('Copies of a scope that was forgotten', () => {
  it('are none any more, and none comes in', () => {
    const { near, fill } = open();
    fill(entryOf({ n: 1 }));
    near.retire();
    expect(near.get('7', NOW)).toBeUndefined();
    fill(entryOf({ n: 2 }));
    expect(near.get('7', NOW)).toBeUndefined();
  });
});

describe('Copies whose keys have other names outside', () => {
  const named = (most: number) => {
    const { tier, others, keys } = open();
    const forget = (text: string) => void tier.delete(text);
    const names = new NearNames((text) => `#${text}`, { most, forget });
    return new NearTier({ tier, others, keys, maxStalenessMs: MAX_STALENESS_MS, names });
  };

  it('go by these when they are invalidated, and by no others', () => {
    const near = named(10);
    for (const text of ['7', '8']) near.fill(text, entryOf({ text }), near.count, NOW);
    near.drop(['7', '#8']);
    expect(near.get('7', NOW)).toBeDefined();
    expect(near.get('8', NOW)).toBeUndefined();
  });

  it('are not filled with what was invalidated on its way', () => {
    const near = named(10);
    const { count } = near;
    near.drop(['#7']);
    near.fill('7', entryOf({ n: 1 }), count, NOW);
    expect(near.get('7', NOW)).toBeUndefined();
  });

  it('go where their names are forgotten: nothing could reach them any more', () => {
    const near = named(2);
    for (const text of ['1', '2', '3']) near.fill(text, entryOf({ text }), near.count, NOW);
    expect(near.get('1', NOW)).toBeUndefined();
    expect(near.get('3', NOW)).toBeDefined();
  });
});
