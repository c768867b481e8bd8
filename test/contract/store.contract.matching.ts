/** Evicting by pattern reaches entries, loads and writes of every key that matches, and nothing else. */
import { describe, expect, it } from '@jest/globals';
import { Glob, glob } from '../../libs/elasticache/src/key/glob.js';
import { encodeKey, type Key } from '../../libs/elasticache/src/key/key.encoding.js';
import type { Contract } from './store.subject.js';
import { ask, claimOf, fill, loadOf, looksAt, valueOf, writeOf } from './store.subject.js';

const textOf = (...key: Key[]) => encodeKey(key, 'spec');

export function matchingContract({ under, fresh, open }: Contract): void {
  const two = () => {
    const names = fresh();
    return [under().open(names), under().open(names)] as const;
  };

  describe('evictMatching', () => {
    it('removes what matches and counts it', async () => {
      const [store, other] = two();
      const apart = open();
      const texts = ['user:1:a', 'user:1:b', 'user:2:a', 'user:10:a'];
      for (const each of [store, apart]) await each.putMany(texts.map((text) => writeOf(text, 0)));
      expect(await other.evictMatching(glob`user:${1}:*`)).toBe(2);
      const looks = await looksAt(
        store,
        texts.map((text) => ask(text)),
      );
      expect(looks.map(({ entry }) => entry?.value)).toEqual([undefined, undefined, 0, 0]);
      expect(await store.evictMatching(glob`nothing*`)).toBe(0);
      expect(await store.evictMatching(glob`*`)).toBe(2);
      expect(await apart.evictMatching(glob`user:*`)).toBe(4);
    });

    it('sees whole keys', async () => {
      const store = open();
      await store.putMany(['user:1', 'user:10', 'auser:1'].map((text) => writeOf(text, text)));
      expect(await store.evictMatching(glob`user:?`)).toBe(1);
      expect(await valueOf(store, 'user:10')).toBe('user:10');
      expect(await valueOf(store, 'auser:1')).toBe('auser:1');
    });

    it('takes no letter of a key for a wildcard', async () => {
      const store = open();
      const keys = ['*', '?', '[a]', 'a', '{a}', '\\', '', 'é', 'a:lease', '}:lease'];
      const texts = keys.map((key) => textOf(key, 'x'));
      await store.putMany(texts.map((text) => writeOf(text, text)));
      for (const [i, key] of keys.entries()) {
        expect(await store.evictMatching(glob`${key}:*`)).toBe(1);
        expect(await valueOf(store, texts[i]!)).toBeUndefined();
      }
    });

    it('matches nothing that another cache, version or namespace keeps', async () => {
      const names = fresh();
      const others = [
        { ...names, cache: `${names.cache}2` },
        { ...names, version: 11 },
        { ...names, namespace: 'test2' },
      ].map((each) => under().open(each));
      const store = under().open(names);
      for (const each of [store, ...others]) await fill(each, '7');
      expect(await store.evictMatching(glob`*`)).toBe(1);
      for (const other of others) expect(await valueOf(other, '7')).toBe('old');
    });

    it('takes the leases of loads and writes, of matching keys alone', async () => {
      const [store, other] = two();
      const [load, kept] = [await loadOf(store, 'a:1'), await loadOf(store, 'b:1')];
      const [write, keptWrite] = [
        await store.begin(ask('a:2'), false),
        await store.begin(ask('b:2'), false),
      ];
      expect(await other.evictMatching(glob`a:*`)).toBe(0);
      expect(await store.keep(load, writeOf('a:1', 'old'))).toBe(false);
      expect(await store.finish(write, writeOf('a:2', 'old'))).toBe(false);
      expect(await store.keep(kept, writeOf('b:1', 'new'))).toBe(true);
      expect(await store.finish(keptWrite, writeOf('b:2', 'new'))).toBe(true);
      expect(await valueOf(other, 'a:1')).toBeUndefined();
      expect(await claimOf(other, ask('a:1'))).toMatchObject({ kind: 'won' });
    });

    it('counts an entry that is being loaded anew', async () => {
      const store = open();
      for (const text of ['1', '2', '3']) await fill(store, text);
      const [load, write] = [await loadOf(store, '1'), await store.begin(ask('2'), false)];
      expect(await store.evictMatching(glob`*`)).toBe(3);
      expect(await store.keep(load, writeOf('1', 'old'))).toBe(false);
      expect(await store.finish(write, writeOf('2', 'old'))).toBe(false);
    });

    it('reaches hundreds of entries and leases among thousands of others', async () => {
      const [store, other] = two();
      const texts = Array.from({ length: 400 }, (_each, i) => `mine:${i}`);
      const loading = Array.from({ length: 100 }, (_each, i) => `mine:load:${i}`);
      const others = Array.from({ length: 2_000 }, (_each, i) => `other:${i}`);
      await store.putMany([...texts, ...others].map((text) => writeOf(text, 0)));
      const leases = await Promise.all(loading.map((text) => loadOf(store, text)));
      expect(await other.evictMatching(glob`mine:*`)).toBe(400);
      const kept = await store.keepMany(leases.map((lease) => [lease, writeOf(lease.text, 'old')]));
      expect(new Set(kept)).toEqual(new Set([false]));
      const looks = await looksAt(
        store,
        others.map((text) => ask(text)),
      );
      expect(looks.filter(({ entry }) => entry !== undefined)).toHaveLength(2_000);
      expect(await store.evictMatching(Glob.literal('mine:7', 'spec'))).toBe(0);
    });
  });
}
