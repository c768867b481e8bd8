import { parse } from 'node:querystring';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { keyText, sortedQuery, variantSlot } from './request.key.js';

describe('the query in a key', () => {
  it.each<[string, string]>([
    ['b=2&a=1', 'a=1&b=2'],
    ['a=2&a=1', 'a=2&a=1'],
    ['a=1&b=2&a=3', 'a=1&a=3&b=2'],
    ['a', 'a'],
    ['a=', 'a='],
    ['', ''],
    ['&&a=1&', 'a=1'],
    // To a parser both are `a`, in their order.
    ['a=2&%61=1', 'a=2&%61=1'],
    ['%61=1&a=2', '%61=1&a=2'],
    // As are these: no order between them may be lost.
    ['a[]=1&a=2', 'a[]=1&a=2'],
    ['a=2&a[]=1', 'a=2&a[]=1'],
    ['b=1&[a]=2&a=1', '[a]=2&a=1&b=1'],
    ['a=1&b=2&[a]=2', 'a=1&[a]=2&b=2'],
    ['%zz=1&%ZZ=2', '%ZZ=2&%zz=1'],
    ['%FF=2&%FE=1', '%FF=2&%FE=1'],
  ])('%j: %j', (query, expected) => {
    expect(sortedQuery(query)).toBe(expected);
  });

  it('leaves out what is ignored, and all but what is wanted', () => {
    expect(sortedQuery('utm_source=x&a=1&b=2', { ignore: ['utm_source'] })).toBe('a=1&b=2');
    expect(sortedQuery('utm_source=x&b=2&a=1', { only: ['a', 'b'] })).toBe('a=1&b=2');
    expect(sortedQuery('%75tm=x&a=1', { ignore: ['utm'] })).toBe('a=1');
    expect(sortedQuery('a=1', { only: [] })).toBe('');
  });

  it('leaves out, or wants, what belongs to a parameter with it', () => {
    expect(sortedQuery('b=2&a[x]=1&[a]=3', { only: ['a'] })).toBe('a[x]=1&[a]=3');
    expect(sortedQuery('b=2&a%5Bx%5D=1', { only: ['a[x]'] })).toBe('a%5Bx%5D=1');
    expect(sortedQuery('b=2&a[x]=1&[a]=3', { ignore: ['a'] })).toBe('b=2');
  });

  it.each(['&', 'x&', 'x=&'])(
    'is all of it where a parser may not read all: 1,000 times %j',
    (one) => {
      const [query, plain] = [`${one.repeat(1_000)}page=2`, 'page=2'];
      expect(parse(query)).not.toHaveProperty('page');
      for (const options of [{}, { only: ['page'] }, { ignore: ['x'] }]) {
        expect(sortedQuery(query, options)).not.toBe(sortedQuery(plain, options));
      }
    },
  );

  it('is one for two queries only where a parser reads the same of both', () => {
    const name = fc.constantFrom('a', 'b', '%61', 'a[]', 'A', '+', '%20', '%FF', '%FE');
    const parameter = fc
      .tuple(name, fc.constantFrom('', '=', '=1', '=2', '=%31'))
      .map(([n, value]) => n + value);
    const query = fc.array(parameter, { maxLength: 4 }).map((list) => list.join('&'));
    const read = (text: string) => {
      const values = parse(text);
      return Object.keys(values)
        .sort()
        .map((key) => [key, values[key]]);
    };
    fc.assert(
      fc.property(query, query, (one, other) => {
        fc.pre(sortedQuery(one) === sortedQuery(other));
        expect(read(one)).toEqual(read(other));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('a key', () => {
  it('has parts that none reaches out of', () => {
    const part = fc.string({ unit: fc.constantFrom('a', ':', '%', '/', "'", '[', '1') });
    const parts = fc.array(part, { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        fc.pre(JSON.stringify(one) !== JSON.stringify(other));
        expect(keyText(one, 'spec')).not.toBe(keyText(other, 'spec'));
      }),
    );
  });

  it('has a bounded number of variants', () => {
    const slots = new Set(
      Array.from({ length: 10_000 }, (_, i) => variantSlot([`language-${i}`, undefined])),
    );
    expect(slots.size).toBe(64);
  });

  it('tells a field that is empty from one that is not there', () => {
    expect(variantSlot([''])).not.toBe(variantSlot([undefined]));
  });
});
