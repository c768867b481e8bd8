/** Clearing a cache and evicting a tag reach whatever was stored before, however much it is. */
import { describe, expect, it } from '@jest/globals';
import type { Contract } from './store.subject.js';
import {
  ask,
  claimAfter,
  fill,
  fresh as freshNames,
  freshTag,
  loadOf,
  looksAt,
  valueOf,
  writeOf,
} from './store.subject.js';

export function versionsContract({ under, fresh, open }: Contract): void {
  describe('clear', () => {
    it('reaches every entry, and none of another cache', async () => {
      const names = fresh();
      const [store, other, apart] = [under().open(names), under().open(names), open()];
      const texts = Array.from({ length: 1_000 }, (_each, i) => String(i));
      await store.putMany(texts.map((text) => writeOf(text, 0)));
      await fill(apart, '7', 'apart');
      await other.clear();
      const looks = await looksAt(
        store,
        texts.map((text) => ask(text)),
      );
      expect(looks.filter(({ entry }) => entry !== undefined)).toEqual([]);
      expect(await valueOf(apart, '7')).toBe('apart');
    });

    it('leaves a cache that is filled as any', async () => {
      const store = open();
      await fill(store, '7', 'old');
      for (const value of ['a', 'b', 'c']) {
        await store.clear();
        expect(await valueOf(store, '7')).toBeUndefined();
        await fill(store, '7', value);
        expect(await valueOf(store, '7')).toBe(value);
        await store.putMany([writeOf('8', value)]);
        expect(await valueOf(store, '8')).toBe(value);
      }
    });

    it('reaches what was looked at before it, and claimed and stored after it', async () => {
      const names = fresh();
      const [store, other] = [under().open(names), under().open(names)];
      await fill(store, '8');
      const look = await store.look(ask('7'));
      await other.clear();
      const claim = await claimAfter(store, ask('7'), look);
      if (claim.kind === 'won') await store.keep(claim.lease, writeOf('7', 'loaded after it'));
      expect([undefined, 'loaded after it']).toContain(await valueOf(other, '7'));
      await fill(other, '7', 'new');
      expect(await valueOf(store, '7')).toBe('new');
    });

    it('reaches other schema versions of the cache', async () => {
      const names = fresh();
      const [first, second] = [1, 2].map((version) => under().open({ ...names, version }));
      await fill(first!, '7', 'first');
      await fill(second!, '7', 'second');
      await first!.clear();
      expect(await valueOf(first!, '7')).toBeUndefined();
      if (under().guards) expect(await valueOf(second!, '7')).toBeUndefined();
    });
  });

  describe('the eviction of a tag', () => {
    it('reaches the entries that bear it, in every cache, and no others', async () => {
      const [store, other] = [open(), open()];
      const [tag, kept] = [freshTag(), freshTag()];
      await fill(store, ask('both', tag, kept));
      await fill(store, ask('it', tag));
      await fill(store, ask('other', kept));
      await fill(store, ask('none'));
      await fill(other, ask('it', tag));
      await under().tags().evict([tag]);
      expect(await store.look(ask('both', tag, kept))).toMatchObject({ miss: `tag ${tag}` });
      expect(await store.look(ask('it', tag))).toMatchObject({ miss: `tag ${tag}` });
      expect(await other.look(ask('it', tag))).toMatchObject({ miss: `tag ${tag}` });
      expect(await valueOf(store, ask('other', kept))).toBe('old');
      expect(await valueOf(store, ask('none'))).toBe('old');
    });

    it('reaches an entry whose reader knows nothing of it', async () => {
      const store = open();
      const [tag, more] = [freshTag(), freshTag()];
      for (const asked of [ask('7'), ask('7', more), ask('7', more, tag)]) {
        await fill(store, ask('7', tag));
        expect(await valueOf(store, asked)).toBe('old');
        await under().tags().evict([tag]);
        expect(await store.look(asked)).toMatchObject({ miss: `tag ${tag}` });
      }
    });

    it('reaches values that nothing orders, as what was there when they were put', async () => {
      const store = open();
      const tag = freshTag();
      for (const value of ['first', 'second']) {
        await store.putMany([writeOf('7', value, tag), writeOf('8', value)]);
        await store.putIfAbsent(ask('9', tag), writeOf('9', value, tag));
        expect([await valueOf(store, '7'), await valueOf(store, '9')]).toEqual([value, value]);
        await under().tags().evict([tag]);
        expect([await valueOf(store, '7'), await valueOf(store, '9')]).toEqual([
          undefined,
          undefined,
        ]);
        expect(await valueOf(store, '8')).toBe(value);
      }
    });

    it('of many at once reaches the entries of each', async () => {
      const store = open();
      const tags = Array.from({ length: 250 }, freshTag);
      await store.putMany(tags.map((tag) => writeOf(tag, 0, tag)));
      await under()
        .tags()
        .evict([...tags, 'borne by none']);
      const looks = await looksAt(
        store,
        tags.map((tag) => ask(tag, tag)),
      );
      expect(looks.filter(({ entry }) => entry !== undefined)).toEqual([]);
    });

    it('reaches an entry with a thousand tags', async () => {
      const store = open();
      const tags = Array.from({ length: 1_000 }, freshTag);
      await fill(store, ask('7', ...tags));
      expect(await valueOf(store, ask('7'))).toBe('old');
      expect(await valueOf(store, ask('7', ...tags))).toBe('old');
      await under().tags().evict([tags[777]!]);
      const miss = `tag ${tags[777]}`;
      expect(await store.look(ask('7', ...tags))).toMatchObject({ miss });
      expect(await valueOf(store, '7')).toBeUndefined();
    });

    it('is of its namespace alone', async () => {
      if (!under().guards) return; // a process has one namespace
      const elsewhere = under().open({ ...freshNames(), namespace: 'elsewhere' });
      const tag = freshTag();
      await fill(elsewhere, ask('7', tag));
      await under().tags().evict([tag]);
      expect(await valueOf(elsewhere, ask('7', tag))).toBe('old');
    });

    it('leaves a load alone whose other tags were evicted before it began', async () => {
      const store = open();
      const tag = freshTag();
      await under().tags().evict([tag]);
      const lease = await loadOf(store, ask('7', tag));
      expect(await store.keep(lease, writeOf('7', 'new', tag))).toBe(true);
      expect(await valueOf(store, ask('7', tag))).toBe('new');
    });
  });

  describe('what is known of a key', () => {
    it('is its entry or why there is none, and who has the lease', async () => {
      const store = open();
      const tag = freshTag();
      expect(await store.inspect(ask('7'))).toMatchObject({
        look: { miss: 'absent' },
        lease: 'none',
        key: expect.stringContaining('7'),
      });
      const lease = await loadOf(store, ask('7', tag));
      expect(await store.inspect(ask('7'))).toMatchObject({ lease: 'load' });
      await store.keep(lease, writeOf('7', 'value', tag));
      expect(await store.inspect(ask('7'))).toMatchObject({
        look: { entry: { value: 'value' } },
        lease: 'none',
      });
      const write = await store.begin(ask('7'), false);
      expect(await store.inspect(ask('7'))).toMatchObject({ lease: 'write' });
      await store.abandon(write);
      await under().tags().evict([tag]);
      expect(await store.inspect(ask('7'))).toMatchObject({ look: { miss: `tag ${tag}` } });
    });
  });
}
