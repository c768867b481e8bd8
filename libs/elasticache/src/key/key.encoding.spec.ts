import { Readable } from 'node:stream';

import { describe, expect, it } from '@jest/globals';

import { CacheError } from '../errors/cache.errors.js';
import { defaultKey, encodeKey } from './key.encoding.js';

const where = 'ArticlesService.find';

const problemOf = (encode: () => string): string => {
  try {
    return `encoded as ${encode()}`;
  } catch (error) {
    if (!(error instanceof CacheError) || error.code !== 'CACHE_KEY') throw error;
    return error.message;
  }
};

describe('the text of a key', () => {
  class Query {
    constructor(readonly limit: number) {}
    get unseen() {
      return 1;
    }
  }

  it.each<[string, unknown, string]>([
    ['a number', 7, '7'],
    ['a fraction', 1.5, '1.5'],
    ['minus zero', -0, '0'],
    ['not a number', NaN, 'NaN'],
    ['infinity', -Infinity, '-Infinity'],
    ['a bigint', 7n, '7n'],
    ['a boolean', true, 'true'],
    ['a text', 'alice', 'alice'],
    ['no text', '', ''],
    ['other scripts', 'Zoë 🦊', 'Zoë%20🦊'],
    ['a uuid', '5e10c3d4-58cc-4372-a567-0e02b2c3d479', '5e10c3d4-58cc-4372-a567-0e02b2c3d479'],
    ['what is reserved', ':{}*?[]\\%', '%3A%7B%7D%2A%3F%5B%5D%5C%25'],
    ['white space and controls', ' \t\0\x7f\x85\u2028', '%20%09%00%7F%C2%85%E2%80%A8'],
    ['what is not reserved', 'a=b&c/d.e~f_g#"', 'a=b&c/d.e~f_g#"'],
    ['a lone surrogate', 'a\ud800', 'a%uD800'],
    ['a date', new Date(0), '@1970-01-01T00%3A00%3A00.000Z'],
    ['an invalid date', new Date(NaN), '@NaN'],
    ['a tuple', [0, 20], '0:20'],
    ['a tuple ending in undefined', ['a', undefined], 'a:undefined'],
    ['a tuple of holes', Object.assign([], { length: 2 }), 'undefined:undefined'],
    ['a tuple of empty texts', ['', ''], ':'],
    ['a nested tuple', ['a', [1, 'b']], 'a:[1:b]'],
    ['a tuple of one', ['x'], '[x]'],
    ['a tuple of none', [], '[]'],
    ['a tuple of one empty text', [''], "[']"],
    ['an object', { b: 'x', a: [1, 2] }, '[?a=[1:2]:b=x]'],
    ['an empty object', {}, '[?]'],
    ['an absent property', { a: undefined }, '[?a=undefined]'],
    ['a property name that is hostile', { 'a=b:*': 1 }, '[?a%3Db%3A%2A=1]'],
    ['an own __proto__', JSON.parse('{"__proto__":1}'), '[?__proto__=1]'],
    ['an object without prototype', Object.assign(Object.create(null), { a: 1 }), '[?a=1]'],
    ['an instance of a class', new Query(5), '[?limit=5]'],
  ])('of %s', (_, key, text) => {
    expect(encodeKey(key, where)).toBe(text);
  });

  it.each(
    "1 -1 1.5 1e+21 NaN Infinity -Infinity 7n -7n true false null undefined @ @NaN '".split(' '),
  )('marks the string %s, which reads as something else', (text) => {
    expect(encodeKey(text, where)).toBe(`'${text}`);
  });

  it.each("01 1.0 1e21 -0 +1 0x10 n 7nn trueish 2020-01-01 a@b it's".split(' '))(
    'leaves the string %s as it is, which does not',
    (text) => {
      expect(encodeKey(text, where)).toBe(text);
    },
  );

  it('ignores the order of properties', () => {
    expect(encodeKey({ skip: 0, limit: 20 }, where)).toBe(encodeKey({ limit: 20, skip: 0 }, where));
  });
});

describe('the key of a method that names none', () => {
  it.each<[string, unknown[], string]>([
    ['one argument', [7], '7'],
    ['one string', ['1'], "'1"],
    ['one object', [{ a: 1 }], '[?a=1]'],
    ['several', [0, 20], '0:20'],
    ['none', [], '[]'],
    ['trailing undefined', [7, undefined, undefined], '7'],
    ['nothing but undefined', [undefined], '[]'],
    ['undefined before another', [undefined, 7], 'undefined:7'],
    ['one null', [null], 'null'],
    ['null after another', [7, null], '7:null'],
    ['one array', [[0, 20]], '[[0:20]]'],
    ['an empty array', [[]], '[[]]'],
  ])('%s', (_, args, text) => {
    expect(defaultKey(args, where)).toBe(text);
  });

  it('leaves the arguments as they were', () => {
    const args = [7, undefined];
    defaultKey(args, where);
    expect(args).toEqual([7, undefined]);
  });
});

describe('what cannot be a key', () => {
  class Opaque {
    readonly #id = 'secret';
    toJSON() {
      return this.#id;
    }
  }

  /** A value object whose value is nowhere to be seen: of all users one key would do. */
  class UserId {
    readonly #value = 'secret';
    get value() {
      return this.#value;
    }
  }
  class AdminId extends UserId {}
  const unreadable = {
    get id(): never {
      throw new Error('secret');
    },
  };
  const cannotBeRead = 'cannot be read: a getter of it throws, or it is not what it says';

  it.each<[string, unknown, string]>([
    ['undefined', undefined, 'the key is undefined'],
    ['null', null, 'the key is null'],
    ['a function', () => 'secret', 'the key is a function'],
    ['a symbol', Symbol('secret'), 'the key is a symbol'],
    ['a promise', [Promise.resolve('secret')], "the key's part [0] is a promise"],
    ['a thenable', Object.fromEntries(new Map([['then', () => 'secret']])), 'the key is a promise'],
    ['a stream', Readable.from(['secret']), 'the key is a stream'],
    ['a Map', new Map([['secret', 1]]), 'the key is a Map'],
    ['a Set', new Set(['secret']), 'the key is a Set'],
    ['a Buffer', Buffer.from('secret'), 'the key is a Uint8Array'],
    ['a RegExp', /secret/, 'the key is a RegExp'],
    ['an Error', new Error('secret'), 'the key is an Error'],
    ['a boxed string', new String('secret'), 'the key is a String'],
    ['an object without visible state', new Opaque(), 'the key keeps its state to itself'],
    ['an object of private fields', new UserId(), 'the key keeps its state to itself'],
    ['one that inherits them', [new AdminId()], "the key's part [0] keeps its state to itself"],
    ['one of symbols', { [Symbol('id')]: 'secret' }, 'the key keeps its state to itself'],
    ['a getter that throws', unreadable, `the key's part .id ${cannotBeRead}`],
    [
      'what says it is a Date',
      [{ [Symbol.toStringTag]: 'Date' }],
      `the key's part [0] ${cannotBeRead}`,
    ],
    ['one inside', [1, { user: () => 1 }], "the key's part [1].user is a function"],
    ['one under a name that is data', { 'to ken': Symbol() }, "the key's part […] is a symbol"],
  ])('%s', (_, key, problem) => {
    const message = problemOf(() => encodeKey(key, where));
    expect(message).toContain(`${where}: ${problem}.`);
    expect(message).not.toContain('secret');
  });

  it('an argument, named by its place', () => {
    const message = problemOf(() => defaultKey(['secret', new Map()], where));
    expect(message).toContain("the key's part [1] is a Map.");
    expect(message).not.toContain('secret');
  });

  it('more than 64 levels, hence a cycle', () => {
    const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;

    expect(encodeKey(nested(64), where)).toBe(`${'['.repeat(64)}1${']'.repeat(64)}`);
    for (const key of [nested(65), cycle, nested(5_000)]) {
      expect(problemOf(() => encodeKey(key, where))).toContain('is nested deeper than 64 levels');
    }
  });
});
