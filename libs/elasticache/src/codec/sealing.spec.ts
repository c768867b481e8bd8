import { createHash } from 'node:crypto';

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import type { Entry } from '../entry/cache.entry.js';
import { EntryCodec } from './entry.codec.js';
import { Sealing } from './sealing.js';

const keyOf = (seed: string) => createHash('sha256').update(seed).digest();
const e1 = { id: 'e1', key: keyOf('one') };
const e2 = { id: 'a-rather.long_id', key: keyOf('two') };

const versions = { cache: 'c'.repeat(16), tags: [['news', 't'.repeat(16)]] as [string, string][] };
const entryOf = (value: unknown): Entry => ({ value, createdAt: 1, expiresAt: 2, tags: ['news'] });
const codecOf = (...keys: (typeof e1)[]) =>
  new EntryCodec(keys.length > 0 ? { sealing: new Sealing(keys) } : {});
const write = async (codec: EntryCodec, value: unknown, key = 'shop:v1:t=acme:a:7') =>
  codec.encode({ entry: entryOf(value), versions, key }, 'here');
const read = async (codec: EntryCodec, bytes: Buffer, key = 'shop:v1:t=acme:a:7') => {
  const envelope = codec.open(bytes, 'here');
  envelope.key = key;
  return (await codec.decode(envelope, ['news'], 'here')).value;
};
const broken = { code: 'CACHE_UNDECODABLE' };

describe('A sealed value', () => {
  it('comes back as it was, with any serializer, compressed or not', async () => {
    for (const serializer of ['msgpack', 'json'] as const) {
      for (const compression of [false, { threshold: 10 }] as const) {
        const codec = new EntryCodec({ serializer, compression, sealing: new Sealing([e1]) });
        const value = { text: 'all work and no play '.repeat(50), of: new Map([[1, new Date(5)]]) };
        expect(await read(codec, await write(codec, value))).toEqual(value);
      }
    }
  });

  it('cannot be read in its bytes, and is never sealed alike twice', async () => {
    const codec = codecOf(e1);
    const [one, other] = [await write(codec, 'a secret'), await write(codec, 'a secret')];
    expect(one.includes('secret')).toBe(false);
    expect(one.equals(other)).toBe(false);
    expect(one.includes('e1')).toBe(true);
  });

  it('opens under its own key alone', async () => {
    const codec = codecOf(e1);
    const bytes = await write(codec, 1, 'shop:v1:t=acme:a:7');
    for (const key of ['shop:v1:t=globex:a:7', 'shop:v1:t=acme:a:8', 'shop:v2:t=acme:a:7', '']) {
      await expect(read(codec, bytes, key)).rejects.toMatchObject(broken);
    }
    expect(await read(codec, bytes)).toBe(1);
  });

  it('does not open once anything of it was changed, its times, versions and tags included', async () => {
    const codec = codecOf(e1);
    const bytes = await write(codec, { a: 'value' });
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of [1, 0x80]) {
        const forged = Buffer.from(bytes);
        forged[at]! ^= bit;
        await expect(read(codec, forged)).rejects.toMatchObject(broken);
      }
      await expect(read(codec, bytes.subarray(0, at))).rejects.toMatchObject(broken);
    }
  });

  it('is opened by any key that is listed, and sealed by the first', async () => {
    const before = await write(codecOf(e1), 'v');
    expect(await read(codecOf(e2, e1), before)).toBe('v');
    const after = await write(codecOf(e2, e1), 'v');
    await expect(read(codecOf(e1), after)).rejects.toMatchObject(broken);
    await expect(read(codecOf(e2), before)).rejects.toMatchObject(broken);
  });

  it('is not taken for another by a key that has its name', async () => {
    const impostor = { id: e1.id, key: e2.key };
    await expect(read(codecOf(impostor), await write(codecOf(e1), 1))).rejects.toMatchObject(
      broken,
    );
  });

  it('is not believed where it is not sealed, nor read where there is no key', async () => {
    const plain = await write(codecOf(), 1);
    await expect(read(codecOf(e1), plain)).rejects.toThrow(/the value is not sealed/);
    const sealed = await write(codecOf(e1), 1);
    await expect(read(codecOf(), sealed)).rejects.toThrow(/sealed, and this cache has no key/);
  });

  it('fails in one way, whatever the bytes', async () => {
    const codec = codecOf(e1, e2);
    const bytes = await write(codec, 1);
    const header = bytes.subarray(0, bytes.length - 1 - 2 - 12 - 16 - 1);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 80 }), async (payload) => {
        await expect(read(codec, Buffer.concat([header, payload]))).rejects.toMatchObject(broken);
      }),
    );
  });
});
