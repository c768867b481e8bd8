import { deserialize, serialize } from 'node:v8';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { differenceOf, storableValues } from '../../../../test/support/storable.values.js';
import type { Entry } from '../entry/cache.entry.js';
import { CacheSerializationError } from '../errors/cache.errors.js';
import { supportsZstd } from './compression.js';
import { EntryCodec } from './entry.codec.js';
import type { CompressionOptions, Serializer } from './serializer.js';

const HEADER_BYTES = 19;
const where = 'articles.get';
const entryOf = (value: unknown): Entry => ({ value, createdAt: 1_000, expiresAt: 61_000.5 });
const v8: Serializer = { serialize, deserialize };
const algorithms = (['gzip', 'brotli', 'zstd'] as const).filter(
  (algorithm) => algorithm !== 'zstd' || supportsZstd(),
);

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
      const { value: read, ...times } = await codec.decode(
        await codec.encode(entryOf(value), where),
        where,
      );
      expect(differenceOf(read, value)).toBeUndefined();
      expect(times).toEqual({ createdAt: 1_000, expiresAt: 61_000.5 });
    });
    await fc.assert(property, { numRuns: 200 });
  });

  it('keeps that it holds emissions, and only then says so', () => {
    const codec = new EntryCodec();
    const emissions = { ...entryOf([1, 2]), emissions: true };
    expect(codec.decode(codec.encode(emissions, where) as Buffer, where)).toEqual(emissions);
    const plain = codec.decode(codec.encode(entryOf([1, 2]), where) as Buffer, where);
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
      const bytes = await writer.encode(entryOf({ tags: ['x'.repeat(100)] }), where);
      for (const reader of configured) {
        expect(await reader.decode(bytes, where)).toEqual(entryOf({ tags: ['x'.repeat(100)] }));
      }
    }
  });
});

describe('a custom serializer', () => {
  it('decides itself what it can store, and reads what it wrote', () => {
    const codec = new EntryCodec({ serializer: v8 });
    const bytes = codec.encode(entryOf(/x/g), where) as Buffer;
    expect(codec.decode(bytes, where)).toEqual(entryOf(/x/g));
  });

  it('is needed to read what it wrote', async () => {
    const bytes = await new EntryCodec({ serializer: v8 }).encode(entryOf(1), where);
    const error = await failureOf(() => new EntryCodec().decode(bytes, where));
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
    const error = await failureOf(() => codec.encode(entryOf(1), where));
    expect(error.code).toBe('CACHE_SERIALIZATION');
    expect(error.message).toContain('by the serializer');
  });

  it('has its own error attached when it cannot read', async () => {
    const codec = new EntryCodec({ serializer: v8 });
    const bytes = (await codec.encode(entryOf(1), where)).subarray(0, HEADER_BYTES + 1);
    expect((await failureOf(() => codec.decode(bytes, where))).cause).toBeDefined();
  });
});

describe('compression', () => {
  const text = 'all work and no play '.repeat(200);
  const sizeWith = async (value: unknown, compression: false | CompressionOptions) =>
    (await new EntryCodec({ compression }).encode(entryOf(value), where)).length;

  it.each(algorithms)(
    'makes a large value smaller with %s, and reads it back',
    async (algorithm) => {
      const codec = new EntryCodec({ compression: { algorithm } });
      const bytes = codec.encode(entryOf(text), where);
      expect(bytes).toBeInstanceOf(Promise);
      expect((await bytes).length).toBeLessThan(text.length / 4);
      expect(await codec.decode(await bytes, where)).toEqual(entryOf(text));
    },
  );

  it('leaves a value alone below the threshold, synchronously', () => {
    const codec = new EntryCodec({ compression: {} });
    const bytes = codec.encode(entryOf('x'.repeat(1_000)), where);
    expect(bytes).toBeInstanceOf(Buffer);
    expect(codec.decode(bytes as Buffer, where)).toEqual(entryOf('x'.repeat(1_000)));
    expect(codec.encode(entryOf('x'.repeat(1_100)), where)).toBeInstanceOf(Promise);
  });

  it('leaves a value alone where it would grow', async () => {
    const noise = Buffer.from(Array.from({ length: 2_000 }, (_, i) => (i * i * 7919) % 251));
    const once = gzipSync(gzipSync(noise));
    expect(await sizeWith(once, { threshold: 1 })).toBe(await sizeWith(once, false));
  });

  it('does not unpack a bomb', async () => {
    const member = gzipSync(Buffer.alloc(16 * 1024 * 1024));
    const bomb = Buffer.concat(Array<Buffer>(17).fill(member));
    const header = (await new EntryCodec().encode(entryOf(1), where)).subarray(0, HEADER_BYTES);
    header[1] = 0b010;
    const error = await failureOf(() =>
      new EntryCodec().decode(Buffer.concat([header, bomb]), where),
    );
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
        const whole = await codec.encode(entryOf(value), where);
        for (let length = 0; length < whole.length; length++) {
          const error = await failureOf(() => codec.decode(whole.subarray(0, length), where));
          expect(error.code).toBe('CACHE_UNDECODABLE');
        }
      }
    },
  );

  it('fail in one way or none, whatever they are', async () => {
    const codec = new EntryCodec({ serializer: v8 });
    const header = fc.tuple(fc.constant(0xe1), fc.nat(9), fc.constantFrom(0, 1, 2, 3, 127));
    const noise = fc.uint8Array({ maxLength: 80 });
    const bytes = fc.oneof(
      noise.map((rest) => Buffer.from(rest)),
      fc.tuple(header, noise).map(([first, rest]) => Buffer.from([...first, ...rest])),
      fc
        .tuple(header, noise)
        .map(([first, rest]) => Buffer.from([...first, ...Array(16).fill(0), ...rest])),
    );
    const members = Reflect.ownKeys(Object.prototype);
    const property = fc.asyncProperty(bytes, async (some) => {
      await Promise.resolve()
        .then(() => codec.decode(some, where))
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
    ['another version', (bytes) => bytes.writeUInt8(0xe2, 0), /another version/],
    ['unknown flags', (bytes) => bytes.writeUInt8(0b1000, 1), /header is damaged/],
    ['no time', (bytes) => bytes.writeDoubleBE(Number.NaN, 3), /header is damaged/],
    ['emissions that are no list', (bytes) => bytes.writeUInt8(1, 1), /not a list/],
  ])('fail for %s', async (_, damage, problem) => {
    const codec = new EntryCodec();
    const bytes = await codec.encode(entryOf({ a: 1 }), where);
    damage(bytes);
    const error = await failureOf(() => codec.decode(bytes, where));
    expect(error.code).toBe('CACHE_UNDECODABLE');
    expect(error.message).toMatch(problem);
  });

  it.each(['msgpack', 'json'] as const)(
    'fail without quoting the value they hold with %s',
    async (serializer) => {
      const codec = new EntryCodec({ serializer });
      const bytes = await codec.encode(entryOf({ password: 'hunter2' }), where);
      for (const damaged of [bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.from('x')])]) {
        const error = await failureOf(() => codec.decode(damaged, where));
        expect(error.cause).toBeUndefined();
        expect(error.message).not.toContain('hunter2');
      }
    },
  );
});

describe('a value that cannot be stored', () => {
  it.each(['msgpack', 'json'] as const)('is refused with its path by %s', async (serializer) => {
    const codec = new EntryCodec({ serializer });
    const error = await failureOf(() => codec.encode(entryOf({ a: [() => 1] }), where));
    expect(error.code).toBe('CACHE_SERIALIZATION');
    expect(error.message).toContain('articles.get: the value at $.a[0] is a function');
  });
});
