/** What is stored comes back as it was, for as long as it lives. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CacheSerializationError } from '../../libs/elasticache/src/errors/cache.errors.js';
import { differenceOf, storableValues } from '../support/storable.values.js';
import { until } from '../support/waiting.js';
import type { Contract } from './store.subject.js';
import { ask, entryOf, fill, loadOf, looksAt, shown, valueOf, writeOf } from './store.subject.js';

const SOON_MS = 30;

export function entriesContract({ under, fresh, open }: Contract): void {
  describe('entries', () => {
    it('come back as they were stored, with times, emissions and tags', async () => {
      const store = open();
      expect(await store.look(ask('7'))).toMatchObject({ miss: 'absent' });
      const entry = entryOf([1, 2], { emissions: true, tags: ['a', 'é:b'] });
      const lease = await loadOf(store, ask('7', 'a', 'é:b'));
      const write = { text: '7', entry: { ...entry }, lifeMs: 60_000 };
      expect(await store.keep(lease, write)).toBe(true);
      expect(shown((await store.look(ask('7', 'a', 'é:b'))).entry)).toEqual(entry);
      expect(shown((await store.look(ask('7'))).entry)).toEqual(entry);
      expect(await store.look(ask('8'))).toMatchObject({ miss: 'absent' });
    });

    it('may be null or undefined', async () => {
      const store = open();
      for (const value of [null, undefined]) {
        await store.putMany([writeOf('7', value)]);
        expect((await store.look(ask('7'))).entry).toHaveProperty('value', value);
      }
    });

    it('come back whatever they are', async () => {
      const store = open();
      const property = fc.asyncProperty(storableValues(), async (value) => {
        await store.putMany([writeOf('any', value)]);
        const { entry } = await store.look(ask('any'));
        expect(differenceOf(entry?.value, value)).toBeUndefined();
      });
      await fc.assert(property, { numRuns: 30 });
    });

    it('are looked up in the order asked, each as often as asked; of nothing, nothing', async () => {
      const store = open();
      await store.putMany([writeOf('a', 1), writeOf('b', 2)]);
      const looks = await looksAt(
        store,
        ['b', 'missing', 'a', 'b'].map((text) => ask(text)),
      );
      expect(looks.map(({ entry }) => entry?.value)).toEqual([2, undefined, 1, 2]);
      expect(looks[1]).toMatchObject({ miss: 'absent' });
      expect(await store.lookMany([])).toEqual([]);
    });

    it('of other caches are apart', async () => {
      const names = fresh();
      const [store, other] = [under().open(names), open()];
      await fill(store, '7', 'own');
      await fill(other, '7', 'other');
      await other.clear();
      expect([await valueOf(store, '7'), await valueOf(other, '7')]).toEqual(['own', undefined]);
    });

    it('of another namespace or schema version are apart', async () => {
      const names = fresh();
      const store = under().open(names);
      await fill(store, '7', 'own');
      for (const apart of [{ namespace: 'elsewhere' }, { version: 2 }]) {
        const other = under().open({ ...names, ...apart });
        expect(await valueOf(other, '7')).toBeUndefined();
        await other.evict(['7']);
        await other.putMany([writeOf('7', 'other')]);
      }
      expect(await valueOf(store, '7')).toBe('own');
    });

    it('past their life are shown as long as they are kept, and gone after it', async () => {
      const store = open();
      const entry = { ...entryOf('old'), expiresAt: Date.now() };
      await store.putMany([{ text: '7', entry, lifeMs: 60_000 }]);
      expect(shown((await store.look(ask('7'))).entry)).toEqual(entry);
      await store.putMany([{ text: '8', entry: entryOf('old'), lifeMs: SOON_MS }]);
      await until('it is gone', async () => (await valueOf(store, '8')) === undefined);
    });

    it('are replaced by what a later load stores', async () => {
      const store = open();
      await fill(store, '7', 'old');
      await fill(store, '7', 'new');
      expect(await valueOf(store, '7')).toBe('new');
    });

    it('under a key of a megabyte are apart from those under others like it', async () => {
      const store = open();
      const [long, other] = [`${'k'.repeat(1e6)}a`, `${'k'.repeat(1e6)}b`];
      await fill(store, long, 'a');
      await fill(store, other, 'b');
      expect([await valueOf(store, long), await valueOf(store, other)]).toEqual(['a', 'b']);
      expect(await store.evict([long])).toBe(1);
      expect([await valueOf(store, long), await valueOf(store, other)]).toEqual([undefined, 'b']);
    });
  });

  describe('a value that cannot be stored', () => {
    it('leaves what is there, and the lease to be given up', async () => {
      const store = open();
      await fill(store, '7', 'old');
      const lease = await loadOf(store, '7');
      const keeping = store.keep(lease, writeOf('7', { run: () => 1 }));
      await expect(keeping).rejects.toBeInstanceOf(CacheSerializationError);
      expect(await valueOf(store, '7')).toBe('old');
      await store.release(lease, false);
      await fill(store, '7', 'new');
    });

    it('keeps no other out', async () => {
      const store = open();
      const texts = ['a', 'b', 'c'];
      const writes = texts.map((text) => writeOf(text, text === 'b' ? Symbol('b') : text));
      const expected = [true, expect.any(CacheSerializationError), true];
      expect(await store.putMany(writes)).toEqual(expected);
      await store.evict(texts);
      const leases = await Promise.all(texts.map((text) => loadOf(store, text)));
      const pairs = writes.map((write, i) => [leases[i]!, write] as const);
      expect(await store.keepMany(pairs)).toEqual(expected);
      const looks = await looksAt(
        store,
        texts.map((text) => ask(text)),
      );
      expect(looks.map(({ entry }) => entry?.value)).toEqual(['a', undefined, 'c']);
      expect(await store.putMany([])).toEqual([]);
      expect(await store.keepMany([])).toEqual([]);
    });
  });

  describe('putIfAbsent', () => {
    it('stores where nothing is, and answers with what is there', async () => {
      const store = open();
      expect(await store.putIfAbsent(ask('7'), writeOf('7', 'first'))).toBeUndefined();
      const look = await store.putIfAbsent(ask('7'), writeOf('7', 'second'));
      expect(look?.entry?.value).toBe('first');
      expect(await valueOf(store, '7')).toBe('first');
    });

    it('takes what is expired, cleared or of an evicted tag for nothing', async () => {
      const store = open();
      const expired = { ...entryOf('old'), expiresAt: Date.now() };
      await store.putMany([{ text: 'a', entry: expired, lifeMs: 60_000 }]);
      expect(await store.putIfAbsent(ask('a'), writeOf('a', 'new'))).toBeUndefined();
      await fill(store, 'b');
      await store.clear();
      expect(await store.putIfAbsent(ask('b'), writeOf('b', 'new'))).toBeUndefined();
      await fill(store, ask('c', 'absent:c'));
      await under().tags().evict(['absent:c']);
      const again = await store.putIfAbsent(ask('c', 'absent:c'), writeOf('c', 'new', 'absent:c'));
      expect(again).toBeUndefined();
      expect([await valueOf(store, 'b'), await valueOf(store, 'c')]).toEqual(['new', 'new']);
    });

    it('of one value by many at once stores one, and tells the others of it', async () => {
      const names = fresh();
      const stores = Array.from({ length: 5 }, () => under().open(names));
      const looks = await Promise.all(
        stores.map((store, i) => store.putIfAbsent(ask('7'), writeOf('7', i))),
      );
      const value = await valueOf(stores[0]!, '7');
      expect(looks.filter((look) => look === undefined)).toHaveLength(1);
      expect(looks[value as number]).toBeUndefined();
      for (const look of looks) expect([undefined, value]).toContain(look?.entry?.value);
    });

    it('rejects a value that cannot be stored', async () => {
      const store = open();
      const putting = store.putIfAbsent(
        ask('7'),
        writeOf('7', () => 1),
      );
      await expect(putting).rejects.toBeInstanceOf(CacheSerializationError);
      expect(await valueOf(store, '7')).toBeUndefined();
    });
  });

  describe('evict', () => {
    it('removes them and counts them', async () => {
      const store = open();
      await store.putMany(['a', 'b', 'c'].map((text) => writeOf(text, text)));
      expect(await store.evict(['a', 'b', 'missing'])).toBe(2);
      expect(await store.evict(['a'])).toBe(0);
      expect(await store.evict([])).toBe(0);
      const looks = await looksAt(
        store,
        ['a', 'b', 'c'].map((text) => ask(text)),
      );
      expect(looks.map(({ entry }) => entry?.value)).toEqual([undefined, undefined, 'c']);
    });
  });
}
