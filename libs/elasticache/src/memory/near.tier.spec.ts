import { describe, expect, it } from '@jest/globals';
import { BoundedMemoryTier, type Isolation } from './memory.tier.js';
import { MemoryVersions } from './memory.versions.js';
import { NearTier } from './near.tier.js';

const NOW = 10_000;
const MAX_STALENESS_MS = 1_000;
const entryOf = (value: object, expiresAt = NOW + 60_000) => ({ value, createdAt: 0, expiresAt });

function open(isolation: Isolation = 'clone', maxBytes?: number) {
  const others = {
    confirmedAt: NOW,
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
  return { near, others, fill };
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
