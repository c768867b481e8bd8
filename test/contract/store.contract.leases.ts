/** A load stores only under its lease, and whatever invalidates its key takes the lease away. */
import { describe, expect, it } from '@jest/globals';
import { glob } from '../../libs/elasticache/src/key/glob.js';
import type { CacheStore } from '../../libs/elasticache/src/store/cache.store.js';
import type { TagStore } from '../../libs/elasticache/src/store/tag.store.js';
import { newToken } from '../../libs/elasticache/src/store/token.js';
import type { Contract } from './store.subject.js';
import {
  ask,
  claimAfter,
  claimOf,
  fill,
  freshTag,
  lateAsk,
  loadOf,
  valueOf,
  writeOf,
} from './store.subject.js';

interface Invalidation {
  readonly store: CacheStore;
  readonly tags: TagStore;
  readonly tag: string;
}

/** Every way to say that the entry under 7, which bears the tag, is no longer true. */
const invalidations: Record<string, (of: Invalidation) => Promise<unknown>> = {
  evict: ({ store }) => store.evict(['7']),
  'evict of several': ({ store }) => store.evict(['6', '7', '8']),
  clear: ({ store }) => store.clear(),
  evictMatching: ({ store }) => store.evictMatching(glob`7*`),
  'eviction of its tag': ({ tags, tag }) => tags.evict(['other', tag]),
  'a write that brought nothing': async ({ store }) =>
    store.finish(await store.begin(ask('7'), false), undefined),
  'a strict eviction': async ({ store }) => (await store.guard({ texts: ['7'] })).lift(),
  'a strict clear': async ({ store }) =>
    (await store.guard({ everything: true, restore: false })).lift(),
  'a strict eviction of its tag': async ({ tags, tag }) => (await tags.guard([tag])).lift(),
};

export function leasesContract({ under, fresh, open }: Contract): void {
  const two = () => {
    const names = fresh();
    return [under().open(names), under().open(names)] as const;
  };

  describe('a claim', () => {
    it('is won by the first, and held by its token for all others', async () => {
      const [store, other] = two();
      const { token, text } = await loadOf(store, '7');
      expect(text).toBe('7');
      for (const each of [store, other]) {
        expect(await claimOf(each, ask('7'))).toEqual({ kind: 'held', token, waits: true });
      }
      expect(await claimOf(other, ask('8'))).toMatchObject({ kind: 'won' });
    });

    it('of one turn is one: the first may win, the others find it held', async () => {
      const store = open();
      const look = await store.look(ask('7'));
      const claims = await Promise.all([1, 2, 3].map(() => claimAfter(store, ask('7'), look)));
      const winners = claims.flatMap((claim) => (claim.kind === 'won' ? [claim.lease] : []));
      expect(winners).toHaveLength(1);
      const held = { kind: 'held', token: winners[0]!.token, waits: true };
      expect(claims.filter(({ kind }) => kind !== 'won')).toEqual([held, held]);
    });

    it('of several processes at once is won by one', async () => {
      const names = fresh();
      const stores = Array.from({ length: 4 }, () => under().open(names));
      const claims = await Promise.all(stores.map((store) => claimOf(store, ask('7'))));
      expect(claims.filter(({ kind }) => kind === 'won')).toHaveLength(1);
      expect(claims.filter(({ kind }) => kind === 'held')).toHaveLength(3);
    });

    it('is refused where something was stored since it looked', async () => {
      const [store, other] = two();
      const look = await store.look(ask('7'));
      await fill(other, '7', 'first');
      expect(await claimAfter(store, ask('7'), look)).toEqual({ kind: 'changed' });
      const second = await store.look(ask('7'));
      const later = writeOf('7', 'other');
      const expiresAt = later.entry.expiresAt + 1; // its times tell it from the first
      await store.putMany([{ ...later, entry: { ...later.entry, expiresAt } }]);
      expect(await claimAfter(store, ask('7'), second)).toEqual({ kind: 'changed' });
    });

    it('is refused where what it saw is gone', async () => {
      const [store, other] = two();
      await fill(store, '7');
      const look = await store.look(ask('7'));
      await other.evict(['7']);
      expect(await claimAfter(store, ask('7'), look)).toEqual({ kind: 'changed' });
    });

    it('takes over from the load it names, and from no other', async () => {
      const [store, other] = two();
      const old = await loadOf(store, '7');
      const held = { kind: 'held', token: old.token };
      expect(await claimOf(other, ask('7'), newToken())).toMatchObject(held);
      const claim = await claimOf(store, ask('7'), old.token);
      expect(claim).toMatchObject({ kind: 'won' });
      expect(await store.keep(old, writeOf('7', 'old'))).toBe(false);
      expect(await claimOf(other, ask('7'))).toMatchObject({ kind: 'held' });
      if (claim.kind === 'won') await store.keep(claim.lease, writeOf('7', 'new'));
      expect(await valueOf(other, '7')).toBe('new');
    });

    it('of a turn with one that takes over is won by one', async () => {
      const store = open();
      const old = await loadOf(store, '7');
      const look = await store.look(ask('7'));
      const claims = await Promise.all(
        [1, 2, 3].map(() =>
          store.claim(ask('7'), look.view, { token: newToken(), replaced: old.token }),
        ),
      );
      expect(claims.filter(({ kind }) => kind === 'won')).toHaveLength(1);
    });
  });

  describe('a lease', () => {
    it('is given up by what is stored under it', async () => {
      const [store, other] = two();
      const lease = await loadOf(store, '7');
      expect(await store.keep(lease, writeOf('7', 'first'))).toBe(true);
      expect(await store.keep(lease, writeOf('7', 'second'))).toBe(false);
      expect(await valueOf(other, '7')).toBe('first');
      expect(await claimOf(other, ask('7'))).toMatchObject({ kind: 'won' });
    });

    it('is given up unused by release, where it is still its own', async () => {
      const [store, other] = two();
      const lease = await loadOf(store, '7');
      await store.release(lease, false);
      const next = await loadOf(other, '7');
      await store.release(lease, false);
      const held = { kind: 'held', token: next.token };
      expect(await claimOf(store, ask('7'))).toMatchObject(held);
      expect(await store.keep(lease, writeOf('7', 'late'))).toBe(false);
      expect(await other.keep(next, writeOf('7', 'new'))).toBe(true);
      expect(await valueOf(store, '7')).toBe('new');
    });

    it.each(Object.keys(invalidations))('stores nothing after %s', async (what) => {
      const [store, other] = two();
      const [tags, tag] = [under().tags(), freshTag()];
      const lease = await loadOf(store, ask('7', tag));
      await invalidations[what]!({ store: other, tags, tag });
      await store.keep(lease, writeOf('7', 'old', tag));
      expect(await valueOf(store, ask('7', tag))).toBeUndefined();
      await fill(other, ask('7', tag), 'new');
      expect(await valueOf(store, ask('7', tag))).toBe('new');
    });

    it.each(Object.keys(invalidations))(
      'stores nothing after %s, in a batch, over what was loaded since',
      async (what) => {
        const [store, other] = two();
        const [tags, tag] = [under().tags(), freshTag()];
        const texts = ['1', '7'];
        const leases = await Promise.all(texts.map((text) => loadOf(store, ask(text, tag))));
        await invalidations[what]!({ store: other, tags, tag });
        const claim = await claimOf(other, ask('7', tag), leases[1]!.token);
        if (claim.kind !== 'won') throw new Error(`the claim was not won, but ${claim.kind}`);
        expect(await other.keep(claim.lease, writeOf('7', 'new', tag))).toBe(true);
        await store.keepMany(leases.map((lease) => [lease, writeOf(lease.text, 'old', tag)]));
        expect(await valueOf(store, ask('7', tag))).toBe('new');
      },
    );

    it('is lost to a value that nothing orders', async () => {
      const [store, other] = two();
      const lease = await loadOf(store, '7');
      await other.putMany([writeOf('7', 'put')]);
      expect(await store.keep(lease, writeOf('7', 'old'))).toBe(false);
      const second = await loadOf(store, '8');
      expect(await other.putIfAbsent(ask('8'), writeOf('8', 'put'))).toBeUndefined();
      expect(await store.keep(second, writeOf('8', 'old'))).toBe(false);
      expect([await valueOf(store, '7'), await valueOf(store, '8')]).toEqual(['put', 'put']);
    });

    it('is not lost to what concerns other keys and tags', async () => {
      const [store, other] = two();
      const tag = freshTag();
      const lease = await loadOf(store, ask('7', tag));
      await other.evict(['8', '77']);
      await other.evictMatching(glob`77*`);
      await other.putMany([writeOf('8', 'put')]);
      await open().clear();
      await under().tags().evict([freshTag()]);
      expect(await store.keep(lease, writeOf('7', 'new', tag))).toBe(true);
      expect(await valueOf(store, ask('7', tag))).toBe('new');
    });

    it('goes with the tags that only its value names', async () => {
      const [store, other] = two();
      const [tags, known, late] = [under().tags(), freshTag(), freshTag()];
      await store.keep(
        await loadOf(store, lateAsk('7', known)),
        writeOf('7', 'first', known, late),
      );
      for (const tag of [known, late]) {
        expect(await valueOf(other, ask('7', known))).toBe('first');
        await tags.evict([tag]);
        expect(await other.look(ask('7', known))).toMatchObject({ miss: `tag ${tag}` });
        const lease = await loadOf(store, lateAsk('7', known));
        expect(await store.keep(lease, writeOf('7', 'first', known, late))).toBe(true);
      }
    });

    it('stores nothing where a tag that its value names was evicted meanwhile', async () => {
      const store = open();
      const [tags, late] = [under().tags(), freshTag()];
      const lease = await loadOf(store, lateAsk('7'));
      await tags.evict([late]);
      expect(await store.keep(lease, writeOf('7', 'old', late))).toBe(false);
      expect(await valueOf(store, '7')).toBeUndefined();
      await fill(store, '7', 'new');
    });
  });

  describe('a load in flight', () => {
    it('may be joined by a call that saw the versions it began under', async () => {
      const store = open();
      const tag = freshTag();
      const lease = await loadOf(store, ask('7', tag));
      const { view } = await store.look(ask('7', tag));
      expect(store.isCurrent(lease, view)).toBe(true);
      await under().tags().evict([freshTag()]);
      expect(store.isCurrent(lease, (await store.look(ask('7', tag))).view)).toBe(true);
    });

    it('is older than a call that saw its tag evicted', async () => {
      const store = open();
      const tag = freshTag();
      const lease = await loadOf(store, ask('7', tag));
      await under().tags().evict([tag]);
      expect(store.isCurrent(lease, (await store.look(ask('7', tag))).view)).toBe(false);
    });

    it('that will name more tags is older than a call that saw any evicted', async () => {
      const store = open();
      const lease = await loadOf(store, lateAsk('7'));
      expect(store.isCurrent(lease, (await store.look(lateAsk('7'))).view)).toBe(true);
      await under().tags().evict([freshTag()]);
      expect(store.isCurrent(lease, (await store.look(lateAsk('7'))).view)).toBe(false);
    });
  });
}
