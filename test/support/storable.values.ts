import fc from 'fast-check';

/** Any value that may be stored, of every type the contract lists, nested at will. */
export function storableValues(): fc.Arbitrary<unknown> {
  return fc.letrec<{ value: unknown; leaf: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', maxDepth: 5, withCrossShrink: true },
      tie('leaf'),
      fc.array(tie('value'), { maxLength: 5 }),
      fc.dictionary(keys(), tie('value'), { maxKeys: 5, noNullPrototype: false }),
      fc
        .array(fc.tuple(tie('value'), tie('value')), { maxLength: 5 })
        .map((entries) => new Map(entries)),
      fc.array(tie('value'), { maxLength: 5 }).map((parts) => new Set(parts)),
    ),
    leaf: fc.oneof(primitives(), leaves()),
  })).value;
}

/** Names that have tripped other codecs: of tags, of Object's members, of array indices. */
function keys(): fc.Arbitrary<string> {
  const awkward = [
    '',
    '$',
    'v',
    '0',
    '10',
    'constructor',
    'hasOwnProperty',
    'length',
    'toJSON',
    'then',
    'prototype',
  ];
  return fc
    .oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom(...awkward))
    .filter((key) => key !== '__proto__');
}

function primitives(): fc.Arbitrary<unknown> {
  return fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.tuple(fc.string({ unit: 'binary' }), fc.nat(40)).map(([text, times]) => text.repeat(times)),
    fc.integer(),
    fc.double(),
    fc.bigInt(),
    fc.bigInt({ min: -(2n ** 600n), max: 2n ** 600n }),
    fc.boolean(),
    fc.constantFrom(
      null,
      undefined,
      Number.NaN,
      Infinity,
      -Infinity,
      2n ** 63n,
      -(2n ** 63n),
      2n ** 64n,
    ),
  );
}

function leaves(): fc.Arbitrary<unknown> {
  const bytes = fc.uint8Array();
  return fc.oneof(
    fc.date({ noInvalidDate: false }),
    fc.integer({ min: -8.64e15, max: 8.64e15 }).map((ms) => new Date(ms)),
    bytes.map((array) => Buffer.from(array)),
    bytes.map((array) => new Uint8Array(array).buffer),
    bytes.map((array) => new DataView(new Uint8Array(array).buffer)),
    bytes.map((array) => new Uint8Array(new Uint8Array([9, ...array, 9]).buffer, 1, array.length)),
    fc.int8Array(),
    fc.uint8ClampedArray(),
    fc.int16Array(),
    fc.uint16Array(),
    fc.int32Array(),
    fc.uint32Array(),
    fc.float32Array(),
    fc.float64Array(),
    fc.bigInt64Array(),
    fc.bigUint64Array(),
  );
}

/**
 * Where two values differ, or undefined if nowhere. Stricter than `toStrictEqual`: the order of keys and
 * entries counts, and a Buffer is no Uint8Array. What the contract lets go is let go: -0 is 0, a hole
 * is undefined, and an object is not asked for its prototype.
 */
export function differenceOf(a: unknown, b: unknown): string | undefined {
  if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) {
    return Object.is(a, b) || a === b ? undefined : `: ${String(a)} is not ${String(b)}`;
  }
  if (kindOf(a) !== kindOf(b)) return `: a ${kindOf(a)} is not a ${kindOf(b)}`;
  const [left, right] = [partsOf(a), partsOf(b)];
  if (left.length !== right.length) return `: ${left.length} parts are not ${right.length}`;
  for (const [i, part] of left.entries()) {
    const difference = differenceOf(part, right[i]);
    if (difference !== undefined) return `/${i}${difference}`;
  }
  return undefined;
}

function kindOf(value: object): string {
  return Buffer.isBuffer(value) ? 'Buffer' : Object.prototype.toString.call(value);
}

function partsOf(value: object): unknown[] {
  if (value instanceof Date) return [value.getTime()];
  if (value instanceof Map) return [...value.keys(), ...value.values()];
  if (value instanceof Set) return [...value];
  if (value instanceof ArrayBuffer) return [...new Uint8Array(value)];
  if (ArrayBuffer.isView(value)) {
    return [...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)];
  }
  return Array.isArray(value) ? Array.from(value) : Object.entries(value).flat();
}
