import { describe, expect, it } from '@jest/globals';
import { CacheSerializationError } from '../errors/cache.errors.js';
import { glob } from '../key/glob.js';
import type { Entry } from '../entry/cache.entry.js';
import { BoundedMemoryTier, type MemoryTierSettings, noMemory } from './memory.tier.js';
import { MemoryVersions } from './memory.versions.js';

const NOW = 1_000;

function open(settings: Partial<MemoryTierSettings> = {}) {
  const versions = settings.versions ?? new MemoryVersions();
  const tier = new BoundedMemoryTier({
    maxEntries: 100,
    maxBytes: undefined,
    eviction: 'lru',
    isolation: 'clone',
    ttlMs: Infinity,
    idleMs: undefined,
    refreshAhead: undefined,
    where: "cache 'test'",
    ...settings,
    versions,
  });
  const put = (text: string, entry: Entry, { lifeMs = entry.expiresAt - entry.createdAt } = {}) =>
    tier.set({ text, entry, lifeMs }, versions.now, entry.createdAt);
  return {
    tier,
    versions,
    put,
    set: (text: string, value: unknown, expiresAt = Infinity, now = NOW) =>
      put(text, { value, createdAt: now, expiresAt }),
    /** The value as a caller gets it, at a time. */
    read(text: string, now = NOW): unknown {
      const entry = tier.get(text, now);
      return entry && tier.handOut(entry);
    },
    has: (text: string, now = NOW) => tier.get(text, now) !== undefined,
  };
}

describe('The memory tier', () => {
  it('answers with the entry, its times and emissions', () => {
    const { tier, put } = open();
    const entry = { value: [1], createdAt: 1, expiresAt: 2_000, emissions: true, tags: ['a'] };
    put('7', entry);
    expect(tier.get('7', NOW)).toMatchObject(entry);
    expect(tier.peek('7', NOW)).toMatchObject(entry);
    expect([tier.get('8', NOW), tier.peek('8', NOW)]).toEqual([undefined, undefined]);
  });

  it('replaces, deletes, and says whether there was something', () => {
    const { tier, set, read } = open();
    set('7', 'old');
    set('7', 'new');
    expect(read('7')).toBe('new');
    expect([tier.delete('7'), tier.delete('7')]).toEqual([true, false]);
    expect(read('7')).toBeUndefined();
  });

  it('deletes what matches and counts it; without a pattern all', () => {
    const { tier, set, has } = open();
    for (const text of ['user:1:a', 'user:1:b', 'user:2:a', 'x']) set(text, 0);
    expect(tier.deleteMatching(glob`user:${1}:*`)).toBe(2);
    expect([has('user:1:a'), has('user:2:a')]).toEqual([false, true]);
    expect(tier.deleteMatching()).toBe(2);
    expect(tier.deleteMatching()).toBe(0);
  });

  describe('makes room', () => {
    it('beyond maxEntries, the least recently used first: reads and writes are uses', () => {
      const { set, has, read } = open({ maxEntries: 3 });
      for (const text of ['a', 'b', 'c']) set(text, 0);
      read('a');
      set('b', 1);
      set('d', 0);
      expect(has('c')).toBe(false);
      set('e', 0); // has('c') was no use of it; a is now the oldest
      expect(['a', 'b', 'd', 'e'].map((text) => has(text))).toEqual([false, true, true, true]);
    });

    it('beyond maxBytes, counting keys and values', () => {
      const { set, has } = open({ maxBytes: 3_000 });
      set('a', 'x'.repeat(600));
      set('b', 'x'.repeat(600));
      expect([has('a'), has('b')]).toEqual([true, true]);
      set('k'.repeat(500), 'x'.repeat(100));
      expect([has('a'), has('b')]).toEqual([false, true]);
    });

    it('a value too large for it is not kept, nor is the one it replaces', () => {
      const { set, read } = open({ maxBytes: 1_000 });
      set('a', 'small');
      set('b', 'other');
      set('a', 'x'.repeat(1_000));
      expect([read('a'), read('b')]).toEqual([undefined, 'other']);
    });

    it('by W-TinyLFU the one used less often lately, not the hot one', () => {
      const { set, has, read } = open({ maxEntries: 100, eviction: 'lfu' });
      for (let n = 0; n < 50; n++) set(`hot${n}`, 0);
      for (let n = 0; n < 200; n++) read(`hot${n % 50}`);
      for (let n = 0; n < 1_000; n++) set(`cold${n}`, 0);
      const kept = Array.from({ length: 50 }, (_, n) => has(`hot${n}`));
      expect(kept.filter(Boolean).length).toBeGreaterThan(45);
    });

    it('by W-TinyLFU within maxEntries and maxBytes at once', () => {
      const { set, tier } = open({ maxEntries: 10, maxBytes: 10_000, eviction: 'lfu' });
      for (let n = 0; n < 100; n++) set(`small${n}`, 0);
      expect(tier.deleteMatching()).toBe(10);
      for (let n = 0; n < 100; n++) set(`large${n}`, 'x'.repeat(1_200));
      expect(tier.deleteMatching()).toBe(4);
    });

    it.each([0n, 1n, 0xfffn, -5n, undefined, null, '', [], new Map([[1n, 2n]]), new Set()])(
      'has a size for %p',
      (value) => {
        const { set, read } = open({ maxBytes: 1_000 });
        set('', value);
        expect(read('')).toEqual(value);
      },
    );
  });

  describe('expires', () => {
    it('at the very millisecond, and not before', () => {
      const { set, has, tier } = open();
      set('7', 0, NOW + 10);
      expect(has('7', NOW + 9)).toBe(true);
      expect(has('7', NOW + 10)).toBe(false);
      expect(tier.peek('7', NOW + 10)).toBeUndefined();
      expect(tier.delete('7')).toBe(false); // it was removed when it was met
    });

    it('and is kept for as long as it was written to: no hit, but there', () => {
      const { put, has, tier } = open();
      put('7', { value: 'old', createdAt: NOW, expiresAt: NOW + 10 }, { lifeMs: 30 });
      expect(has('7', NOW + 10)).toBe(false);
      expect(tier.peek('7', NOW + 10)).toMatchObject({ value: 'old', expiresAt: NOW + 10 });
      expect(tier.peek('7', NOW + 29)).toMatchObject({ value: 'old' });
      expect(tier.peek('7', NOW + 30)).toBeUndefined();
      expect(tier.delete('7')).toBe(false);
    });

    it('and is no plain hit past the share of its life after which it is renewed', () => {
      const { set, has, tier } = open({ refreshAhead: 0.8 });
      set('7', 'old', NOW + 100);
      expect(has('7', NOW + 79)).toBe(true);
      expect(has('7', NOW + 80)).toBe(false);
      expect(tier.peek('7', NOW + 80)).toMatchObject({ value: 'old' });
      expect(tier.peek('7', NOW + 100)).toBeUndefined();
    });

    it('an idle entry sooner: each read renews it, never past its end', () => {
      const { set, has } = open({ idleMs: 10 });
      set('7', 0, NOW + 25);
      expect(has('7', NOW + 9)).toBe(true);
      expect(has('7', NOW + 18)).toBe(true);
      expect(has('7', NOW + 24)).toBe(true);
      expect(has('7', NOW + 25)).toBe(false);
      set('8', 0, NOW + 25);
      expect(has('8', NOW + 10)).toBe(false);
    });

    it('an idle entry sooner: a look that is no hit renews it, too', () => {
      const { set, tier } = open({ idleMs: 10 });
      set('7', 0, NOW + 25);
      expect(tier.peek('7', NOW + 9)).toBeDefined();
      expect(tier.peek('7', NOW + 18)).toBeDefined();
      expect(tier.peek('7', NOW + 28)).toBeUndefined();
    });

    it('without a time to idle, reads change nothing', () => {
      const { set, has } = open();
      set('7', 0, NOW + 1_000_000);
      expect(has('7', NOW + 999_999)).toBe(true);
    });
  });

  describe('with tags', () => {
    const tagged = (value: unknown, ...tags: string[]) => ({
      value,
      createdAt: NOW,
      expiresAt: Infinity,
      tags,
    });

    it('is without an entry of which one was evicted, and says which', () => {
      const { tier, versions, put } = open();
      put('7', tagged('old', 'a', 'b'));
      put('8', tagged('kept', 'c'));
      versions.evict(['other', 'b']);
      expect(tier.get('7', NOW)).toBeUndefined();
      expect(tier.peek('7', NOW)).toEqual({ evicted: 'b', tags: ['a', 'b'] });
      expect(tier.peek('7', Infinity)).toBeUndefined(); // its life goes on, and ends
      expect(tier.get('8', NOW)).toMatchObject({ value: 'kept' });
    });

    it('takes an entry for as old as the making of its value', () => {
      const { tier, versions } = open();
      const before = versions.now;
      versions.evict(['a']);
      const write = { text: '7', entry: tagged('old', 'a'), lifeMs: 1_000 };
      tier.set(write, before, NOW);
      expect(tier.get('7', NOW)).toBeUndefined();
      tier.set(write, versions.now, NOW);
      expect(tier.get('7', NOW)).toMatchObject({ value: 'old' });
    });
  });

  describe('isolates', () => {
    const nested = () => ({ list: [{ n: 1 }], when: new Date(0), by: new Map([['k', { n: 1 }]]) });

    it('clone: what was stored and what is handed out share nothing', () => {
      const { set, read } = open();
      const stored = nested();
      set('7', stored);
      stored.list[0]!.n = 2;
      const handed = read('7') as ReturnType<typeof nested>;
      expect(handed).toEqual(nested());
      handed.list[0]!.n = 3;
      handed.when.setTime(3);
      handed.by.get('k')!.n = 3;
      expect(read('7')).toEqual(nested());
    });

    it('freeze: plain data is one object for all, deeply frozen, and not the writer’s', () => {
      const { set, read } = open({ isolation: 'freeze' });
      const stored = { list: [{ n: 1 }], nothing: null };
      set('7', stored);
      const handed = read('7') as typeof stored;
      expect(read('7')).toBe(handed);
      expect([handed, handed.list, handed.list[0]].every(Object.isFrozen)).toBe(true);
      expect(() => handed.list.push({ n: 2 })).toThrow(TypeError);
      expect(Object.isFrozen(stored.list)).toBe(false);
      stored.list[0]!.n = 2;
      expect(handed).toEqual({ list: [{ n: 1 }], nothing: null });
    });

    it.each([
      ['a Date', () => ({ when: new Date(0) }), (v: any) => v.when.setTime(1)],
      ['a Map', () => [new Map([[1, 1]])], (v: any) => v[0].set(1, 2)],
      ['a Set', () => ({ set: new Set([1]) }), (v: any) => v.set.add(2)],
      ['a Buffer', () => Buffer.from('a'), (v: any) => (v[0] = 0)],
      ['an object deep in a Map', () => new Map([[1, { n: 1 }]]), (v: any) => (v.get(1).n = 2)],
    ])('freeze: with %s in it, everybody gets a clone', (_, make, change) => {
      const { set, read } = open({ isolation: 'freeze' });
      set('7', make());
      change(read('7'));
      expect(read('7')).toEqual(make());
    });

    it('shared: the stored value itself', () => {
      const { set, read } = open({ isolation: 'shared' });
      const stored = nested();
      set('7', stored);
      expect(read('7')).toBe(stored);
    });

    it.each(['clone', 'freeze', 'shared'] as const)('%s: copies as a hit would', (isolation) => {
      const { tier, set, read } = open({ isolation });
      const value = { list: [1] };
      set('7', value);
      const copy = tier.copy(value) as typeof value;
      expect(copy).toEqual(value);
      expect([copy === value, Object.isFrozen(copy.list)]).toEqual([
        read('7') === value,
        isolation === 'freeze',
      ]);
    });

    it.each(['clone', 'freeze', 'shared'] as const)(
      '%s: refuses what cannot be stored, and keeps what was there',
      (isolation) => {
        const { tier, set, read } = open({ isolation });
        const cyclic: unknown[] = [];
        cyclic.push(cyclic);
        set('7', 'old');
        for (const value of [() => 1, { run: () => 1 }, Symbol('s'), cyclic, Promise.resolve()]) {
          expect(() => set('7', value)).toThrow(CacheSerializationError);
          expect(() => tier.copy(value)).toThrow(CacheSerializationError);
        }
        expect(read('7')).toBe('old');
      },
    );
  });

  it('finds a whole number by itself and by its text, which are one key', () => {
    const { tier, set, has } = open();
    for (const text of ['7', '07', '-2147483648', '2147483648']) set(text, text);
    expect(tier.get(7, NOW)?.value).toBe('7');
    expect(tier.get(-2147483648, NOW)?.value).toBe('-2147483648');
    expect([tier.delete('7'), tier.get(7, NOW), has('07')]).toEqual([true, undefined, true]);
    expect(tier.deleteMatching(glob`*4*`)).toBe(2);
  });

  it('keeps a key of a megabyte under a short one, apart from others like it', () => {
    const { tier, set, read } = open({ maxBytes: 10_000 });
    const [long, other] = [`${'k'.repeat(1e6)}a`, `${'k'.repeat(1e6)}b`];
    set(long, 'a');
    set(other, 'b');
    expect([read(long), read(other)]).toEqual(['a', 'b']);
    expect([tier.delete(long), read(long), read(other)]).toEqual([true, undefined, 'b']);
  });
});

describe('No memory tier', () => {
  it('keeps nothing, hands out what it is given, and copies for others', () => {
    const entry = { value: { n: 1 }, createdAt: 0, expiresAt: 1 };
    expect(noMemory.get('7', 0)).toBeUndefined();
    expect(noMemory.handOut(entry)).toBe(entry.value);
    expect(noMemory.handOutAny(entry)).toBe(entry.value);
    expect(noMemory.copy(entry.value)).toEqual(entry.value);
    expect(noMemory.copy(entry.value)).not.toBe(entry.value);
  });
});
