import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { bearsVersion, EntryCodec, tagsOf } from '../../libs/elasticache/src/codec/entry.codec.js';
import { differenceOf } from '../support/storable.values.js';

/*
 * Bytes that released versions wrote. A payload is never edited or removed: while a new version is
 * rolled out, both read the same server. A new format adds a file. Version 1 bore no versions of
 * caches and tags, so that nothing tells whether its entries still hold: they are misses.
 */
interface Frozen {
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly cacheVersion: string;
  readonly tagVersions: readonly (readonly [tag: string, version: string])[];
  readonly payloads: readonly {
    readonly value: string;
    readonly serializer: 'msgpack' | 'json';
    readonly compression: false | 'gzip' | 'brotli';
    readonly emissions: boolean;
    readonly tagged: boolean;
    readonly base64: string;
  }[];
}

const bytes = [0, 1, 2, 3, 252, 253, 254, 255, 0, 0, 0, 0, 0, 0, 240, 63];
const memory = (): ArrayBuffer => new Uint8Array(bytes).buffer;

const values: Readonly<Record<string, unknown>> = {
  'an article': {
    id: 7,
    title: 'Sœurs, naïve façade — 東京 😀',
    rating: 4.5,
    votes: -3,
    big: 2 ** 40,
    draft: false,
    image: null,
    tags: ['cache', 'redis'],
    author: { name: 'Ada', 7: 'seven', constructor: 'c', toJSON: 't', length: 0 },
  },
  'a long text': 'all work and no play makes jack a dull boy. '.repeat(40),
  null: null,
  undefined,
  'undefined within': { a: undefined, b: [undefined] },
  'not finite': [Number.NaN, Infinity, -Infinity],
  bigints: [0n, -1n, 2n ** 63n, 2n ** 64n, -(2n ** 64n), 2n ** 200n, -(3n ** 150n)],
  dates: [0, 1_700_000_000_123, -1, 2 ** 32 * 1000, 8.64e15, -8.64e15, Number.NaN].map(
    (ms) => new Date(ms),
  ),
  'a Map': new Map<unknown, unknown>([
    ['a', 1],
    [2, { b: new Map([[null, undefined]]) }],
    [{ c: 1 }, 3n],
  ]),
  'a Set': new Set<unknown>(['a', 1, new Set([new Map([['k', 'v']])])]),
  'a Buffer': Buffer.from(bytes),
  'an ArrayBuffer': memory(),
  'a DataView': new DataView(memory()),
  Int8Array: new Int8Array(memory()),
  Uint8Array: new Uint8Array(memory()),
  Uint8ClampedArray: new Uint8ClampedArray(memory()),
  Int16Array: new Int16Array(memory()),
  Uint16Array: new Uint16Array(memory()),
  Int32Array: new Int32Array(memory()),
  Uint32Array: new Uint32Array(memory()),
  Float32Array: new Float32Array([0, 0.5, -1.25, Infinity]),
  Float64Array: new Float64Array([0, 0.1, -1e300, Infinity]),
  BigInt64Array: new BigInt64Array(memory()),
  BigUint64Array: new BigUint64Array(memory()),
  'what looks like a tag': { $: 'Map', v: [1, 2], real: new Map([['k', { $: 'undefined' }]]) },
  'a bit of everything': [
    { at: new Date(5), of: new Map([['ids', new Set([1n, 2n])]]) },
    Buffer.from('x'),
  ],
};

const frozenIn = (file: string) =>
  JSON.parse(readFileSync(new URL(`./payloads/${file}`, import.meta.url), 'utf8')) as Frozen;
const frozen = frozenIn('v2.json');
const codec = new EntryCodec();

const undecodable = { name: 'CacheSerializationError', code: 'CACHE_UNDECODABLE' };
const read = async (bytes: Buffer) => codec.decode(codec.open(bytes, 'wire'), [], 'wire');

describe('version 2 of the wire format', () => {
  it.each(frozen.payloads.map((payload) => [describePayload(payload), payload] as const))(
    'still reads %s',
    async (_, { value, base64, emissions, tagged }) => {
      const envelope = codec.open(Buffer.from(base64, 'base64'), 'wire');
      const { createdAt, expiresAt, cacheVersion, tagVersions } = frozen;
      expect(bearsVersion(envelope, Buffer.from(cacheVersion))).toBe(true);
      const borne = tagsOf(envelope)!;
      expect(borne).toEqual(tagged ? tagVersions : []);
      const tags = borne.map(([tag]) => tag);
      const { value: found, ...rest } = await codec.decode(envelope, tags, 'wire');
      expect(differenceOf(found, values[value])).toBeUndefined();
      expect(rest).toEqual({
        createdAt,
        expiresAt,
        ...(emissions && { emissions }),
        ...(tagged && { tags: tagVersions.map(([tag]) => tag) }),
      });
    },
  );

  it('has a frozen payload of every type with every serializer, and of every compression', () => {
    const kept = new Set(
      frozen.payloads.map((payload) => `${payload.value}, ${payload.serializer}`),
    );
    const wanted = Object.keys(values).flatMap((name) => [`${name}, msgpack`, `${name}, json`]);
    expect(wanted.filter((name) => !kept.has(name))).toEqual([]);
    for (const tagged of [false, true]) {
      const payloads = frozen.payloads.filter((payload) => payload.tagged === tagged);
      const compressions = new Set(payloads.map((payload) => payload.compression));
      expect(compressions).toEqual(new Set([false, 'gzip', 'brotli']));
    }
  });

  it('takes every other version for undecodable, and for nothing else', async () => {
    const known = Buffer.from(frozen.payloads[0]!.base64, 'base64');
    for (let version = 0; version <= 0xff; version++) {
      if (version === 0xe2) continue;
      const other = Buffer.from(known);
      other[0] = version;
      await expect(read(other)).rejects.toMatchObject(undecodable);
    }
  });
});

describe('version 1 of the wire format', () => {
  it('is a miss, whatever it holds', async () => {
    for (const { base64 } of frozenIn('v1.json').payloads) {
      await expect(read(Buffer.from(base64, 'base64'))).rejects.toMatchObject(undecodable);
    }
  });
});

function describePayload({
  value,
  serializer,
  compression,
  emissions,
  tagged,
}: Frozen['payloads'][number]): string {
  const marks = [serializer, compression, emissions && 'emissions', tagged && 'tagged'];
  const shape = marks.filter(Boolean).join(', ');
  return `${value} (${shape})`;
}
