import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { CacheUnavailableError } from '../errors/cache.errors.js';
import { Glob, glob } from '../key/glob.js';
import { Journal } from './journal.js';

function refusal(reply: string): Error {
  const cause = Object.assign(new Error(reply), { name: 'ReplyError' });
  const params = { where: 'a cache', problem: reply };
  return new CacheUnavailableError('CACHE_UNAVAILABLE', params, cause);
}

describe('The journal', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  function open() {
    const done: string[] = [];
    const replayed: number[] = [];
    const told: string[] = [];
    const server = { isUp: true, refuses: /^$/, hangs: /^$/, during: async () => {} };
    const say = async (what: string) => {
      if (!server.isUp || server.hangs.test(what)) throw new Error('away');
      if (server.refuses.test(what)) throw refusal('NOPERM');
      await server.during();
      done.push(what);
    };
    const journal = new Journal(
      {
        clear: (cache) => say(`clear ${cache}`),
        evictTags: (tags) => say(`tags ${tags.join(',')}`),
        cacheNames: () => ['a', 'b', 'c'],
        refused: (cache, error) => {
          told.push(`${cache}: ${(error.cause as Error).message}`);
          throw new Error('the handler fails');
        },
      },
      (count) => void replayed.push(count),
    );
    const at = (cache: string, scope = 'global') => {
      const name = scope === 'global' ? cache : `${scope} ${cache}`;
      return journal.at({
        cache,
        scope,
        store: () => ({
          evict: (texts) => say(`evict ${name} ${texts.join(',')}`),
          clear: () => say(`clear ${name} in its scope`),
        }),
      });
    };
    return { journal, at, server, done, replayed, told };
  }

  it('conceals what it holds, and nothing else', () => {
    const { journal, at } = open();
    expect([journal.isEmpty, at('a').conceals('1', ['t'])]).toEqual([true, false]);
    at('a').note({ texts: ['1', '2'] });
    at('b').note('everything');
    journal.noteTags(['t']);
    expect(at('a').conceals('1', [])).toBe(true);
    expect(at('a').conceals('3', [])).toBe(false);
    expect(at('a').conceals('3', ['s', 't'])).toBe(true);
    expect(at('b').conceals('any', [])).toBe(true);
    expect(at('c').conceals('1', [])).toBe(false);
  });

  it('keeps the scopes of a cache apart', async () => {
    const { journal, at, done } = open();
    at('a', 't=one').note({ texts: ['1'] });
    at('a', 't=two').note('everything');
    expect(at('a', 't=one').conceals('1', [])).toBe(true);
    expect(at('a', 't=two').conceals('1', [])).toBe(true);
    expect(at('a').conceals('1', [])).toBe(false);
    expect(at('a', 't=three').conceals('1', [])).toBe(false);
    journal.noteCaches(['a']);
    expect(at('a', 't=three').conceals('1', [])).toBe(true);
    expect(at('b').conceals('1', [])).toBe(false);
    journal.noteAll();
    expect(at('b').conceals('1', [])).toBe(true);
    await journal.replay();
    const places = ['evict t=one a 1', 'clear t=two a in its scope'];
    expect(done).toEqual([...places, 'clear a', 'clear b', 'clear c']);
  });

  it('evicts what it holds in its order, each once, together what one command can do', async () => {
    const { journal, at, done, replayed } = open();
    at('a').note({ texts: ['1', '2'] });
    at('a').note({ texts: ['1'] });
    at('b').note({ texts: ['1'] });
    journal.noteTags(['t', 's']);
    at('a').note({ texts: ['3'] });
    await journal.replay();
    expect(done).toEqual(['evict a 2,1,3', 'evict b 1', 'tags t,s']);
    expect([journal.isEmpty, replayed]).toEqual([true, [6]]);
  });

  it('makes up for a pattern by a clear, and for one of a single key by that', async () => {
    const { journal, at, done } = open();
    at('a').note(glob`7*`);
    at('b').note(Glob.literal(7, 'test'));
    expect(at('a').conceals('8', [])).toBe(true);
    await journal.replay();
    expect(done).toEqual(['clear a in its scope', 'evict b 7']);
  });

  it('keeps what fails, and tries again by itself, ever more seldom', async () => {
    const { journal, at, server, done, replayed } = open();
    server.isUp = false;
    at('a').note({ texts: ['1'] });
    await jest.advanceTimersByTimeAsync(1_000);
    expect([at('a').conceals('1', []), replayed]).toEqual([true, []]);
    server.isUp = true;
    await jest.advanceTimersByTimeAsync(5_000);
    expect([done, journal.isEmpty]).toEqual([['evict a 1'], true]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('keeps what is refused, tells why, and makes up for all else meanwhile', async () => {
    const { journal, at, server, done, replayed, told } = open();
    server.refuses = /evict a.*2|tags/;
    at('a').note({ texts: ['1', '2', '3'] });
    journal.noteTags(['t']);
    at('b').note({ texts: ['1'] });
    await journal.replay();
    expect(done).toEqual(['evict a 1', 'evict a 3', 'evict b 1']);
    expect(at('a').conceals('2', [])).toBe(true);
    expect(at('a').conceals('1', [])).toBe(false);
    await jest.advanceTimersByTimeAsync(5_000); // tried time and again, and told once
    expect([told, replayed]).toEqual([['a: NOPERM', '*: NOPERM'], [3]]);
    server.refuses = /^$/;
    await jest.advanceTimersByTimeAsync(5_000);
    expect(done.slice(3)).toEqual(['evict a 2', 'tags t']);
    expect([journal.isEmpty, told.length]).toEqual([true, 2]);
    server.refuses = /evict a/;
    at('a').note({ texts: ['2'] });
    await journal.replay();
    expect(told).toEqual(['a: NOPERM', '*: NOPERM', 'a: NOPERM']);
    await journal.close();
  });

  it('waits once for who is away, and then with all others at a time', async () => {
    const { journal, at, server, done } = open();
    server.hangs = /evict b/;
    let underWay = 0;
    const together: number[] = [];
    server.during = async () => {
      together.push(++underWay);
      await Promise.resolve();
      underWay--;
    };
    for (const cache of ['a', 'b', 'c', 'd', 'e']) at(cache).note({ texts: ['1'] });
    await journal.replay();
    expect(done).toEqual(['evict a 1', 'evict c 1', 'evict d 1', 'evict e 1']);
    expect(together).toEqual([1, 1, 2, 3]);
    expect([at('b').conceals('1', []), at('e').conceals('1', [])]).toEqual([true, false]);
    server.hangs = /^$/;
    await journal.close();
  });

  it('keeps what fails again while it is being made up for', async () => {
    const { journal, at, server, done } = open();
    at('a').note({ texts: ['1', '2'] });
    server.during = async () => at('a').note({ texts: ['1'] });
    await journal.replay();
    expect([at('a').conceals('1', []), at('a').conceals('2', [])]).toEqual([true, false]);
    server.during = async () => {};
    await jest.advanceTimersByTimeAsync(200);
    expect([done, journal.isEmpty]).toEqual([['evict a 1,2', 'evict a 1'], true]);
  });

  it('holds so many, beyond which the caches concerned are cleared, all of them for a tag', async () => {
    const { journal, at, done } = open();
    const texts = (count: number) => Array.from({ length: count }, (_, i) => `${i}`);
    at('a').note({ texts: texts(9_999) });
    at('b').note({ texts: ['1'] });
    expect(at('b').conceals('2', [])).toBe(false);
    at('b').note({ texts: ['2'] });
    expect([at('a').conceals('other', []), at('c').conceals('1', [])]).toEqual([true, false]);
    await journal.replay();
    expect(done).toEqual(['clear a', 'clear b']);
    journal.noteTags(texts(10_001));
    expect(at('c').conceals('1', [])).toBe(true);
    expect(journal.counts()).toEqual(
      new Map([
        ['a', 1],
        ['b', 1],
        ['c', 1],
      ]),
    );
  });

  it('tries once more when it is closed, and knows what it held', async () => {
    const { journal, at, server, done } = open();
    server.isUp = false;
    at('a').note({ texts: ['1', '2'] });
    journal.noteTags(['t']);
    await journal.close();
    expect(journal.counts()).toEqual(
      new Map([
        ['a', 2],
        ['*', 1],
      ]),
    );
    expect(jest.getTimerCount()).toBe(0);
    const other = open();
    other.at('a').note('everything');
    await other.journal.close();
    expect([other.done, done]).toEqual([['clear a in its scope'], []]);
  });
});
