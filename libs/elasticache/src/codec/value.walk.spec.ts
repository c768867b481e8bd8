import { PassThrough, Readable } from 'node:stream';
import vm from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { differenceOf, storableValues } from '../../../../test/support/storable.values.js';
import { CacheSerializationError } from '../errors/cache.errors.js';
import { approximateBytes, assertStorable, cloneOf, copyOf, frozenCopyOf } from './value.walk.js';

class Author {
  constructor(
    readonly name: string,
    readonly roles: unknown[],
  ) {}
  get label(): string {
    return this.name.toUpperCase();
  }
  toJSON(): unknown {
    return 'never asked';
  }
}

/** Overwrites everything that can be, so that whatever is shared with a copy shows. */
function deface(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  if (value instanceof Date) return void value.setTime(1);
  if (value instanceof ArrayBuffer) return void new Uint8Array(value).fill(255);
  if (ArrayBuffer.isView(value)) {
    return void new Uint8Array(value.buffer, value.byteOffset, value.byteLength).fill(255);
  }
  if (value instanceof Map || value instanceof Set) {
    for (const parts of value.entries()) parts.forEach(deface);
    return value.clear();
  }
  Object.values(value).forEach(deface);
  for (const key of Object.keys(value)) Reflect.deleteProperty(value, key);
  Reflect.set(value, 'defaced', true);
}

describe('a copy', () => {
  it('equals its original, shares nothing with it, and so does a copy of the copy', () => {
    fc.assert(
      fc.property(storableValues(), (value) => {
        const reference = copyOf(value, 'articles');
        expect(differenceOf(reference, value)).toBeUndefined();
        const clone = cloneOf(reference);
        expect(differenceOf(clone, value)).toBeUndefined();
        deface(clone);
        expect(differenceOf(reference, value)).toBeUndefined();
        deface(copyOf(value, 'articles'));
        expect(differenceOf(reference, value)).toBeUndefined();
      }),
      { numRuns: 200 },
    );
  });

  it('of a class instance is a plain object of its own properties', () => {
    const copied = copyOf({ author: new Author('Ada', [1]) }, 'articles');
    expect(copied).toStrictEqual({ author: { name: 'Ada', roles: [1] } });
  });

  it('of a subclass or of an object from another realm is of the built-in class here', () => {
    class Scores extends Map<string, number> {}
    class Ids extends Array<number> {}
    class Stamp extends Date {}
    const foreign: unknown = vm.runInNewContext('({ at: new Date(5), of: new Map([[1, [2]]]) })');
    const value = { a: new Scores([['x', 1]]), b: Ids.of(1, 2), c: new Stamp(7), d: foreign };
    expect(copyOf(value, 'articles')).toStrictEqual({
      a: new Map([['x', 1]]),
      b: [1, 2],
      c: new Date(7),
      d: { at: new Date(5), of: new Map([[1, [2]]]) },
    });
  });

  it('of a view holds only what the view shows', () => {
    const memory = new Uint8Array([0, 0, 0, 0, 1, 2, 3, 4]).buffer;
    const copied = copyOf([new Uint16Array(memory, 4, 2), new DataView(memory, 6)], 'articles');
    expect(copied).toStrictEqual([
      new Uint16Array(new Uint8Array([1, 2, 3, 4]).buffer),
      new DataView(new Uint8Array([3, 4]).buffer),
    ]);
    expect((copied as [Uint16Array])[0].buffer.byteLength).toBe(4);
  });

  it('has undefined for holes and reads an accessor once', () => {
    let reads = 0;
    const value = {
      // eslint-disable-next-line no-sparse-arrays
      list: [1, , 3],
      get total() {
        return ++reads;
      },
    };
    expect(copyOf(value, 'articles')).toStrictEqual({ list: [1, undefined, 3], total: 1 });
  });

  it('is not disturbed by an enumerable property on Object.prototype', () => {
    const meddled = Object.prototype as { meddled?: unknown };
    meddled.meddled = () => 1;
    try {
      expect(Object.keys(copyOf({ a: { b: 1 } }, 'articles') as object)).toEqual(['a']);
    } finally {
      delete meddled.meddled;
    }
  });
});

describe('a value is refused', () => {
  const cyclic: Record<string, unknown> = { name: 'self', inner: {} };
  (cyclic['inner'] as Record<string, unknown>)['outer'] = cyclic;
  const twice = { name: 'twice' };
  const deep: unknown = Array.from({ length: 600 }).reduce((inner) => [inner], 1);

  const refused: [string, unknown, path: string, problem: RegExp][] = [
    ['a function', { author: { roles: [1, 2, () => 3] } }, '$.author.roles[2]', /is a function/],
    ['a symbol', [Symbol('x')], '$[0]', /is a symbol/],
    ['a promise', { a: Promise.resolve(1) }, '$.a', /is a Promise/],
    [
      'a thenable',
      new (class {
        then(): void {}
      })(),
      '$',
      /is a promise/,
    ],
    ['a cycle', cyclic, '$.inner.outer', /holds itself/],
    ['a function behind an object met twice', { a: twice, b: twice, f: () => 1 }, '$.f', /is a f/],
    ['too deep a nesting', deep, `$${'[0]'.repeat(66)}[…`, /deeper than 500/],
    ['an own __proto__', JSON.parse('{"a":{"__proto__":{"admin":true}}}'), '$.a', /`__proto__`/],
    ['a symbol key', { [Symbol('x')]: 1 }, '$', /has a symbol/],
    ['a regular expression', { 'ann@example.org': /x/ }, '$[…]', /is a RegExp/],
    ['an error', [new Error('x')], '$[0]', /is a Error/],
    ['a WeakMap', new WeakMap(), '$', /is a WeakMap/],
    ['a URL', new URL('http://localhost'), '$', /is a URL/],
    ['a boxed primitive', Object(1), '$', /is a Number/],
    ['shared memory', new SharedArrayBuffer(1), '$', /is a SharedArrayBuffer/],
    ['a generator', (function* () {})(), '$', /is a Generator/],
    ['a stream', Readable.from(['x']), '$', /is a stream/],
    ['a duplex stream', { body: new PassThrough() }, '$.body', /is a stream/],
    ['something in a Map', new Map([[1, { f: () => 1 }]]), '$.values()[0].f', /is a function/],
    ['a key of a Map', new Map([[() => 1, 1]]), '$.keys()[0]', /is a function/],
    ['something in a Set', { s: new Set([1, Symbol('x')]) }, '$.s.values()[1]', /is a symbol/],
    ['something in an instance', new Author('Ada', [() => 1]), '$.roles[0]', /is a function/],
  ];

  it.each(refused)('for %s, naming the path', (_, value, path, problem) => {
    for (const walk of [copyOf, frozenCopyOf, assertStorable]) {
      const error = thrownBy(() => walk(value, 'articles.put'));
      expect(error).toBeInstanceOf(CacheSerializationError);
      expect(error.message).toMatch(problem);
      expect(error.message).toContain(`articles.put: the value at ${path} `);
      expect(error.cause).toBeUndefined();
    }
  });

  it('when reading it throws, with what it threw', () => {
    const cause = new Error('lazy relation');
    const value = {
      author: {
        get posts() {
          throw cause;
        },
      },
    };
    const error = thrownBy(() => copyOf(value, 'articles.put'));
    expect(error.message).toContain('the value at $.author throws while it is read');
    expect(error.cause).toBe(cause);
  });

  it('in the same cases by every walk: what passes the check can be copied', () => {
    fc.assert(fc.property(storableValues(), (value) => assertStorable(value, 'articles')));
  });
});

describe('a frozen copy', () => {
  it('is deeply frozen where the value is plain data', () => {
    const original = { id: 1, tags: ['a'], author: { name: 'Ada', age: undefined, big: 1n } };
    const { value, frozen } = frozenCopyOf(original, 'articles');
    expect(frozen).toBe(true);
    expect(value).toStrictEqual(original);
    const { tags, author } = value as typeof original;
    expect([value, tags, author].every(Object.isFrozen)).toBe(true);
    expect(Object.isFrozen(original)).toBe(false);
  });

  it.each([[new Date(1)], [new Map()], [Buffer.from('x')]])(
    'is an ordinary copy with %p in it',
    (part) => {
      const original = { list: [{ part }] };
      const { value, frozen } = frozenCopyOf(original, 'articles');
      expect(frozen).toBe(false);
      expect(value).toStrictEqual(original);
      expect(Object.isFrozen(value)).toBe(false);
    },
  );
});

describe('the estimate of a size', () => {
  it('grows with text, bytes and parts', () => {
    expect(approximateBytes('x'.repeat(1000))).toBeGreaterThanOrEqual(2000);
    expect(approximateBytes(Buffer.alloc(5000))).toBeGreaterThanOrEqual(5000);
    expect(approximateBytes(new Float64Array(100))).toBeGreaterThanOrEqual(800);
    expect(approximateBytes(new Map([['k', 'v'.repeat(500)]]))).toBeGreaterThan(1000);
    expect(approximateBytes(new Set(['v'.repeat(500)]))).toBeGreaterThan(1000);
    expect(approximateBytes(2n ** 8000n)).toBeGreaterThan(1000);
    expect(approximateBytes({ at: new Date(1) })).toBeGreaterThan(approximateBytes({}));
    expect(approximateBytes([1, 2, 3])).toBeGreaterThan(approximateBytes([1, 2]));
  });
});

function thrownBy(run: () => unknown): Error {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}
