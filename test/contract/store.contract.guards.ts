/** A strict write is guarded from before its method to after it: nothing that it may make untrue is stored meanwhile. */
import { describe, expect, it } from '@jest/globals';
import { glob } from '../../libs/elasticache/src/key/glob.js';
import type { CacheStore, Guard, Lease } from '../../libs/elasticache/src/store/cache.store.js';
import type { Contract } from './store.subject.js';
import {
  ask,
  claimAfter,
  claimOf,
  fill,
  freshTag,
  lateAsk,
  loadOf,
  looksAt,
  valueOf,
  writeOf,
} from './store.subject.js';

const everything = { everything: true } as const;

export function guardsContract({ under, fresh, open }: Contract): void {
  const two = () => {
    const names = fresh();
    return [under().open(names), under().open(names)] as const;
  };
  const guardOf = (store: CacheStore, ...texts: string[]): Promise<Guard> => store.guard({ texts });

  describe('a guard of keys', () => {
    it('removes the entries, and lets nobody store until it is lifted', async () => {
      const [store, other] = two();
      await fill(store, '7');
      const load = await loadOf(other, '8');
      const guard = await guardOf(store, '7', '8');
      expect([await valueOf(other, '7'), await valueOf(other, '8')]).toEqual([
        undefined,
        undefined,
      ]);
      expect(await other.keep(load, writeOf('8', 'old'))).toBe(false);
      for (const each of [store, other]) {
        expect(await claimOf(each, ask('7'))).toEqual({ kind: 'barred' });
      }
      expect(await other.putMany([writeOf('7', 'bare')])).toEqual([false]);
      await other.putIfAbsent(ask('7'), writeOf('7', 'bare'));
      expect(await valueOf(other, '7')).toBeUndefined();
      await guard.lift();
      await fill(other, '7', 'new');
      expect(await valueOf(store, '7')).toBe('new');
    });

    it.each([
      ['first come, first gone', (guards: Guard[]) => guards],
      ['last come, first gone', (guards: Guard[]) => guards.toReversed()],
    ])('of several writers holds until the last has left: %s', async (_, order) => {
      const [store, other] = two();
      const guards = [
        await guardOf(store, '7'),
        await guardOf(other, '7'),
        await guardOf(store, '7'),
      ];
      for (const guard of order(guards)) {
        expect(await claimOf(store, ask('7'))).toEqual({ kind: 'barred' });
        await guard.lift();
      }
      await fill(other, '7', 'new');
    });

    it('is not lifted by evictions, writes and values of others', async () => {
      const [store, other] = two();
      const guard = await guardOf(store, '7');
      const write = await other.begin(ask('7'), false);
      await other.evict(['7']);
      await other.evictMatching(glob`7*`);
      expect(await other.finish(write, writeOf('7', 'other'))).toBe(false);
      await other.putMany([writeOf('7', 'bare')]);
      await other.finish(
        await other.keyed(await other.beginUnkeyed([], false), '7'),
        writeOf('7', 'other'),
      );
      expect(await claimOf(other, ask('7'))).toEqual({ kind: 'barred' });
      expect(await valueOf(other, '7')).toBeUndefined();
      await guard.lift();
      await fill(other, '7', 'new');
    });

    it('lifted twice is lifted once', async () => {
      const [store, other] = two();
      const [guard, later] = [await guardOf(store, '7'), await guardOf(other, '7')];
      await guard.lift();
      await guard.lift();
      expect(await claimOf(store, ask('7'))).toEqual({ kind: 'barred' });
      await later.lift();
      await fill(store, '7', 'new');
    });
  });

  describe('a guard that cannot be lifted', () => {
    it('holds until it has ended by itself', async () => {
      const [store, other] = two();
      (await guardOf(store, '7')).lapse();
      expect(await claimOf(other, ask('7'))).toEqual({ kind: 'barred' });
      (await store.guard({ ...everything, restore: true })).lapse();
      expect(await claimOf(other, ask('8'))).toEqual({ kind: 'barred' });
    });
  });

  describe('a strict put', () => {
    const begin = (store: CacheStore): Promise<Lease> => store.begin(ask('7'), true);

    it('alone stores its value', async () => {
      const [store, other] = two();
      await fill(store, '7', 'old');
      const lease = await begin(store);
      expect(await valueOf(other, '7')).toBeUndefined();
      expect(await claimOf(other, ask('7'))).toEqual({ kind: 'barred' });
      expect(await store.finish(lease, writeOf('7', 'new'))).toBe(true);
      expect(await valueOf(other, '7')).toBe('new');
      await fill(other, '7', 'loaded');
    });

    it.each([
      ['in the order they began', (first: Lease, second: Lease) => [first, second]],
      ['in the other order', (first: Lease, second: Lease) => [second, first]],
    ])('of which two overlap leave no value, ending %s', async (_, order) => {
      const [store, other] = two();
      const [first, second] = [await begin(store), await begin(other)];
      for (const lease of order(first, second)) {
        const by = lease === first ? store : other;
        expect(await by.finish(lease, writeOf('7', lease.token))).toBe(false);
      }
      expect(await valueOf(store, '7')).toBeUndefined();
      await fill(store, '7', 'new');
    });

    it.each<[string, (store: CacheStore) => Promise<unknown>]>([
      ['an eviction', (store) => store.evict(['7'])],
      ['an eviction by pattern', (store) => store.evictMatching(glob`7`)],
      ['a strict eviction', async (store) => (await guardOf(store, '7')).lift()],
      ['a clear', (store) => store.clear()],
      ['a value that nothing orders', (store) => store.putMany([writeOf('7', 'bare')])],
      [
        'a write that is not strict',
        async (store) => store.finish(await store.begin(ask('7'), false), writeOf('7', 'other')),
      ],
    ])('loses its value to %s', async (_, intervene) => {
      const [store, other] = two();
      const lease = await begin(store);
      await intervene(other);
      await store.finish(lease, writeOf('7', 'mine'));
      expect(await valueOf(other, '7')).toBeUndefined();
      await fill(other, '7', 'new');
    });

    it('that is abandoned leaves nothing, and nobody barred', async () => {
      const [store, other] = two();
      await fill(store, '7', 'old');
      await store.abandon(await begin(store));
      expect(await valueOf(other, '7')).toBeUndefined();
      await fill(other, '7', 'new');
    });

    it('after another stores its value', async () => {
      const [store, other] = two();
      const lease = await begin(store);
      await store.finish(lease, writeOf('7', 'first'));
      expect(await other.finish(await begin(other), writeOf('7', 'second'))).toBe(true);
      expect(await valueOf(store, '7')).toBe('second');
    });
  });

  describe('a guard of the whole cache', () => {
    it('hides every entry, and shows them again where nothing was to be removed', async () => {
      const [store, other] = two();
      await fill(store, '7', 'seven');
      await fill(store, '8', 'eight');
      const guard = await store.guard({ ...everything, restore: true });
      expect([await valueOf(other, '7'), await valueOf(other, '8')]).toEqual([
        undefined,
        undefined,
      ]);
      expect(await claimOf(other, ask('9'))).toEqual({ kind: 'barred' });
      await store.evict(['8']);
      await guard.lift();
      expect([await valueOf(other, '7'), await valueOf(other, '8')]).toEqual(['seven', undefined]);
      await fill(other, '9', 'nine');
    });

    it('of a clear leaves nothing', async () => {
      const [store, other] = two();
      await fill(store, '7');
      const load = await loadOf(other, '8');
      const guard = await store.guard({ ...everything, restore: false });
      await other.keep(load, writeOf('8', 'old'));
      expect(await valueOf(other, '8')).toBeUndefined();
      await guard.lift();
      expect([await valueOf(other, '7'), await valueOf(other, '8')]).toEqual([
        undefined,
        undefined,
      ]);
      await fill(other, '7', 'new');
    });

    it.each([
      ['of the clear first', 0],
      ['of the clear last', 1],
    ])('beside that of a clear shows nothing again, lifted %s', async (_, first) => {
      const [store, other] = two();
      await fill(store, '7');
      const guards = [
        await store.guard({ ...everything, restore: false }),
        await other.guard({ ...everything, restore: true }),
      ];
      await guards[first]!.lift();
      expect(await valueOf(store, '7')).toBeUndefined();
      expect(await claimOf(store, ask('7'))).toEqual({ kind: 'barred' });
      await guards[1 - first]!.lift();
      expect(await valueOf(store, '7')).toBeUndefined();
      await fill(store, '7', 'new');
    });

    it('beside another of its kind shows what is there once both are lifted', async () => {
      const [store, other] = two();
      await fill(store, '7', 'kept');
      const guards = [
        await store.guard({ ...everything, restore: true }),
        await other.guard({ ...everything, restore: true }),
      ];
      await guards[0]!.lift();
      expect(await valueOf(store, '7')).toBeUndefined();
      await guards[1]!.lift();
      expect(await valueOf(store, '7')).toBe('kept');
    });

    it('shows nothing again that was cleared meanwhile', async () => {
      const [store, other] = two();
      await fill(store, '7');
      const guard = await store.guard({ ...everything, restore: true });
      await other.clear();
      expect(await claimOf(other, ask('7'))).toEqual({ kind: 'barred' });
      await guard.lift();
      expect(await valueOf(other, '7')).toBeUndefined();
      await fill(other, '7', 'new');
    });

    it('bars a load that looked before it and claims after it', async () => {
      const [store, other] = two();
      const look = await other.look(ask('7')); // nobody has made a version yet
      const guard = await store.guard({ ...everything, restore: true });
      expect(await claimAfter(other, ask('7'), look)).toEqual({ kind: 'barred' });
      expect(await claimOf(other, ask('7'))).toEqual({ kind: 'barred' });
      await guard.lift();
      await fill(other, '7', 'new');
    });

    it('keeps writes from storing', async () => {
      const [store, other] = two();
      const guard = await store.guard({ ...everything, restore: false });
      await other.finish(await other.begin(ask('7'), false), writeOf('7', 'other'));
      await other.putMany([writeOf('8', 'bare')]);
      await other.putIfAbsent(ask('9'), writeOf('9', 'bare'));
      await guard.lift();
      const looks = await looksAt(
        store,
        ['7', '8', '9'].map((text) => ask(text)),
      );
      expect(looks.map(({ entry }) => entry?.value)).toEqual([undefined, undefined, undefined]);
    });
  });

  describe('a guard of tags', () => {
    it('hides the entries that bear one, and lets none be stored until it is lifted', async () => {
      const [store, other] = [open(), open()];
      const [tag, kept] = [freshTag(), freshTag()];
      await fill(store, ask('7', tag));
      await fill(other, ask('7', tag, kept));
      await fill(store, ask('8', kept));
      const load = await loadOf(store, ask('9', tag));
      const guard = await under().tags().guard([tag]);
      expect(await valueOf(store, ask('7', tag))).toBeUndefined();
      expect(await valueOf(other, ask('7'))).toBeUndefined();
      expect(await valueOf(store, ask('8', kept))).toBe('old');
      expect(await claimOf(store, ask('7', tag))).toEqual({ kind: 'barred' });
      expect(await claimOf(store, ask('6', kept))).toMatchObject({ kind: 'won' });
      await store.keep(load, writeOf('9', 'old', tag));
      expect(await valueOf(store, ask('9', tag))).toBeUndefined();
      await guard.lift();
      expect(await valueOf(store, ask('7', tag))).toBeUndefined();
      expect(await valueOf(store, ask('9', tag))).toBeUndefined();
      await fill(store, ask('7', tag), 'new');
      expect(await valueOf(store, ask('7', tag))).toBe('new');
    });

    it('reaches loads that name the tag only with their value', async () => {
      const store = open();
      const [tag, texts] = [freshTag(), ['7', '8', '9']];
      const before = await loadOf(store, lateAsk('7'));
      const guard = await under().tags().guard([tag]);
      expect(await store.keep(before, writeOf('7', 'old', tag))).toBe(false);
      for (const text of ['8', '9']) {
        const claim = await claimOf(store, lateAsk(text));
        if (text === '9') await guard.lift();
        const stored =
          claim.kind === 'won' && (await store.keep(claim.lease, writeOf(text, 'old', tag)));
        expect(stored).toBe(false);
      }
      const looks = await looksAt(
        store,
        texts.map((text) => ask(text)),
      );
      expect(looks.map(({ entry }) => entry?.value)).toEqual([undefined, undefined, undefined]);
      const after = await loadOf(store, lateAsk('7'));
      expect(await store.keep(after, writeOf('7', 'new', tag))).toBe(true);
      expect(await valueOf(store, '7')).toBe('new');
    });

    it('of several writers holds until the last has left', async () => {
      const store = open();
      const [tag, other] = [freshTag(), freshTag()];
      const guards = [await under().tags().guard([tag]), await under().tags().guard([other, tag])];
      await guards[0]!.lift();
      expect(await claimOf(store, ask('7', tag))).toEqual({ kind: 'barred' });
      await under().tags().evict([tag]);
      expect(await claimOf(store, ask('7', tag))).toEqual({ kind: 'barred' });
      await guards[1]!.lift();
      await fill(store, ask('7', tag, other), 'new');
    });
  });
}
