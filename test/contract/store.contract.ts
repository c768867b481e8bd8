/** What every CacheStore does, whatever is behind it. */
import { beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Entry } from '../../libs/elasticache/src/entry/cache.entry.js';
import { CacheSerializationError } from '../../libs/elasticache/src/errors/cache.errors.js';
import { Glob, glob } from '../../libs/elasticache/src/key/glob.js';
import type { CacheStore, StoreWrite } from '../../libs/elasticache/src/store/cache.store.js';
import { differenceOf, storableValues } from '../support/storable.values.js';

export interface StoreNames {
  readonly cache?: string;
  readonly namespace?: string;
  readonly version?: string | number;
}

/** A store behind which the suite can reach. */
export interface StoreUnderTest {
  /** Stores of the same names share their entries. */
  open(names: StoreNames): CacheStore;
  /** Puts bytes that are no entry under a key. */
  spoil(names: StoreNames, text: string): Promise<void>;
  /** Whether there is anything under a key. */
  holds(names: StoreNames, text: string): Promise<boolean>;
}

const MINUTE_MS = 60_000;

let caches = 0;

export function entryOf(value: unknown): Entry {
  return { value, createdAt: 1_000, expiresAt: 9e15 };
}

export function writeOf(text: string, value: unknown, more: Partial<StoreWrite> = {}): StoreWrite {
  return { text, entry: entryOf(value), ttlMs: MINUTE_MS, wanted: () => true, ...more };
}

/** Call inside a `describe`; the factory is asked once. */
export function storeContract(factory: () => Promise<StoreUnderTest>): void {
  let under: StoreUnderTest;

  beforeAll(async () => {
    under = await factory();
  });

  const fresh = (): StoreNames => ({ cache: `contract${++caches}` });

  it('get answers with the entry as it was set, with its times and emissions', async () => {
    const store = under.open(fresh());
    expect(await store.get('7')).toBeUndefined();
    const entry = { value: [1, 2], createdAt: 5, expiresAt: 9e15, emissions: true };
    expect(await store.set(writeOf('7', undefined, { entry }))).toBe(true);
    expect(await store.get('7')).toEqual(entry);
    expect(await store.get('8')).toBeUndefined();
  });

  it('a stored null and undefined are entries', async () => {
    const store = under.open(fresh());
    for (const value of [null, undefined]) {
      await store.set(writeOf('7', value));
      expect(await store.get('7')).toEqual(entryOf(value));
    }
  });

  it('whatever may be stored comes back', async () => {
    const store = under.open(fresh());
    await fc.assert(
      fc.asyncProperty(storableValues(), async (value) => {
        await store.set(writeOf('any', value));
        expect(differenceOf(await store.get('any'), entryOf(value))).toBeUndefined();
      }),
      { numRuns: 50 },
    );
  });

  it('set replaces', async () => {
    const store = under.open(fresh());
    await store.set(writeOf('7', 'old'));
    await store.set(writeOf('7', 'new'));
    expect(await store.get('7')).toEqual(entryOf('new'));
  });

  it('set drops a write that is no longer wanted, and leaves what is there', async () => {
    const store = under.open(fresh());
    expect(await store.set(writeOf('7', 'new', { wanted: () => false }))).toBe(false);
    expect(await store.get('7')).toBeUndefined();
    await store.set(writeOf('7', 'old'));
    expect(await store.set(writeOf('7', 'new', { wanted: () => false }))).toBe(false);
    expect(await store.get('7')).toEqual(entryOf('old'));
  });

  it('set rejects a value that cannot be stored, and leaves what is there', async () => {
    const store = under.open(fresh());
    await store.set(writeOf('7', 'old'));
    const writing = store.set(writeOf('7', { run: () => 1 }));
    await expect(writing).rejects.toBeInstanceOf(CacheSerializationError);
    expect(await store.get('7')).toEqual(entryOf('old'));
  });

  it('getMany answers in the order asked, each as often as asked; of nothing, nothing', async () => {
    const store = under.open(fresh());
    await store.set(writeOf('a', 1));
    await store.set(writeOf('b', 2));
    const found = await store.getMany(['b', 'missing', 'a', 'b']);
    expect(found).toEqual([entryOf(2), undefined, entryOf(1), entryOf(2)]);
    expect(await store.getMany([])).toEqual([]);
  });

  it('setMany answers for each write: stored, not wanted, or why it cannot be stored', async () => {
    const store = under.open(fresh());
    const outcomes = await store.setMany([
      writeOf('a', 1),
      writeOf('b', 2, { wanted: () => false }),
      writeOf('c', Symbol('c')),
      writeOf('d', 4),
    ]);
    expect(outcomes).toEqual([true, false, expect.any(CacheSerializationError), true]);
    const found = await store.getMany(['a', 'b', 'c', 'd']);
    expect(found).toEqual([entryOf(1), undefined, undefined, entryOf(4)]);
    expect(await store.setMany([])).toEqual([]);
  });

  it('setIfAbsent stores where nothing is, and answers with what is there', async () => {
    const store = under.open(fresh());
    expect(await store.setIfAbsent(writeOf('7', 'first'))).toBeUndefined();
    expect(await store.setIfAbsent(writeOf('7', 'second'))).toEqual(entryOf('first'));
    expect(await store.get('7')).toEqual(entryOf('first'));
  });

  it('of concurrent setIfAbsent one stores, and the others get its entry', async () => {
    const store = under.open(fresh());
    const values = Array.from({ length: 20 }, (_, i) => i);
    const found = await Promise.all(values.map((i) => store.setIfAbsent(writeOf('7', i))));
    const winner = found.indexOf(undefined);
    expect(found).toEqual(values.map((i) => (i === winner ? undefined : entryOf(winner))));
  });

  it('delete answers how many were there', async () => {
    const store = under.open(fresh());
    await store.setMany(['a', 'b', 'c'].map((text) => writeOf(text, text)));
    expect(await store.delete(['a', 'missing', 'c'])).toBe(2);
    expect(await store.delete(['a'])).toBe(0);
    expect(await store.delete([])).toBe(0);
    expect(await store.getMany(['a', 'b', 'c'])).toEqual([undefined, entryOf('b'), undefined]);
  });

  it('deleteMatching removes what matches, and counts it; without a pattern all', async () => {
    const store = under.open(fresh());
    const texts = ['user:1:a', 'user:1:b', 'user:2:a', "user:'1:a", 'é1', 'ab1', '1'];
    await store.setMany(texts.map((text) => writeOf(text, text)));
    expect(await store.deleteMatching(glob`user:${1}:*`)).toBe(2);
    expect(await store.deleteMatching(glob`?1`)).toBe(1);
    expect(await store.deleteMatching(Glob.literal('1', 'here'))).toBe(0);
    expect(await store.deleteMatching(Glob.literal(1, 'here'))).toBe(1);
    expect(await store.deleteMatching()).toBe(3);
    expect(await store.deleteMatching()).toBe(0);
  });

  it('5,000 entries are cleared, and all of them', async () => {
    const names = fresh();
    const store = under.open(names);
    const texts = Array.from({ length: 5_000 }, (_, i) => String(i));
    await store.setMany(texts.map((text) => writeOf(text, 0)));
    expect(await store.deleteMatching()).toBe(5_000);
    expect((await store.getMany(texts)).every((found) => found === undefined)).toBe(true);
  });

  const awkward = [
    '*',
    '?',
    'a*',
    '[a]',
    '[^a]',
    '{a}',
    'a:b',
    'a%3Ab',
    '\\',
    ' ',
    'é',
    'x'.repeat(600),
  ];

  it.each(awkward)('a cache named %j is one of its own', async (cache) => {
    const others = [...awkward, 'a', 'b', ''].filter((name) => name !== cache);
    const stores = others.map((name) => under.open({ cache: name, namespace: 'odd' }));
    await Promise.all(stores.map((store) => store.set(writeOf('k', 'kept'))));
    const store = under.open({ cache, namespace: 'odd' });
    await store.set(writeOf('k', 'gone'));
    expect(await store.deleteMatching(glob`*`)).toBe(1);
    await store.set(writeOf('k', 'gone'));
    expect(await store.deleteMatching()).toBe(1);
    for (const other of stores) expect(await other.get('k')).toEqual(entryOf('kept'));
  });

  it('namespaces, versions and caches are apart', async () => {
    const { cache = '' } = fresh();
    const all: StoreNames[] = [
      { cache },
      { cache, namespace: 'other' },
      { cache, version: 2 },
      { cache, version: 'v1' },
      { cache: `${cache}x` },
      { cache, namespace: 'other', version: 2 },
    ];
    const stores = all.map((names) => under.open(names));
    await Promise.all(stores.map((store, i) => store.set(writeOf('k', i))));
    for (const [i, store] of stores.entries()) {
      expect(await store.get('k')).toEqual(entryOf(i));
      expect(await store.deleteMatching()).toBe(1);
      expect(await store.get('k')).toBeUndefined();
    }
  });

  it('bytes that cannot be read are answered as the error, and removed', async () => {
    const names = fresh();
    const store = under.open(names);
    await under.spoil(names, 'bad');
    expect(await store.get('bad')).toMatchObject({ code: 'CACHE_UNDECODABLE' });
    expect(await under.holds(names, 'bad')).toBe(false);
    expect(await store.get('bad')).toBeUndefined();
  });

  it('in a batch they are errors among the others', async () => {
    const names = fresh();
    const store = under.open(names);
    await store.set(writeOf('good', 1));
    await under.spoil(names, 'bad');
    await under.spoil(names, 'worse');
    const found = await store.getMany(['bad', 'good', 'worse']);
    const unreadable = expect.objectContaining({ code: 'CACHE_UNDECODABLE' });
    expect(found).toEqual([unreadable, entryOf(1), unreadable]);
    expect(await under.holds(names, 'bad')).toBe(false);
    expect(await under.holds(names, 'good')).toBe(true);
  });

  it('setIfAbsent answers with them, too, and the place is free', async () => {
    const names = fresh();
    const store = under.open(names);
    await under.spoil(names, 'bad');
    expect(await store.setIfAbsent(writeOf('bad', 1))).toBeInstanceOf(CacheSerializationError);
    expect(await store.setIfAbsent(writeOf('bad', 1))).toBeUndefined();
    expect(await store.get('bad')).toEqual(entryOf(1));
  });
}
