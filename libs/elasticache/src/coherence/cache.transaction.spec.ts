import { describe, expect, it } from '@jest/globals';
import { glob } from '../key/glob.js';
import { CacheTransaction, type Enlisted } from './cache.transaction.js';

/** Writes that note what became of them. */
function noting() {
  const trail: string[] = [];
  const write = (name: string, failure?: Error): Enlisted => {
    const note = async (what: string) => {
      trail.push(`${what} ${name}`);
      if (failure) throw failure;
    };
    return { commit: () => note('commit'), rollback: () => note('rollback') };
  };
  return { trail, write };
}

const enlist = (write: Enlisted) => CacheTransaction.current()!.enlist(write);

describe('A unit of work', () => {
  it('is that of the code it runs, over turns, timers and calls; and of no other', async () => {
    expect(CacheTransaction.current()).toBeUndefined();
    const [first, second] = [CacheTransaction.begin(), CacheTransaction.begin()];
    const look = async () => {
      await new Promise((resolve) => setImmediate(resolve));
      await Promise.resolve();
      return CacheTransaction.current();
    };
    const seen = await Promise.all([first.run(look), look(), second.run(look)]);
    expect([seen[0] === first, seen[1], seen[2] === second]).toEqual([true, undefined, true]);
    await Promise.all([first.commit(), second.commit()]);
  });

  it('applies its writes one after another when its work resolves, and answers with its result', async () => {
    const { trail, write } = noting();
    const result = CacheTransaction.run(async () => {
      await enlist(write('a'));
      await enlist(write('b'));
      expect(trail).toEqual([]);
      return 'result';
    });
    expect(await result).toBe('result');
    expect(trail).toEqual(['commit a', 'commit b']);
  });

  it('drops them where its work fails, with its own error', async () => {
    const { trail, write } = noting();
    const error = new Error('own');
    for (const failure of [undefined, new Error('of the rollback')]) {
      const running = CacheTransaction.run(async () => {
        await enlist(write('a', failure));
        throw error;
      });
      await expect(running).rejects.toBe(error);
    }
    expect(trail).toEqual(['rollback a', 'rollback a']);
    await expect(
      CacheTransaction.run(() => {
        throw error;
      }),
    ).rejects.toBe(error);
  });

  it('applies the rest where one fails, and fails with the first', async () => {
    const { trail, write } = noting();
    const [first, second] = [new Error('first'), new Error('second')];
    const running = CacheTransaction.run(async () => {
      await enlist(write('a', first));
      await enlist(write('b', second));
      await enlist(write('c'));
    });
    await expect(running).rejects.toBe(first);
    expect(trail).toEqual(['commit a', 'commit b', 'commit c']);
  });

  it('within another is part of it', async () => {
    const { trail, write } = noting();
    await CacheTransaction.run(async () => {
      const outer = CacheTransaction.current();
      await CacheTransaction.run(async () => {
        expect(CacheTransaction.current()).toBe(outer);
        await enlist(write('inner'));
      });
      await expect(
        CacheTransaction.run(() => Promise.reject(new Error('inner'))),
      ).rejects.toThrow();
      expect(trail).toEqual([]);
      await enlist(write('outer'));
    });
    expect(trail).toEqual(['commit inner', 'commit outer']);
  });

  it('ends once, as it ended first', async () => {
    const { trail, write } = noting();
    const unit = CacheTransaction.begin();
    await unit.enlist(write('a'));
    await Promise.all([unit.commit(), unit.rollback(), unit.commit()]);
    expect(trail).toEqual(['commit a']);
  });

  it('that is over has no more to do with the code that runs in it', async () => {
    const [unit, beside] = [CacheTransaction.begin(), CacheTransaction.begin()];
    await unit.run(async () => {
      await unit.commit();
      expect(CacheTransaction.current()).toBeUndefined();
      const { trail, write } = noting();
      await CacheTransaction.run(() => enlist(write('next')));
      expect(trail).toEqual(['commit next']);
    });
    await beside.rollback();
  });

  it.each([
    ['commit', 'commit late'],
    ['rollback', 'rollback late'],
  ] as const)(
    'that ended by %s lets a write end so, too, that comes too late',
    async (end, what) => {
      const { trail, write } = noting();
      const unit = CacheTransaction.begin();
      await unit[end]();
      await unit.enlist(write('late'));
      expect(trail).toEqual([what]);
    },
  );

  it('can be left for what is no part of it', async () => {
    await CacheTransaction.run(async () => {
      expect(CacheTransaction.outside(() => CacheTransaction.current())).toBeUndefined();
      expect(CacheTransaction.current()).toBeDefined();
    });
    expect(CacheTransaction.outside(() => 'outside of any')).toBe('outside of any');
  });

  it('under way beside one that ends goes on', async () => {
    const [first, second] = [CacheTransaction.begin(), CacheTransaction.begin()];
    await second.run(async () => {
      await first.commit();
      expect(CacheTransaction.current()).toBe(second);
    });
    await second.rollback();
  });
});

describe('What a unit of work has changed', () => {
  const [articles, lists] = [{}, {}];
  const begin = () => CacheTransaction.begin();

  it('is concealed from its reads: keys, patterns, whole caches, tags', async () => {
    const unit = begin();
    unit.conceal(articles, { text: '7' });
    unit.conceal(articles, glob`user:${1}:*`);
    unit.conceal(lists, 'everything');
    unit.concealTags(['news']);
    const concealed = [
      [articles, '7', []],
      [articles, 'user:1:x', []],
      [lists, 'anything', []],
      [articles, '8', ['other', 'news']],
    ] as const;
    const shown = [
      [articles, '8', []],
      [articles, 'user:2:x', []],
      [{}, '7', []],
      [articles, '8', ['other']],
    ] as const;
    for (const [cache, text, tags] of concealed) {
      expect(unit.conceals(cache, text, tags)).toBe(true);
    }
    for (const [cache, text, tags] of shown) expect(unit.conceals(cache, text, tags)).toBe(false);
    await unit.rollback();
  });

  it('is nothing at first, and not what another has changed', async () => {
    const [unit, other] = [begin(), begin()];
    other.conceal(articles, 'everything');
    other.concealTags(['news']);
    expect(unit.conceals(articles, '7', ['news'])).toBe(false);
    await Promise.all([unit.rollback(), other.rollback()]);
  });
});
