import type { BorneTags } from '../entry/cache.entry.js';

/** The versions an entry bears: those that stood before its value was made. */
export interface EntryVersions {
  /** The cache's, a token. */
  readonly cache: string;
  readonly tags: BorneTags;
}

/** A token's length: 96 random bits in base64url. */
export const TOKEN_BYTES = 16;
const LENGTH_BYTES = 2;
const LAST_ASCII = 0x7f;
const none = Buffer.alloc(0);
const noTags: readonly (readonly [string, string])[] = [];

export function tagsBytes(tags: EntryVersions['tags']): Buffer {
  if (tags.length === 0) return none;
  return Buffer.concat(
    tags.flatMap(([tag, version]) => {
      const name = Buffer.from(tag);
      const length = Buffer.alloc(LENGTH_BYTES);
      length.writeUInt16BE(name.length);
      return [length, name, Buffer.from(version, 'latin1')];
    }),
  );
}

/** Undefined where the bytes between the two places are no list of tags. */
export function readTags(bytes: Buffer, from: number, to: number) {
  if (from === to) return noTags;
  if (to > bytes.length) return undefined;
  const tags: (readonly [string, string])[] = [];
  let at = from;
  while (at + LENGTH_BYTES <= to) {
    const nameAt = at + LENGTH_BYTES;
    const versionAt = nameAt + bytes.readUInt16BE(at);
    at = versionAt + TOKEN_BYTES;
    if (at > to) return undefined;
    tags.push([bytes.toString('utf8', nameAt, versionAt), bytes.toString('latin1', versionAt, at)]);
  }
  return at === to ? tags : undefined;
}

/**
 * Whether the bytes between the two places are these tags in this order, each with its version as it
 * stands. Compared in place: nothing is made of them for a hit, and for so few bytes a call into
 * native code costs more than the loop.
 */
export function bearTags(
  bytes: Buffer,
  [from, to]: readonly [number, number],
  { tags, versions }: { tags: readonly string[]; versions: readonly (Buffer | null)[] },
): boolean {
  let at = from;
  for (const [i, tag] of tags.entries()) {
    const nameAt = at + LENGTH_BYTES;
    if (nameAt > to) return false;
    const versionAt = nameAt + bytes[at]! * 256 + bytes[at + 1]!;
    const version = versions[i];
    at = versionAt + TOKEN_BYTES;
    if (at > to || version?.length !== TOKEN_BYTES) return false;
    if (!standsAt(bytes, versionAt, version)) return false;
    if (!isNamed(bytes, [nameAt, versionAt], tag)) return false;
  }
  return at === to;
}

/** Whether the token is what stands there. */
export function standsAt(bytes: Buffer, at: number, token: Buffer): boolean {
  for (let i = 0; i < TOKEN_BYTES; i++) if (bytes[at + i] !== token[i]) return false;
  return true;
}

function isNamed(bytes: Buffer, [from, to]: readonly [number, number], tag: string): boolean {
  for (let i = 0; i < tag.length; i++) {
    const code = tag.charCodeAt(i);
    if (code > LAST_ASCII) return bytes.toString('utf8', from, to) === tag;
    if (bytes[from + i] !== code) return false;
  }
  return from + tag.length === to;
}
