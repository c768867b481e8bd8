import { createHash } from 'node:crypto';

import { describe, expect, it } from '@jest/globals';
import slotOf from 'cluster-key-slot';
import fc from 'fast-check';

import { glob } from './glob.js';
import { encodeKey } from './key.encoding.js';
import {
  boundedText,
  isShort,
  keyOfLease,
  KeyLayout,
  leaseOf,
  shortKey,
  TagLayout,
} from './key.layout.js';

const articles = new KeyLayout({ namespace: 'shop', version: 1, cache: 'articles' });
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const textOf = (key: unknown) => encodeKey(key, 'spec');

describe('the key of an entry', () => {
  it.each<[unknown, string]>([
    [7, 'shop:v1:global:articles:7'],
    ['7', "shop:v1:global:articles:'7"],
    [[0, 20], 'shop:v1:global:articles:0:20'],
    ['', 'shop:v1:global:articles:'],
    ['a:b', 'shop:v1:global:articles:a%3Ab'],
  ])('of %j', (key, full) => {
    expect(articles.entry(textOf(key))).toBe(full);
    expect(articles.owns(full)).toBe(true);
  });

  it('keeps namespace, version and cache in their segments', () => {
    const hostile = new KeyLayout({ namespace: 'a:b', version: '2*', cache: '{x}[?] \\' });
    expect(hostile.prefix).toBe('a%3Ab:v2%2A:global:%7Bx%7D%5B%3F%5D%20%5C:');
  });

  it("is no other cache's, version's or namespace's", () => {
    const others = [
      { namespace: 'shop', version: 1, cache: 'article' },
      { namespace: 'shop', version: 1, cache: 'articlesLists' },
      { namespace: 'shop', version: 11, cache: 'articles' },
      { namespace: 'shop:v1', version: 1, cache: 'articles' },
    ].map((names) => new KeyLayout(names));
    for (const other of others) {
      expect(articles.owns(other.entry('7'))).toBe(false);
      expect(other.owns(articles.entry('7'))).toBe(false);
    }
  });

  it('is found by the pattern of its cache, or of a glob', () => {
    expect(articles.pattern()).toBe('shop:v1:global:articles:*');
    expect(articles.pattern(glob`user:${'[a]'}:*`)).toBe('shop:v1:global:articles:user:%5Ba%5D:*');
    expect(articles.owns(articles.entry('user:1:x'), glob`user:${1}:*`)).toBe(true);
    expect(articles.owns(articles.entry('user:2:x'), glob`user:${1}:*`)).toBe(false);
  });
});

describe('a long key', () => {
  const room = 512 - articles.prefix.length;

  it('is whole up to 512 bytes', () => {
    expect(articles.entry('x'.repeat(room))).toBe(articles.prefix + 'x'.repeat(room));
  });

  it('beyond, keeps 447 bytes and ends in the digest of the whole', () => {
    const whole = articles.prefix + 'x'.repeat(room + 1);
    expect(articles.entry('x'.repeat(room + 1))).toBe(`${whole.slice(0, 447)}~${sha256(whole)}`);
  });

  it('is measured in bytes, and cut between characters', () => {
    const whole = 'é'.repeat(257);
    expect(boundedText('é'.repeat(256))).toBe('é'.repeat(256));
    expect(boundedText(whole)).toBe(`${'é'.repeat(223)}~${sha256(whole)}`);
    expect(boundedText('🦊'.repeat(200))).toMatch(/^(?:🦊){111}~[0-9a-f]{64}$/u);
  });

  it('of a megabyte stays within 512 bytes, and distinct from its like', () => {
    const megabyte = 'x'.repeat(1 << 20);
    const keys = [`${megabyte}a`, `${megabyte}b`, [megabyte], [megabyte, 1], ` :*{${megabyte}`];
    const bounded = keys.flatMap((key) => [articles.entry(textOf(key)), boundedText(textOf(key))]);
    expect(new Set(bounded).size).toBe(bounded.length);
    expect(Math.max(...bounded.map((key) => Buffer.byteLength(key)))).toBeLessThanOrEqual(512);
    for (const key of keys) expect(articles.owns(articles.entry(textOf(key)))).toBe(true);
  });

  it('cannot be forged: what looks shortened is shortened again', () => {
    const ending = (character: string) =>
      [0, 1, 2, 3].map((n) => 'x'.repeat(n) + character.repeat(600));
    for (const text of ['x', 'é', '字', '🦊'].flatMap(ending)) {
      const shortened = boundedText(text);
      expect(Buffer.byteLength(shortened)).toBeGreaterThan(508);
      expect(boundedText(shortened)).not.toBe(shortened);
    }
    const short = `${'x'.repeat(443)}~${'0'.repeat(64)}`;
    expect(boundedText(short)).toBe(short);
  });

  it('stays distinct, short or long, in memory and in the shared tier', () => {
    const unit = fc.constantFrom('a', 'é', '字', '🦊', `~${'0'.repeat(64)}`);
    const long = fc.tuple(fc.integer({ min: 430, max: 520 }), fc.array(unit, { maxLength: 4 }));
    const text = long.map(([length, tail]) => 'x'.repeat(length) + tail.join(''));
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(boundedText(a) === boundedText(b)).toBe(a === b);
        expect(articles.entry(a) === articles.entry(b)).toBe(a === b);
        expect(Buffer.byteLength(boundedText(a))).toBeLessThanOrEqual(512);
      }),
    );
  });

  it('still belongs to its cache where the names are long themselves', () => {
    const names = { namespace: 'shop', version: 1 };
    const [a, b] = ['a', 'b'].map(
      (end) => new KeyLayout({ ...names, cache: 'c'.repeat(2_000) + end }),
    );
    const entry = a!.entry('x'.repeat(600));
    expect(Buffer.byteLength(entry)).toBeLessThanOrEqual(512);
    expect([a!.owns(entry), b!.owns(entry)]).toEqual([true, false]);
  });
});

describe('the keys beside the entries', () => {
  it('are the version of the cache, for all its schema versions one, and its write epoch', () => {
    expect([articles.version, articles.writes]).toEqual([
      'shop:~cache:articles',
      'shop:~writes:articles',
    ]);
    const next = new KeyLayout({ namespace: 'shop', version: 2, cache: 'articles' });
    expect([next.version, next.writes]).toEqual([articles.version, articles.writes]);
  });

  it('are the version of each tag, and the epoch of all', () => {
    const tags = new TagLayout('shop');
    expect(tags.epoch).toBe('shop:~tags');
    expect(tags.version('news')).toBe('shop:~tag:news');
    expect(tags.version('author:7')).toBe('shop:~tag:author%3A7');
    expect(new TagLayout('a:b').version('{x}*')).toBe('a%3Ab:~tag:%7Bx%7D%2A');
  });

  it('are no entries of any cache, and none is another', () => {
    const names = ['articles', '~cache', '~tag', 'v1', 'global'];
    const layouts = names.flatMap((cache) =>
      ['shop', 'shop:~tag', '~cache'].map((namespace) => ({ namespace, cache })),
    );
    const keys = layouts.flatMap(({ namespace, cache }) => {
      const layout = new KeyLayout({ namespace, version: 1, cache });
      return [layout.version, layout.writes, new TagLayout(namespace).version(cache)];
    });
    const epochs = ['shop', 'shop:~tag', '~cache'].map((name) => new TagLayout(name).epoch);
    expect(new Set([...keys, ...epochs]).size).toBe(keys.length + epochs.length);
    for (const { namespace, cache } of layouts) {
      const layout = new KeyLayout({ namespace, version: 1, cache });
      for (const key of [...keys, ...epochs]) expect(layout.owns(key)).toBe(false);
    }
  });

  it('stay within 512 bytes, and distinct', () => {
    const long = ['a', 'b'].map((end) => 'x'.repeat(2_000) + end);
    const keys = long.flatMap((name) => {
      const layout = new KeyLayout({ namespace: 'shop', version: 1, cache: name });
      return [layout.version, layout.writes, new TagLayout('shop').version(name)];
    });
    expect(new Set(keys).size).toBe(6);
    for (const key of keys) expect(Buffer.byteLength(key)).toBeLessThanOrEqual(512);
  });
});

describe('the lease of an entry', () => {
  const keys = [7, '', 'a:b', '{a}', '}', [0, 20], 'x'.repeat(600)].map((key) =>
    articles.entry(textOf(key)),
  );

  it('is hashed by the key of the entry, whole', () => {
    expect(leaseOf(articles.entry('7'))).toBe('{shop:v1:global:articles:7}:lease');
    for (const key of keys) expect(slotOf(leaseOf(key))).toBe(slotOf(key));
  });

  it('leads back to the entry, and is none', () => {
    for (const key of keys) {
      expect(keyOfLease(leaseOf(key))).toBe(key);
      expect(articles.owns(leaseOf(key))).toBe(false);
    }
  });
});

describe('the short key', () => {
  it.each([0, 7, -1, 2 ** 31 - 1, -(2 ** 31)])('of %d is the number, and that of its text', (n) => {
    expect([isShort(n), shortKey(n), shortKey(textOf(n))]).toEqual([true, n, n]);
  });

  it.each(['', '-', '-0', '00', '07', '1.0', '1e3', '0x1', "'7", '7n', '2147483648', 'NaN'])(
    'of %j is the text',
    (text) => {
      expect(shortKey(text)).toBe(text);
    },
  );

  it.each([1.5, NaN, Infinity, 2 ** 31, '7', null, undefined])('%p is none', (key) => {
    expect(isShort(key)).toBe(false);
  });

  it('tells apart what has different texts', () => {
    const text = fc.oneof(fc.integer().map(String), fc.stringMatching(/^[-0-9.e]{0,12}$/));
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(shortKey(a) === shortKey(b)).toBe(a === b);
        expect(String(shortKey(a))).toBe(a);
      }),
    );
  });
});
