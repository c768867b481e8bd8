import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { defaultKey, encodeKey, type Key } from './key.encoding.js';

const where = 'spec';
const HOSTILE = [...`:{}*?[]\\%'@=~-+.eEn017 \n\0`, '%3A', '%uD800', '\x85', '\ud800', '\udc00'];
const WORDS = ['true', 'false', 'null', 'undefined', 'NaN', 'Infinity', '__proto__', '7n', '🦊'];

const text = fc.oneof(
  fc.array(fc.constantFrom(...HOSTILE, ...WORDS), { maxLength: 4 }).map((parts) => parts.join('')),
  fc.array(fc.nat(0xffff), { maxLength: 6 }).map((units) => String.fromCharCode(...units)),
);
const leaf = fc.oneof(
  text,
  fc.integer({ min: -2, max: 2 }),
  fc.double(),
  fc.bigInt({ min: -2n, max: 2n }),
  fc.boolean(),
  fc.date({ noInvalidDate: false }),
);

/** An object with these own properties, `__proto__` among them where it is a name. */
const objectOf = (entries: [string, unknown][]) => {
  const object = {};
  for (const [name, value] of entries) {
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true });
  }
  return object as Key;
};

const { key } = fc.letrec<{ key: Key; part: Key | null | undefined }>((tie) => ({
  key: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    leaf,
    fc.array(tie('part'), { maxLength: 3 }),
    fc.array(fc.tuple(text, tie('part')), { maxLength: 3 }).map(objectOf),
  ),
  part: fc.oneof({ weight: 5, arbitrary: tie('key') }, fc.constantFrom(null, undefined)),
}));
const args = fc.array(fc.option(fc.option(key), { nil: undefined }), { maxLength: 3 });

/** What the library means by the same key. */
function same(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    return a === b || (Number.isNaN(a) && Number.isNaN(b));
  }
  if (a instanceof Date || b instanceof Date) {
    return a instanceof Date && b instanceof Date && same(a.getTime(), b.getTime());
  }
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [new Map(Object.entries(a)), new Map(Object.entries(b))];
  return (
    left.size === right.size &&
    [...left].every(([name, value]) => right.has(name) && same(value, right.get(name)))
  );
}

/** Reads a key back: what can be read back is distinct from everything else. */
function decode(text: string): unknown {
  const parts = split(text, ':');
  return parts.length > 1 ? parts.map(decodePart) : decodePart(text);
}

function decodePart(text: string): unknown {
  if (text.startsWith('[?')) {
    const properties = split(text.slice(2, -1), ':').filter((property) => property !== '');
    return objectOf(
      properties.map((property) => {
        const at = property.indexOf('=');
        return [unescaped(property.slice(0, at)), decodePart(property.slice(at + 1))];
      }),
    );
  }
  if (text === '[]') return [];
  if (text.startsWith('[')) return split(text.slice(1, -1), ':').map(decodePart);
  if (text.startsWith("'")) return unescaped(text.slice(1));
  if (text.startsWith('@')) return new Date(unescaped(text.slice(1)));
  const words: Record<string, unknown> = { true: true, false: false, null: null, undefined };
  if (Object.hasOwn(words, text)) return words[text];
  if (/^-?\d+n$/.test(text)) return BigInt(text.slice(0, -1));
  return String(Number(text)) === text ? Number(text) : unescaped(text);
}

function split(text: string, separator: string): string[] {
  const parts = [''];
  let depth = 0;
  for (const character of text) {
    depth += character === '[' ? 1 : character === ']' ? -1 : 0;
    if (character === separator && depth === 0) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return parts;
}

function unescaped(text: string): string {
  return text.replace(/%u(....)|(?:%[^u].)+/g, (escaped, unit?: string) =>
    unit === undefined ? decodeURIComponent(escaped) : String.fromCharCode(parseInt(unit, 16)),
  );
}

describe('the encoding of keys', () => {
  it('can be read back, so no two keys share a text', () => {
    fc.assert(
      fc.property(key, (original) => {
        const read = decode(encodeKey(original, where));
        if (!same(read, original)) throw new Error(`${encodeKey(original, where)} reads otherwise`);
      }),
      { numRuns: 5_000 },
    );
  });

  it('is the same for equal keys only', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(encodeKey(a, where) === encodeKey(b, where)).toBe(same(a, b));
        expect(encodeKey(a, where)).toBe(encodeKey(reversed(a), where));
      }),
      { numRuns: 2_000 },
    );
  });

  it('gives distinct argument lists distinct keys, equal ones equal keys', () => {
    const trimmed = (list: unknown[]) =>
      list.slice(0, list.findLastIndex((a) => a !== undefined) + 1);
    const tiny = fc.array(
      fc.constantFrom<unknown>(undefined, null, '', '1', 1, 'null', [], [1], ['1'], [''], {}, ':'),
      { maxLength: 3 },
    );
    fc.assert(
      fc.property(fc.oneof(args, tiny), fc.oneof(args, tiny), (a, b) => {
        const isSame = same(trimmed(a), trimmed(b));
        expect(defaultKey(a, where) === defaultKey(b, where)).toBe(isSame);
        expect(defaultKey([...a, undefined], where)).toBe(defaultKey(a, where));
      }),
      { numRuns: 5_000 },
    );
  });

  it('never holds a brace, a wildcard, white space or a control character', () => {
    fc.assert(
      fc.property(key, (hostile) => {
        const encoded = encodeKey(hostile, where);
        expect(encoded).not.toMatch(/[{}*\\\s\p{Cc}\p{Cs}]/u);
        expect(encoded.replaceAll('[?', '')).not.toContain('?');
      }),
    );
  });

  it('keeps a string in one segment', () => {
    fc.assert(
      fc.property(text, (hostile) => {
        expect(encodeKey(hostile, where)).not.toMatch(/[:{}*?[\]\\\s]/);
        expect(encodeKey(['a', hostile, 'b'], where).split(':')).toHaveLength(3);
      }),
    );
  });
});

/** The same key, its properties the other way round. */
function reversed(original: unknown): unknown {
  if (Array.isArray(original)) return original.map(reversed);
  if (typeof original !== 'object' || original === null || original instanceof Date)
    return original;
  const entries = Object.entries(original).reverse();
  return objectOf(entries.map(([name, value]) => [name, reversed(value)]));
}
