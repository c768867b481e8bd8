import vm from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Packr } from 'msgpackr/pack';
import { differenceOf, storableValues } from '../../../../test/support/storable.values.js';
import { jsonSerializer } from './json.serializer.js';
import { msgpackSerializer } from './msgpack.serializer.js';

class Money {
  constructor(
    readonly amount: bigint,
    readonly currency: string,
  ) {}
  toJSON(): unknown {
    return 'never asked';
  }
}

describe.each([
  { name: 'msgpack', serializer: msgpackSerializer },
  { name: 'json', serializer: jsonSerializer },
])('what $name reads', ({ serializer }) => {
  const roundTrip = (value: unknown): unknown =>
    serializer.deserialize(Buffer.from(serializer.serialize(value)));

  it('equals what was written, of every type and nesting', () => {
    fc.assert(
      fc.property(storableValues(), (value) => {
        expect(differenceOf(roundTrip(value), value)).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  it.each<[string, unknown]>([
    [
      'Maps with keys of any type',
      new Map<unknown, unknown>([
        [{ a: 1 }, new Map()],
        [undefined, 1],
        [2n, [3]],
        [new Date(1), 's'],
      ]),
    ],
    ['a Map in a Set in a Map', new Map([['s', new Set([new Map([[1, 2]]), 'x'])]])],
    ['undefined as a property, an element and a whole', { a: undefined, b: [undefined] }],
    [
      'dates invalid, ancient, far and precise',
      [
        new Date(Number.NaN),
        new Date(-1),
        new Date(8.64e15),
        new Date(-8.64e15),
        new Date(1_700_000_000_123),
        new Date(2 ** 32 * 1000),
      ],
    ],
    [
      'bigints beyond 64 bits',
      [0n, -1n, 2n ** 64n, -(2n ** 64n), 2n ** 65600n, -(2n ** 65600n), 255n ** 77n],
    ],
    [
      'objects that look like tags',
      { $: 'Map', v: [1, 2], in: new Map([['k', { $: 'undefined' }]]), u: undefined },
    ],
    [
      'awkward keys',
      {
        constructor: 1,
        toJSON: { x: 1 },
        length: 3,
        7: 'a',
        '-1': 'b',
        hasOwnProperty: 2,
        then: 0,
        '': 1,
        b: new Map(),
        a: 2,
      },
    ],
    [
      'objects of more than 65,536 keys',
      Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`k${i}`, i])),
    ],
    [
      'long arrays and strings',
      [Array.from({ length: 70_000 }, (_, i) => i), 'é€😀'.repeat(40_000)],
    ],
    ['large binary', [Buffer.alloc(100_000, 7), new Float64Array(10_000).fill(0.1)]],
    ['null', null],
    ['undefined', undefined],
    ['the empty string', ''],
  ])('equals what was written: %s', (_, value) => {
    expect(differenceOf(roundTrip(value), value)).toBeUndefined();
  });

  it('is plain where instances, subclasses or objects without a prototype were written', () => {
    class Scores extends Map<string, number> {}
    class Stamp extends Date {}
    const foreign: unknown = vm.runInNewContext('({ at: new Date(5), set: new Set([1]) })');
    const value = {
      price: new Money(5n, 'EUR'),
      scores: new Scores([['x', 1]]),
      at: new Stamp(7),
      bare: Object.assign(Object.create(null), { a: 1 }),
      foreign,
    };
    expect(roundTrip(value)).toStrictEqual({
      price: { amount: 5n, currency: 'EUR' },
      scores: new Map([['x', 1]]),
      at: new Date(7),
      bare: { a: 1 },
      foreign: { at: new Date(5), set: new Set([1]) },
    });
    expect(roundTrip(new Money(1n, 'EUR'))).toStrictEqual({ amount: 1n, currency: 'EUR' });
  });

  it.each<[string, unknown]>([
    ['a value', ['x\ud800y']],
    ['a key', { 'x\ud800y': 1 }],
    ['a key of an instance', Object.assign(new (class Row {})(), { 'x\ud800y': 1 })],
    ['a Map', new Map([['x\ud800y', '\udc00'.repeat(100)]])],
  ])('has no more than one U+FFFD for a lone surrogate in %s', (_, value) => {
    const shown = (one: unknown): string =>
      JSON.stringify(one instanceof Map ? [...one] : one).replace(/\\ud[89a-f]../g, '\ufffd');
    expect(shown(roundTrip(value))).toBe(shown(value));
  });

  it('shares no memory with the bytes it was read from', () => {
    const value = [Buffer.from('abc'), new Uint8Array([1, 2]), new Uint8Array([1]).buffer, 'text'];
    const written = serializer.serialize(value);
    const bytes = Buffer.allocUnsafeSlow(written.length);
    bytes.set(written);
    const read = serializer.deserialize(bytes) as [Buffer, Uint8Array, ArrayBuffer, string];
    bytes.fill(0);
    expect(differenceOf(read, value)).toBeUndefined();
    expect(read[0].buffer).not.toBe(bytes.buffer);
  });

  it('comes from bytes or fails, and touches no prototype, whatever the bytes', () => {
    const members = Reflect.ownKeys(Object.prototype);
    fc.assert(
      fc.property(fc.oneof(hostileBytes(), mutated(serializer.serialize)), (bytes) => {
        try {
          serializer.deserialize(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
        expect(Reflect.ownKeys(Object.prototype)).toEqual(members);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('msgpack', () => {
  it('reads bytes from a Uint8Array as from a Buffer', () => {
    const bytes = new Uint8Array(msgpackSerializer.serialize(new Map([['a', 1]])));
    expect(msgpackSerializer.deserialize(bytes)).toStrictEqual(new Map([['a', 1]]));
  });

  it('never makes a prototype of a key', () => {
    const bytes = Buffer.concat([
      Buffer.from([0x81, 0xa9]),
      Buffer.from('__proto__'),
      Buffer.from([0x81, 0xa1, 0x78, 1]),
    ]);
    const read = msgpackSerializer.deserialize(bytes) as Record<string, unknown>;
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
    expect(read['x']).toBeUndefined();
  });

  it('runs no code out of the names of records, which other writers may send', () => {
    const records = new Packr({ useRecords: true });
    const name = `a:globalThis.pwned=1,["x"]`;
    const rows = Array.from({ length: 8 }, () => ({ [name]: 1, '"]:globalThis.pwned=1,["': 2 }));
    expect(msgpackSerializer.deserialize(Buffer.from(records.pack(rows)))).toStrictEqual(rows);
    expect(Reflect.get(globalThis, 'pwned')).toBeUndefined();
  });

  it('refuses references between objects, and with them cycles', () => {
    const cyclic: unknown[] = [];
    cyclic.push(cyclic);
    const bytes = Buffer.from(new Packr({ structuredClone: true, useRecords: false }).pack(cyclic));
    expect(() => msgpackSerializer.deserialize(bytes)).toThrow();
  });
});

describe('json', () => {
  it('is plain JSON text for JSON’s own types', () => {
    const value = { id: 1, tags: ['a', null], $: 'mine', nested: { ok: true } };
    expect(Buffer.from(jsonSerializer.serialize(value)).toString()).toBe(JSON.stringify(value));
  });

  it('refuses a key __proto__ in the tagged form', () => {
    const text = '${"__proto__":{"$":"Date"}}';
    expect(() => jsonSerializer.deserialize(Buffer.from(text))).toThrow(SyntaxError);
  });

  it('reads text that merely mentions __proto__ or an escape', () => {
    const value = { title: 'On __proto__', bell: '\u0007' };
    expect(jsonSerializer.deserialize(jsonSerializer.serialize(value))).toStrictEqual(value);
  });

  it.each([
    '{"$":"Map","v":{"length":4294967295}}',
    '{"$":"Buffer","v":{"length":4294967295}}',
    '{"$":"bigint","v":7}',
    '{"$":"constructor","v":""}',
    '{"$":"Map"}',
    '{"$":"Object"}',
  ])('refuses the forged tag %s', (tag) => {
    expect(() => jsonSerializer.deserialize(Buffer.from(`$${tag}`))).toThrow();
  });
});

/** Noise, and noise behind each byte that opens something in one of the formats. */
function hostileBytes(): fc.Arbitrary<Buffer> {
  const opening = fc.constantFrom(
    '',
    '\x81',
    '\xc1',
    '\xc7',
    '\xc9',
    '\xd4r\x41',
    '\xd6b',
    '\xd6i',
    '\xd4s\x00',
    '\xdd',
    '\xdf',
    '$',
    '{"',
    '$[{"$":',
  );
  return fc
    .tuple(opening, fc.uint8Array({ maxLength: 60 }))
    .map(([first, rest]) => Buffer.concat([Buffer.from(first, 'latin1'), rest]));
}

/** Real bytes with some of them overwritten. */
function mutated(serialize: (value: unknown) => Uint8Array): fc.Arbitrary<Buffer> {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
  return fc.tuple(storableValues(), changes).map(([value, edits]) => {
    const bytes = Buffer.from(serialize(value));
    for (const [at, byte] of edits) bytes[at % bytes.length] = byte;
    return bytes;
  });
}
