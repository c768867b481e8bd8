import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { newToken } from '../store/token.js';
import { bearTags, readTags, tagsBytes, TOKEN_BYTES } from './entry.versions.js';

const names = fc.uniqueArray(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }), {
  maxLength: 6,
});
const tagsOf = (tags: readonly string[]) => tags.map((tag) => [tag, newToken()] as const);
const FROM = 5;

/** The tags' bytes among others, with their places. */
function placed(tags: readonly (readonly [string, string])[]) {
  const own = tagsBytes(tags);
  const bytes = Buffer.concat([Buffer.alloc(FROM, 1), own, Buffer.from('payload')]);
  return { bytes, to: FROM + own.length };
}

describe('The tags of an entry', () => {
  it('are as long as a token, and come back', () => {
    expect(newToken()).toHaveLength(TOKEN_BYTES);
    fc.assert(
      fc.property(names, (list) => {
        const tags = tagsOf(list);
        const { bytes, to } = placed(tags);
        expect(readTags(bytes, FROM, to)).toEqual(tags);
      }),
    );
  });

  it('of a thousand bytes, and a thousand of them, come back', () => {
    const tags = tagsOf(Array.from({ length: 1_000 }, (_each, i) => 'é'.repeat(500) + i));
    const { bytes, to } = placed(tags);
    expect(readTags(bytes, FROM, to)).toEqual(tags);
  });

  it('are no list wherever they end elsewhere', () => {
    const { bytes, to } = placed(tagsOf(['news', 'author:7']));
    const ends = Array.from({ length: bytes.length - FROM }, (_each, i) => FROM + 1 + i);
    const whole = [FROM + 2 + 4 + TOKEN_BYTES, to];
    for (const end of ends) {
      const read = readTags(bytes.subarray(0, end), FROM, end);
      expect([end, read === undefined]).toEqual([end, !whole.includes(end)]);
    }
    expect(readTags(bytes, FROM, bytes.length + 1)).toBeUndefined();
  });

  it('are no list, or one, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
        const bytes = Buffer.from(noise);
        const tags = readTags(bytes, 0, bytes.length);
        for (const [, version] of tags ?? []) expect(version).toHaveLength(TOKEN_BYTES);
        const versions = (tags ?? []).map((each) => Buffer.from(each[1], 'latin1'));
        const borne = (tags ?? []).map(([tag]) => tag);
        const isBorne = bearTags(bytes, [0, bytes.length], { tags: borne, versions });
        if (tags === undefined) expect(isBorne && bytes.length > 0).toBe(false);
      }),
    );
  });
});

describe('Comparing in place', () => {
  it('says the same as reading and comparing', () => {
    const pair = fc.tuple(names, names, fc.nat(3));
    fc.assert(
      fc.property(pair, ([list, others, change]) => {
        const tags = tagsOf(list);
        const { bytes, to } = placed(tags);
        const known = new Map(tags);
        const asked = change === 0 ? list : others;
        const versions = asked.map((tag, i) =>
          change === 1 && i === 0
            ? Buffer.from(newToken())
            : Buffer.from(known.get(tag) ?? newToken()),
        );
        const isSame =
          asked.length === list.length &&
          asked.every((tag, i) => tag === list[i] && versions[i]!.toString() === known.get(tag));
        expect(bearTags(bytes, [FROM, to], { tags: asked, versions })).toBe(isSame);
      }),
    );
  });

  it('takes a version that is missing, pending or of another length for another', () => {
    const tags = tagsOf(['news']);
    const { bytes, to } = placed(tags);
    const version = Buffer.from(tags[0]![1]);
    const asked = { tags: ['news'] };
    expect(bearTags(bytes, [FROM, to], { ...asked, versions: [version] })).toBe(true);
    const others = [null, Buffer.alloc(0), version.subarray(1), Buffer.concat([version, version])];
    for (const other of others) {
      expect(bearTags(bytes, [FROM, to], { ...asked, versions: [other] })).toBe(false);
    }
  });

  it('takes the version of a tag for no other tag’s', () => {
    const tags = tagsOf(['news', 'more']);
    const { bytes, to } = placed(tags);
    const versions = tags.map(([, version]) => Buffer.from(version));
    expect(bearTags(bytes, [FROM, to], { tags: ['news', 'more'], versions })).toBe(true);
    expect(bearTags(bytes, [FROM, to], { tags: ['news', 'mere'], versions })).toBe(false);
  });

  it('reads nothing beyond the tags', () => {
    const { bytes, to } = placed(tagsOf(['news', 'more']));
    const [[, version] = ['', '']] = readTags(bytes, FROM, to)!;
    const asked = {
      tags: ['news', 'more'],
      versions: [Buffer.from(version), Buffer.from(version)],
    };
    for (let end = FROM; end < to; end++) {
      expect(bearTags(bytes.subarray(0, end), [FROM, end], asked)).toBe(false);
    }
  });
});
