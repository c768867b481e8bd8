import { deserialize, serialize } from 'node:v8';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { differenceOf, storableValues } from '../../../../test/support/storable.values.js';
import type { Entry } from '../entry/cache.entry.js';
import { CacheSerializationError } from '../errors/cache.errors.js';
import { supportsZstd } from './compression.js';
import { bearsTags, bearsVersion, EntryCodec, isUntagged, tagsOf } from './entry.codec.js';
import type { EntryVersions } from './entry.versions.js';
import type { CompressionOptions, Serializer } from './serializer.js';

const HEADER_BYTES = 39;
const where = 'articles.get';
const token = (character: string) => character.repeat(16);
const untagged: EntryVersions = { cache: token('c'), tags: [] };
const entryOf = (value: unknown): Entry => ({ value, createdAt: 1_000, expiresAt: 61_000.5 });
const v8: Serializer = { serialize, deserialize };
const algorithms = (['gzip', 'brotli', 'zstd'] as const).filter(
  (algorithm) => algorithm !== 'zstd' || supportsZstd(),
);

const encode = (codec: EntryCodec, entry: Entry, versions = untagged) =>
  codec.encode({ entry, versions }, where);
/** As a store reads an entry: header, tags, payload. */
function decode(codec: EntryCodec, bytes: Buffer): Entry | Promise<Entry> {
  const envelope = codec.open(bytes, where);
  const tags = tagsOf(envelope);
  if (tags !== undefined)
    return codec.decode(
      envelope,
      tags.map(([tag]) => tag),
      where,
    );
  const params = { where, problem: 'the tags are damaged' };
  throw new CacheSerializationError('CACHE_UNDECODABLE', params);
}

/** The one kind of error there is, with its code; anything else fails the test. */
async function failureOf(run: () => unknown): Promise<CacheSerializationError> {
  try {
    await run();
  } catch (error) {
    expect(error).toBeInstanceOf(CacheSerializationError);
    return error as CacheSerializationError;
  }
  throw new Error('nothing was thrown');
}

describe('an entry', () => {
  it.each(['msgpack', 'json'] as const)('comes back whole from %s', async (serializer) => {
    const codec = new EntryCodec({ serializer, compression: { threshold: 200 } });
    const property = fc.asyncProperty(storableValues(), async (value) => {
      const { value: read, ...times } = await decode(codec, await encode(codec, entryOf(value)));
      expect(differenceOf(read, value)).toBeUndefined();
      expect(times).toEqual({ createdAt: 1_000, expiresAt: 61_000.5 });
    });
    await fc.assert(property, { numRuns: 200 });
  });

  it('keeps that it holds emissions, and only then says so', () => {
    const codec = new EntryCodec();
    const emissions = { ...entryOf([1, 2]), emissions: true };
    expect(decode(codec, encode(codec, emissions) as Buffer)).toEqual(emissions);
    const plain = decode(codec, encode(codec, entryOf([1, 2])) as Buffer);
    expect(plain).not.toHaveProperty('emissions');
  });

  it('is read whatever built-in serializer and compression the cache now has', async () => {
    const configured = [
      new EntryCodec({ serializer: 'msgpack' }),
      new EntryCodec({ serializer: 'json', compression: { algorithm: 'gzip', threshold: 1 } }),
      new EntryCodec({ serializer: v8, compression: { algorithm: 'brotli', threshold: 1 } }),
    ];
    const [msgpack, json] = configured;
    for (const writer of [msgpack!, json!]) {
      const bytes = await encode(writer, entryOf({ tags: ['x'.repeat(100)] }));
      for (const reader of configured) {
        expect(await decode(reader, bytes)).toEqual(entryOf({ tags: ['x'.repeat(100)] }));
      }
    }
  });
});

describe('the versions an entry bears', () => {
  const tags = [
    ['news', token('n')],
    ['author:7 é', token('a')],
  ] as const;
  const names = tags.map(([tag]) => tag);
  const versions = tags.map(([, version]) => Buffer.from(version));
  const tagged = { ...entryOf('x'.repeat(2_000)), tags: names };
  const sealed = (codec = new EntryCodec()) => encode(codec, tagged, { cache: token('c'), tags });

  it.each([undefined, ...algorithms])('come back beside it, compressed: %s', async (algorithm) => {
    const codec = new EntryCodec(algorithm ? { compression: { algorithm } } : {});
    const envelope = codec.open(await sealed(codec), where);
    expect(tagsOf(envelope)).toEqual(tags);
    expect(isUntagged(envelope)).toBe(false);
    expect(bearsVersion(envelope, Buffer.from(token('c')))).toBe(true);
    expect(await codec.decode(envelope, names, where)).toEqual(tagged);
    const untaggedToo = codec.open(await encode(codec, entryOf(1)), where);
    expect([isUntagged(untaggedToo), tagsOf(untaggedToo)]).toEqual([true, []]);
  });

  it('are known before the payload is touched', async () => {
    const bytes = await sealed();
    const envelope = new EntryCodec().open(bytes.subarray(0, bytes.length - 1_000), where);
    expect(tagsOf(envelope)).toEqual(tags);
  });

  it('are told from every other version of the cache', async () => {
    const codec = new EntryCodec();
    const envelope = codec.open(await encode(codec, entryOf(1)), where);
    const others = ['', 'c', token('d'), `${token('c')}c`, `!|${token('c')}`].map((text) =>
      Buffer.from(text),
    );
    for (const other of [null, ...others]) expect(bearsVersion(envelope, other)).toBe(false);
  });

  it('are told from every other version of the tags', async () => {
    const envelope = new EntryCodec().open(await sealed(), where);
    expect(bearsTags(envelope, names, versions)).toBe(true);
    for (const other of [null, Buffer.from(token('x')), Buffer.from('!|'), Buffer.alloc(0)]) {
      expect(bearsTags(envelope, names, [versions[0]!, other])).toBe(false);
      expect(bearsTags(envelope, names, [other, versions[1]!])).toBe(false);
    }
  });

  it('are those of the very tags in their order', async () => {
    const envelope = new EntryCodec().open(await sealed(), where);
    const others: [string[], Buffer[]][] = [
      [[], []],
      [['news'], [versions[0]!]],
      [
        [...names, 'more'],
        [...versions, versions[0]!],
      ],
      [
        ['author:7 é', 'news'],
        [versions[1]!, versions[0]!],
      ],
      [['new', 'author:7 é'], versions],
      [['news', 'author:8 é'], versions],
    ];
    for (const [other, theirs] of others) {
      expect(bearsTags(envelope, other, theirs)).toBe(false);
    }
  });
});

describe('a custom serializer', () => {
  it('decides itself what it can store, and reads what it wrote', () => {
    const codec = new EntryCodec({ serializer: v8 });
    const bytes = encode(codec, entryOf(/x/g)) as Buffer;
    expect(decode(codec, bytes)).toEqual(entryOf(/x/g));
  });

  it('is needed to read what it wrote', async () => {
    const bytes = await encode(new EntryCodec({ serializer: v8 }), entryOf(1));
    const error = await failureOf(() => decode(new EntryCodec(), bytes));
    expect(error.code).toBe('CACHE_UNDECODABLE');
    expect(error.message).toContain('a serializer that this cache does not have');
  });

  it.each<[string, Serializer['serialize']]>([
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
    ['returns text', () => 'text' as unknown as Uint8Array],
    ['returns a promise', () => Promise.resolve() as unknown as Uint8Array],
  ])('that %s is reported as such', async (_, faulty) => {
    const codec = new EntryCodec({ serializer: { ...v8, serialize: faulty } });
    const error = await failureOf(() => encode(codec, entryOf(1)));
    expect(error.code).toBe('CACHE_SERIALIZATION');
    expect(error.message).toContain('by the serializer');
  });

  it('has its own error attached when it cannot read', async () => {
    const codec = new EntryCodec({ serializer: v8 });
    const bytes = (await encode(codec, entryOf(1))).subarray(0, HEADER_BYTES + 1);
    expect((await failureOf(() => decode(codec, bytes))).cause).toBeDefined();
  });
});

describe('compression', () => {
  const text = 'all work and no play '.repeat(200);
  const sizeWith = async (value: unknown, compression: false | CompressionOptions) =>
    (await encode(new EntryCodec({ compression }), entryOf(value))).length;

  it.each(algorithms)(
    'makes a large value smaller with %s, and reads it back',
    async (algorithm) => {
      const codec = new EntryCodec({ compression: { algorithm } });
      const bytes = encode(codec, entryOf(text));
      expect(bytes).toBeInstanceOf(Promise);
      expect((await bytes).length).toBeLessThan(text.length / 4);
      expect(await decode(codec, await bytes)).toEqual(entryOf(text));
    },
  );

  it('leaves a value alone below the threshold, synchronously', () => {
    const codec = new EntryCodec({ compression: {} });
    const bytes = encode(codec, entryOf('x'.repeat(1_000)));
    expect(bytes).toBeInstanceOf(Buffer);
    expect(decode(codec, bytes as Buffer)).toEqual(entryOf('x'.repeat(1_000)));
    expect(encode(codec, entryOf('x'.repeat(1_100)))).toBeInstanceOf(Promise);
  });

  it('leaves a value alone where it would grow', async () => {
    const noise = Buffer.from(Array.from({ length: 2_000 }, (_, i) => (i * i * 7919) % 251));
    const once = gzipSync(gzipSync(noise));
    expect(await sizeWith(once, { threshold: 1 })).toBe(await sizeWith(once, false));
  });

  it('does not unpack a bomb', async () => {
    const bomb = gzipSync(Buffer.alloc(8 * 1024 * 1024 + 1));
    const header = (await encode(new EntryCodec(), entryOf(1))).subarray(0, HEADER_BYTES);
    header[1] = 0b010;
    const error = await failureOf(() => decode(new EntryCodec(), Buffer.concat([header, bomb])));
    expect(error.message).toContain('could not be decompressed');
  });
});

describe('a value that is too large', () => {
  const codec = new EntryCodec({ maxValueBytes: 1_000, compression: { threshold: 1 } });

  it('is refused before anything is made of it, and the bound told', async () => {
    const error = await failureOf(() => encode(codec, entryOf('x'.repeat(1_000))));
    expect([error.code, error.message]).toEqual([
      'CACHE_SERIALIZATION',
      expect.stringContaining('takes at least 1003 bytes, more than maxValueBytes (1000)'),
    ]);
    expect(await decode(codec, await encode(codec, entryOf('x'.repeat(990))))).toMatchObject({
      value: 'x'.repeat(990),
    });
  });

  it.each<[string, unknown]>([
    ['text', 'x'.repeat(1_001)],
    ['bytes', Buffer.alloc(1_001)],
    ['a list', Array.from({ length: 1_001 }, () => 1)],
  ])('is not even serialized where its length alone says so: %s', async (_, value) => {
    const error = await failureOf(() => encode(codec, entryOf(value)));
    // Serialized they take more.
    expect(error.message).toContain('takes at least 1001 bytes, more than maxValueBytes (1000)');
  });

  it('is left to a serializer of its own, which may make less of it', async () => {
    const serialize = (value: unknown) => Buffer.from(`${String(value).length}`);
    const deserialize = (bytes: Uint8Array) => 'x'.repeat(Number(Buffer.from(bytes).toString()));
    const own = new EntryCodec({ maxValueBytes: 1_000, serializer: { serialize, deserialize } });
    const value = 'x'.repeat(5_000);
    expect(await decode(own, await encode(own, entryOf(value)))).toMatchObject({ value });
  });

  it('is not unpacked where another process has stored it', async () => {
    const roomy = new EntryCodec({ compression: { threshold: 1 } });
    const bytes = await encode(roomy, entryOf('x'.repeat(1_000)));
    const error = await failureOf(() => decode(codec, bytes));
    expect(error.message).toContain('could not be decompressed');
  });
});

describe('bytes that are no entry', () => {
  it.each(['msgpack', 'json'] as const)(
    'fail in one way with %s, wherever they end',
    async (serializer) => {
      for (const compression of [false, { threshold: 1 }] as const) {
        const codec = new EntryCodec({ serializer, compression });
        const value = { list: [1, 'two', new Map([[3n, new Date(4)]])], text: 'x'.repeat(50) };
        const whole = await encode(codec, entryOf(value));
        for (let length = 0; length < whole.length; length++) {
          const error = await failureOf(() => decode(codec, whole.subarray(0, length)));
          expect(error.code).toBe('CACHE_UNDECODABLE');
        }
      }
    },
  );

  it('fail in one way or none, whatever they are', async () => {
    const codec = new EntryCodec({ serializer: v8 });
    const header = fc.tuple(fc.constant(0xe2), fc.nat(9), fc.constantFrom(0, 1, 2, 3, 127));
    const noise = fc.uint8Array({ maxLength: 80 });
    const bytes = fc.oneof(
      noise.map((rest) => Buffer.from(rest)),
      fc.tuple(header, noise).map(([first, rest]) => Buffer.from([...first, ...rest])),
      fc
        .tuple(header, fc.oneof(fc.nat(80), fc.nat()), noise)
        .map(([first, tags, rest]) => wholeHeader(first, tags, rest)),
    );
    /** With valid times, so that what follows is looked at. */
    const wholeHeader = (first: number[], tags: number, rest: Uint8Array) => {
      const bytes = Buffer.concat([Buffer.from(first), Buffer.alloc(36), rest]);
      bytes.writeUInt32BE(tags, HEADER_BYTES - 4);
      return bytes;
    };
    const members = Reflect.ownKeys(Object.prototype);
    const property = fc.asyncProperty(bytes, async (some) => {
      await Promise.resolve()
        .then(() => decode(codec, some))
        .catch((error: unknown) => {
          expect(error).toMatchObject({
            name: 'CacheSerializationError',
            code: 'CACHE_UNDECODABLE',
          });
        });
      expect(Reflect.ownKeys(Object.prototype)).toEqual(members);
    });
    await fc.assert(property, { numRuns: 2_000 });
  });

  it.each<[string, (bytes: Buffer) => void, RegExp]>([
    ['another version', (bytes) => bytes.writeUInt8(0xe1, 0), /another version/],
    ['unknown flags', (bytes) => bytes.writeUInt8(0b10000, 1), /header is damaged/],
    [
      'tags that end within a version',
      (bytes) => bytes.writeUInt32BE(3, HEADER_BYTES - 4),
      /tags are damaged/,
    ],
    ['no time', (bytes) => bytes.writeDoubleBE(Number.NaN, 3), /header is damaged/],
    [
      'tags beyond its end',
      (bytes) => bytes.writeUInt32BE(bytes.length, HEADER_BYTES - 4),
      /tags are damaged/,
    ],
    ['tags that are none', (bytes) => bytes.writeUInt32BE(1, HEADER_BYTES - 4), /tags are damaged/],
    ['emissions that are no list', (bytes) => bytes.writeUInt8(1, 1), /not a list/],
  ])('fail for %s', async (_, damage, problem) => {
    const codec = new EntryCodec();
    const bytes = await encode(codec, entryOf({ a: 1 }));
    damage(bytes);
    const error = await failureOf(() => decode(codec, bytes));
    expect(error.code).toBe('CACHE_UNDECODABLE');
    expect(error.message).toMatch(problem);
  });

  it.each(['msgpack', 'json'] as const)(
    'fail without quoting the value they hold with %s',
    async (serializer) => {
      const codec = new EntryCodec({ serializer });
      const bytes = await encode(codec, entryOf({ password: 'hunter2' }));
      for (const damaged of [bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.from('x')])]) {
        const error = await failureOf(() => decode(codec, damaged));
        expect(error.cause).toBeUndefined();
        expect(error.message).not.toContain('hunter2');
      }
    },
  );
});

describe('a value that cannot be stored', () => {
  it.each(['msgpack', 'json'] as const)('is refused with its path by %s', async (serializer) => {
    const codec = new EntryCodec({ serializer });
    const error = await failureOf(() => encode(codec, entryOf({ a: [() => 1] })));
    expect(error.code).toBe('CACHE_SERIALIZATION');
    expect(error.message).toContain('articles.get: the value at $.a[0] is a function');
  });
});

describe('JSON with a key __proto__', () => {
  it.each([
    '{"__proto__":1}',
    '{"a":{"__proto__":{"x":1}}}',
    '[[{"__proto__":null}]]',
    '{"\\u005f_proto__":{"x":1}}',
  ])('fails: %s', async (text) => {
    const codec = new EntryCodec({ serializer: 'json' });
    const header = (await encode(codec, entryOf(1))).subarray(0, HEADER_BYTES);
    const error = await failureOf(() => decode(codec, Buffer.concat([header, Buffer.from(text)])));
    expect(error.code).toBe('CACHE_UNDECODABLE');
  });
});

describe('bytes that nest deeper than any value', () => {
  const deep: [string, (levels: number) => Buffer][] = [
    ['json', (n) => Buffer.from('['.repeat(n) + ']'.repeat(n))],
    ['json', (n) => Buffer.from('{"a":'.repeat(n) + '1' + '}'.repeat(n))],
    ['json', (n) => Buffer.from('$' + '{"$":"Set","v":['.repeat(n) + ']}'.repeat(n))],
    ['json', (n) => Buffer.from('$' + '{"$":"Map","v":[1,'.repeat(n) + '1' + ']}'.repeat(n))],
    ['msgpack', (n) => Buffer.concat([Buffer.alloc(n, 0x91), Buffer.of(0)])],
    ['msgpack', (n) => Buffer.concat([Buffer.from('81a161'.repeat(n), 'hex'), Buffer.of(0)])],
  ];
  it.each(deep)('fail, however deep: %s, %#', async (serializer, bytesOf) => {
    const codec = new EntryCodec({ serializer: serializer as 'json' | 'msgpack' });
    const header = (await encode(codec, entryOf(1))).subarray(0, HEADER_BYTES);
    const read = (levels: number) => decode(codec, Buffer.concat([header, bytesOf(levels)]));
    expect(await read(400)).toHaveProperty('value');
    for (const levels of [600, 5_000, 200_000]) {
      const error = await failureOf(() => read(levels));
      expect(error).toMatchObject({ code: 'CACHE_UNDECODABLE' });
    }
  });
});
