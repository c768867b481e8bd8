/** A write is in order with every other write and invalidation of its key: of two that overlap neither leaves a value. */
import { describe, expect, it } from '@jest/globals';
import { CacheSerializationError } from '../../libs/elasticache/src/errors/cache.errors.js';
import { glob } from '../../libs/elasticache/src/key/glob.js';
import type { CacheStore, Lease, Unkeyed } from '../../libs/elasticache/src/store/cache.store.js';
import type { TagStore } from '../../libs/elasticache/src/store/tag.store.js';
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

interface Meanwhile {
  readonly store: CacheStore;
  readonly tags: TagStore;
  readonly tag: string;
}

/** What another process does between the beginning and the end of a write of 7, which bears the tag. */
const interventions: Record<string, (of: Meanwhile) => Promise<unknown>> = {
  'an eviction': ({ store }) => store.evict(['7']),
  'a clear': ({ store }) => store.clear(),
  'an eviction by pattern': ({ store }) => store.evictMatching(glob`*7`),
  'an eviction of its tag': ({ tags, tag }) => tags.evict([tag]),
  'a value that nothing orders': ({ store }) => store.putMany([writeOf('7', 'bare')]),
  'another write': async ({ store }) =>
    store.finish(await store.begin(ask('7'), false), writeOf('7', 'other')),
  'another write that brought nothing': async ({ store }) =>
    store.finish(await store.begin(ask('7'), false), undefined),
};

/** Writes of the cache that a write without a key has to take for its own key's. */
const elsewhere: Record<string, (store: CacheStore) => Promise<unknown>> = {
  'an eviction of another key': (store) => store.evict(['8']),
  'an eviction of its key': (store) => store.evict(['7']),
  'an eviction by pattern': (store) => store.evictMatching(glob`8*`),
  'a clear': (store) => store.clear(),
  'a write': async (store) =>
    store.finish(await store.begin(ask('7'), false), writeOf('7', 'other')),
  'a write that brought nothing': async (store) =>
    store.finish(await store.begin(ask('7'), false), undefined),
  'a strict write': async (store) =>
    store.finish(await store.begin(ask('7'), true), writeOf('7', 'other')),
};

export function writesContract({ under, fresh }: Contract): void {
  const two = () => {
    const names = fresh();
    return [under().open(names), under().open(names)] as const;
  };
  const begin = (store: CacheStore, text = '7'): Promise<Lease> => store.begin(ask(text), false);

  describe('a write', () => {
    it('stores at its end, and leaves what is there until then', async () => {
      const [store, other] = two();
      await fill(store, '7', 'old');
      const lease = await begin(store);
      expect(await valueOf(other, '7')).toBe('old');
      expect(await store.finish(lease, writeOf('7', 'new'))).toBe(true);
      expect(await valueOf(other, '7')).toBe('new');
      await fill(other, '7', 'loaded');
    });

    it('that brought nothing to be stored removes what is there', async () => {
      const [store, other] = two();
      await fill(store, '7', 'old');
      expect(await store.finish(await begin(store), undefined)).toBe(false);
      expect(await valueOf(other, '7')).toBeUndefined();
    });

    it('that is abandoned leaves what is there', async () => {
      const [store, other] = two();
      await fill(store, '7', 'old');
      await store.abandon(await begin(store));
      expect(await valueOf(other, '7')).toBe('old');
      await fill(other, '7', 'new');
    });

    it('keeps loads from storing: those before it, and those meanwhile', async () => {
      const [store, other] = two();
      const load = await loadOf(other, '7');
      const lease = await begin(store);
      for (const each of [store, other]) {
        expect(await claimOf(each, ask('7'))).toEqual({ kind: 'barred' });
      }
      expect(await other.keep(load, writeOf('7', 'old'))).toBe(false);
      expect(await claimOf(other, ask('8'))).toMatchObject({ kind: 'won' });
      expect(await store.finish(lease, writeOf('7', 'new'))).toBe(true);
      expect(await valueOf(other, '7')).toBe('new');
    });

    it('is seen by a load that looked before it and claims after it', async () => {
      const [store, other] = two();
      const look = await other.look(ask('7'));
      await store.finish(await begin(store), writeOf('7', 'new'));
      expect(await claimAfter(other, ask('7'), look)).toEqual({ kind: 'changed' });
    });

    it('cannot be pushed aside by a load that would take over', async () => {
      const [store, other] = two();
      const load = await loadOf(other, '7');
      await begin(store);
      expect(await claimOf(other, ask('7'), load.token)).toEqual({ kind: 'barred' });
    });

    it('with a value that cannot be stored removes what it should have replaced', async () => {
      const [store, other] = two();
      await fill(store, '7', 'old');
      const finishing = store.finish(await begin(store), writeOf('7', { run: () => 1 }));
      await expect(finishing).rejects.toBeInstanceOf(CacheSerializationError);
      expect(await valueOf(other, '7')).toBeUndefined();
      await fill(other, '7', 'new');
    });

    it.each(Object.keys(interventions))('loses its value to %s', async (what) => {
      const [store, other] = two();
      const [tags, tag] = [under().tags(), freshTag()];
      const lease = await store.begin(ask('7', tag), false);
      await interventions[what]!({ store: other, tags, tag });
      await store.finish(lease, writeOf('7', 'mine', tag));
      expect(await valueOf(other, '7')).toBeUndefined();
      await fill(other, '7', 'loaded');
      expect(await valueOf(store, '7')).toBe('loaded');
    });

    it('bears the tags its value names, unless one was evicted meanwhile', async () => {
      const [store, other] = two();
      const [tags, late] = [under().tags(), freshTag()];
      const first = await store.begin(lateAsk('7'), false);
      expect(await store.finish(first, writeOf('7', 'new', late))).toBe(true);
      expect(await valueOf(other, '7')).toBe('new');
      await tags.evict([late]);
      expect(await valueOf(other, '7')).toBeUndefined();
      const second = await store.begin(lateAsk('7'), false);
      await tags.evict([late]);
      expect(await store.finish(second, writeOf('7', 'newer', late))).toBe(false);
      expect(await valueOf(other, '7')).toBeUndefined();
    });
  });

  describe('two writes that overlap', () => {
    it.each([
      ['in the order they began', (first: Lease, second: Lease) => [first, second]],
      ['in the other order', (first: Lease, second: Lease) => [second, first]],
    ])('leave no value, ending %s', async (_, order) => {
      const [store, other] = two();
      await fill(store, '7', 'old');
      const [first, second] = [await begin(store), await begin(other)];
      for (const lease of order(first, second)) {
        const by = lease === first ? store : other;
        await by.finish(lease, writeOf('7', lease.token));
      }
      expect(await valueOf(store, '7')).toBeUndefined();
      await fill(store, '7', 'new');
    });

    it('leave no value where one is abandoned, or brought nothing', async () => {
      const [store, other] = two();
      const [first, second] = [await begin(store), await begin(other)];
      await other.abandon(second);
      expect(await store.finish(first, writeOf('7', 'first'))).toBe(false);
      expect(await valueOf(other, '7')).toBeUndefined();
    });

    it('one after the other leave the later value', async () => {
      const [store, other] = two();
      for (const value of ['first', 'second', 'third']) {
        expect(await store.finish(await begin(store), writeOf('7', value))).toBe(true);
        expect(await valueOf(other, '7')).toBe(value);
      }
    });

    it('of different keys are apart', async () => {
      const [store, other] = two();
      const [first, second] = [await begin(store, '7'), await begin(other, '8')];
      expect(await store.finish(first, writeOf('7', 'seven'))).toBe(true);
      expect(await other.finish(second, writeOf('8', 'eight'))).toBe(true);
    });
  });

  describe('a write whose key is known only afterwards', () => {
    const finish = async (store: CacheStore, unkeyed: Unkeyed, value = 'mine') =>
      store.finish(await store.keyed(unkeyed, '7'), writeOf('7', value, ...unkeyed.tags));

    it('stores where no other write came between', async () => {
      const [store, other] = two();
      await fill(store, '7', 'old');
      const tag = freshTag();
      const unkeyed = await store.beginUnkeyed([tag], false);
      await fill(other, '8', 'loaded meanwhile');
      expect(await finish(store, unkeyed)).toBe(true);
      expect(await valueOf(other, '7')).toBe('mine');
      await under().tags().evict([tag]);
      expect(await valueOf(other, '7')).toBeUndefined();
    });

    it.each(Object.keys(elsewhere))('removes what is there after %s', async (what) => {
      const [store, other] = two();
      await fill(store, '7', 'old');
      const unkeyed = await store.beginUnkeyed([], false);
      await elsewhere[what]!(other);
      await finish(store, unkeyed);
      expect(await valueOf(other, '7')).toBeUndefined();
      expect(await finish(store, await store.beginUnkeyed([], false), 'later')).toBe(true);
      expect(await valueOf(other, '7')).toBe('later');
    });

    it('of which two overlap leave no value', async () => {
      const [store, other] = two();
      const [first, second] = [
        await store.beginUnkeyed([], false),
        await other.beginUnkeyed([], false),
      ];
      await finish(store, first, 'first');
      await finish(other, second, 'second');
      expect(await valueOf(store, '7')).toBeUndefined();
    });

    it('keeps its value out where another write of the key began meanwhile', async () => {
      const [store, other] = two();
      const unkeyed = await store.beginUnkeyed([], false);
      const known = await begin(other);
      await finish(store, unkeyed);
      await other.finish(known, writeOf('7', 'other'));
      expect(await valueOf(store, '7')).toBeUndefined();
    });

    it('stores nothing where a tag that its value names was evicted meanwhile', async () => {
      const [store, other] = two();
      const late = freshTag();
      const unkeyed = await store.beginUnkeyed([], true);
      await under().tags().evict([late]);
      const lease = await store.keyed(unkeyed, '7');
      expect(await store.finish(lease, writeOf('7', 'mine', late))).toBe(false);
      expect(await valueOf(other, '7')).toBeUndefined();
    });

    it('takes the lease from a load in flight', async () => {
      const [store, other] = two();
      const unkeyed = await store.beginUnkeyed([], false);
      const load = await loadOf(other, '7');
      expect(await finish(store, unkeyed)).toBe(true);
      expect(await other.keep(load, writeOf('7', 'old'))).toBe(false);
      expect(await valueOf(other, '7')).toBe('mine');
    });
  });
}
