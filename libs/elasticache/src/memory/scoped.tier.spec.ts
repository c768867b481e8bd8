import { describe, expect, it } from '@jest/globals';

import { glob } from '../key/glob.js';
import { BoundedMemoryTier, type Eviction } from './memory.tier.js';
import { MemoryVersions } from './memory.versions.js';
import { Prefixes, ScopedTier } from './scoped.tier.js';

const NOW = 10_000;

function open({ maxEntries = 100, eviction = 'lru' as Eviction } = {}) {
  const tier = new BoundedMemoryTier({
    maxEntries,
    maxBytes: undefined,
    eviction,
    isolation: 'clone',
    ttlMs: Infinity,
    idleMs: undefined,
    refreshAhead: undefined,
    versions: new MemoryVersions(),
    where: "cache 'test'",
  });
  const prefixes = new Prefixes();
  const scope = () => new ScopedTier(tier, prefixes);
  const put = (to: ScopedTier, text: string, value: unknown = text) => {
    const entry = { value, createdAt: NOW, expiresAt: NOW + 60_000 };
    to.set({ text, entry, lifeMs: 60_000 }, 0, NOW);
  };
  const has = (in_: ScopedTier, text: string) => in_.get(text, NOW) !== undefined;
  return { tier, scope, put, has };
}

describe('The memory of one scope', () => {
  const texts = ['7', '1:7', '', ':', 'x'.repeat(2_000)];

  it('is its own, whatever the keys', () => {
    const { scope, put, has } = open();
    const scopes = [scope(), scope(), scope()];
    for (const [i, one] of scopes.entries()) for (const text of texts) put(one, text, i);
    for (const [i, one] of scopes.entries()) {
      for (const text of texts) expect(one.get(text, NOW)?.value).toBe(i);
    }
    for (const text of texts) scopes[0]!.delete(text);
    for (const text of texts)
      expect([has(scopes[0]!, text), has(scopes[1]!, text)]).toEqual([false, true]);
  });

  it('is emptied alone, in one step, by a pattern or as a whole', () => {
    const { scope, put, has } = open();
    const [one, other] = [scope(), scope()];
    for (const text of ['a1', 'a2', 'b']) for (const each of [one, other]) put(each, text);
    expect(one.deleteMatching(glob`a*`)).toBe(2);
    expect(['a1', 'b'].map((text) => has(one, text))).toEqual([false, true]);
    one.deleteMatching();
    expect([has(one, 'b'), has(other, 'a1'), has(other, 'b')]).toEqual([false, true, true]);
    put(one, 'b', 'again');
    expect(one.get('b', NOW)?.value).toBe('again');
  });

  it.each(['lru', 'lfu'] as const)('has its bounds in common with the others, %s', (eviction) => {
    const { scope, put, has } = open({ maxEntries: 50, eviction });
    const scopes = Array.from({ length: 100 }, scope);
    for (const one of scopes) put(one, '7');
    expect(scopes.filter((one) => has(one, '7')).length).toBeLessThanOrEqual(50);
  });

  it('makes room again after it was emptied', () => {
    const { scope, put, has } = open({ maxEntries: 10 });
    const one = scope();
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 10; i++) put(one, `${i}`);
      expect(has(one, '9')).toBe(true);
      one.deleteMatching();
      expect(has(one, '9')).toBe(false);
    }
  });
});
