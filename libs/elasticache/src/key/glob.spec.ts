import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { Glob, glob, globOf } from './glob.js';
import { encodeKey } from './key.encoding.js';

const textOf = (key: unknown) => encodeKey(key, 'spec');
const HOSTILE = [...":{}*?[]\\%'@=^-!a1 \n\0", '\ud800', '**', '%2A', 'true', '🦊'];
const hostile = fc
  .array(fc.constantFrom(...HOSTILE), { maxLength: 4 })
  .map((parts) => parts.join(''));

describe('a glob', () => {
  it.each<[string, string, boolean]>([
    ['*', '', true],
    ['*', 'a:b', true],
    ['', '', true],
    ['', 'a', false],
    ['user:*', 'user:1:x', true],
    ['user:*', 'user', false],
    ['user:*', 'xuser:1', false],
    ['*:x', 'user:1:x', true],
    ['*:x', 'user:1:xy', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['a?c', 'a🦊c', true],
    ['a??c', 'a🦊c', false],
    ['a*b*c', 'a-b-b-c', true],
    ['a*b*c', 'a-c-b', false],
    ['[ab]', 'a', false],
    ['[ab]', '[ab]', true],
    ['a^-b', 'a^-b', true],
    ['a\\*', 'a\\bc', true],
  ])('%j over %j: %s', (pattern, text, isMatch) => {
    expect(globOf(pattern).matches(text)).toBe(isMatch);
  });

  it('agrees with a regular expression', () => {
    const piece = fc.constantFrom('*', '?', 'a', 'b', ':', '[', '\\', '^', '.', '🦊');
    const letter = fc.constantFrom('a', 'b', ':', '[', '\\', '^', '.', '🦊');
    const pieces = fc.array(piece, { maxLength: 8 });
    const letters = fc.array(letter, { maxLength: 8 });
    fc.assert(
      fc.property(pieces, letters, (pattern, text) => {
        const wildcards = new Map([
          ['*', '.*'],
          ['?', '.'],
        ]);
        const source = pattern.map((p) => wildcards.get(p) ?? p.replace(/[[\\^.]/, '\\$&'));
        const naive = new RegExp(`^${source.join('')}$`, 'su');
        expect(globOf(pattern.join('')).matches(text.join(''))).toBe(naive.test(text.join('')));
      }),
      { numRuns: 5_000 },
    );
  });

  it('does not explode on many wildcards', () => {
    const pattern = globOf(`${'*a'.repeat(50)}*b`);
    expect(pattern.matches('a'.repeat(50_000))).toBe(false);
  });

  it('escapes for Redis what is no wildcard, and asks for one byte or more where a character is meant', () => {
    expect(globOf('a*[b]\\^c?').redisPattern).toBe('a*\\[b\\]\\\\\\^c?*');
    expect(Glob.literal({ a: '*' }, 'spec').redisPattern).toBe('\\[\\?a=%2A\\]');
  });
});

describe('an interpolation', () => {
  it('is encoded like a part of a key', () => {
    const texts = [glob`user:${'a:b'}:*`, glob`${1}`, glob`${'1'}:${true}`, glob`x:${new Date(0)}`];
    expect(texts.map((pattern) => pattern.redisPattern)).toEqual([
      'user:a%3Ab:*',
      '1',
      "'1:true",
      'x:@1970-01-01T00%3A00%3A00.000Z',
    ]);
  });

  it('bears a mark within a longer text only where the key does', () => {
    for (const id of ['7', 'true', '@a', "'", 'x']) {
      expect(glob`user-${id}`.matches(textOf(`user-${id}`))).toBe(true);
      expect(glob`${id}-*`.matches(textOf(`${id}-x`))).toBe(true);
      expect(glob`id=${id}&${id}*`.matches(textOf(`id=${id}&${id}`))).toBe(true);
    }
  });

  it('is a property of an object with the mark that the key has there', () => {
    for (const id of ['7', 'true', '@a', "'", 'x', '', 'a=b']) {
      const keys = [
        { by: id },
        { by: id, page: 1 },
        { at: 0, by: id },
        ['x', { at: [[1], 2], by: id }],
      ];
      const patterns = [
        glob`[?by=${id}]`,
        glob`[?by=${id}:*]`,
        glob`[?at=${0}:by=${id}]`,
        glob`x:[?at=[[1]:*]:by=${id}]`,
      ];
      const found = patterns.map((pattern) => keys.filter((key) => pattern.matches(textOf(key))));
      expect(found).toEqual(keys.map((key) => [key]));
      expect(glob`[?q=a=${id}]`.matches(textOf({ q: `a=${id}` }))).toBe(true);
      expect(glob`[?q=${0}]:by=${id}`.matches(textOf([{ q: 0 }, `by=${id}`]))).toBe(true);
    }
  });

  it('adds no wildcard and stays in its part, whatever it holds', () => {
    fc.assert(
      fc.property(hostile, hostile, hostile, (name, other, rest) => {
        const pattern = glob`user:${name}:*`;
        expect(pattern.matches(textOf(['user', name, rest]))).toBe(true);
        expect(pattern.matches(textOf(['user', other, rest]))).toBe(name === other);
        expect(pattern.matches(textOf(['user', [name, rest], rest]))).toBe(false);
        expect(glob`${name}`.matches(textOf(other))).toBe(name === other);
      }),
      { numRuns: 2_000 },
    );
  });

  it('that is no part of a key is an error', () => {
    const unknown = JSON.parse('null') as string;
    expect(() => glob`user:${unknown}:*`).toThrow(expect.objectContaining({ code: 'CACHE_KEY' }));
  });

  it('that is a list cannot span parts', () => {
    const list = ['a', 'b'] as unknown as string;
    expect(glob`user:${list}:*`.matches(textOf(['user', 'a', 'b', 1]))).toBe(false);
    expect(glob`user:${list}:*`.matches(textOf(['user', ['a', 'b'], 1]))).toBe(true);
    expect(glob`user:${list}:*`.redisPattern).toBe('user:\\[a:b\\]:*');
  });
});

describe('a pattern without wildcards', () => {
  it('names the one key it matches', () => {
    expect(Glob.literal('a*b', 'spec').exact).toBe('a%2Ab');
    expect(Glob.literal(['a', { b: '?' }], 'spec').exact).toBe('a:[?b=%3F]');
    expect(glob`user:${'*'}`.exact).toBe('user:%2A');
    expect(glob`user:*`.exact).toBeUndefined();
    expect(globOf('user:?').exact).toBeUndefined();
  });

  it('of a literal key matches that key only', () => {
    fc.assert(
      fc.property(hostile, hostile, (key, other) => {
        expect(Glob.literal(key, 'spec').matches(textOf(key))).toBe(true);
        expect(Glob.literal(key, 'spec').matches(textOf(other))).toBe(key === other);
        expect(Glob.literal({ [key]: key }, 'spec').matches(textOf({ [other]: key }))).toBe(
          key === other,
        );
      }),
    );
  });
});
