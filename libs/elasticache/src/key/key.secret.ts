import { createHmac } from 'node:crypto';

import { LRUCache } from 'lru-cache';

/** A key of the application's, and its name. */
export interface NamedKey {
  /** Letters, digits, `.`, `_` and `-`. */
  readonly id: string;
  /** 32 bytes, or these as text in hexadecimal or base64. */
  readonly key: Uint8Array | string;
}

/** Bytes of a key, which are as many as AES-256 and HMAC-SHA-256 are made for. */
const KEY_BYTES = 32;

/** Characters of a name, in base64url: 132 bits, so that no two names ever meet. */
const NAME_LENGTH = 22;

/** Names that are remembered, as one call asks for the same one several times. */
const MOST_REMEMBERED = 10_000;

/** The bytes of a key; undefined where it is none. */
export function keyBytes(key: unknown): Buffer | undefined {
  const bytes = key instanceof Uint8Array ? Buffer.from(key) : decoded(key);
  return bytes?.length === KEY_BYTES ? bytes : undefined;
}

function decoded(key: unknown): Buffer | undefined {
  if (typeof key !== 'string') return undefined;
  if (/^[0-9a-f]{64}$/i.test(key)) return Buffer.from(key, 'hex');
  return /^[\w+/-]{43}=?$/.test(key) ? Buffer.from(key, 'base64') : undefined;
}

/**
 * Makes the names under which things stand outside of this process: HMAC-SHA-256 in base64url, cut to
 * 22 characters. Who does not have the key can neither read nor guess what they stand for, nor tell
 * whether two scopes or caches hold the same key. (RFC 2104)
 */
export class KeySecret {
  private readonly key: Buffer;
  private readonly known = new LRUCache<string, string>({
    maxSize: MOST_REMEMBERED, // `max` would take the room of all at once
    sizeCalculation: () => 1,
  });

  constructor({ key }: NamedKey) {
    this.key = keyBytes(key)!;
  }

  /** Of the last part; the others say what it is, and where. None but the last may hold a NUL. */
  nameOf(...parts: readonly string[]): string {
    const text = parts.join('\0');
    let name = this.known.get(text);
    if (name === undefined) {
      const digest = createHmac('sha256', this.key).update(text).digest('base64url');
      this.known.set(text, (name = digest.slice(0, NAME_LENGTH)));
    }
    return name;
  }
}
