import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { EntryCodec } from '../../libs/elasticache/src/codec/entry.codec.js';
import { Sealing } from '../../libs/elasticache/src/codec/sealing.js';

/** Sealed bytes that released versions wrote: see wire.format.spec.ts. */
interface Frozen {
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly keys: readonly { readonly id: string; readonly key: string }[];
  readonly payloads: readonly {
    readonly serializer: 'msgpack' | 'json';
    readonly compression: false | 'gzip' | 'brotli';
    readonly keyId: string;
    readonly key: string;
    readonly base64: string;
  }[];
}

const file = new URL('./payloads/v2.sealed.json', import.meta.url);
const { keys, payloads, createdAt, expiresAt } = JSON.parse(readFileSync(file, 'utf8')) as Frozen;
const codec = new EntryCodec({ sealing: new Sealing(keys) });
const value = { text: 'all work and no play makes jack a dull boy. '.repeat(5), n: [1, 2.5, null] };

describe('a sealed payload of version 2 of the wire format', () => {
  it.each(payloads)('still opens: $serializer, $compression, $keyId', async ({ key, base64 }) => {
    const envelope = codec.open(Buffer.from(base64, 'base64'), 'wire');
    envelope.key = key;
    const entry = await codec.decode(envelope, ['news'], 'wire');
    expect(entry).toEqual({ value, createdAt, expiresAt, tags: ['news'] });
  });

  it('is kept of every serializer, compression and key', () => {
    const kinds = payloads.map((one) => `${one.serializer} ${one.compression} ${one.keyId}`);
    expect(new Set(kinds).size).toBe(12);
  });
});
