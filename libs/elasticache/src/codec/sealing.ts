import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

import { keyBytes, type NamedKey } from '../key/key.secret.js';

/*
 * A sealed payload:
 *
 *   0      length of the key's id
 *   1-     the id, ASCII
 *   then   nonce, 12 random bytes
 *   then   tag, 16 bytes
 *   then   the payload, encrypted
 *
 * AES-256-GCM (NIST SP 800-38D). Authenticated with it, and not encrypted, is where it belongs: the
 * whole envelope before it, with its times, versions and tags, and the full key in Redis, scope
 * included. So what is copied to another key, or given another life, does not open.
 */
const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** What a sealed payload belongs to. */
export interface SealedPlace {
  /** The envelope before it. */
  readonly header: Uint8Array;
  /** The full key in Redis. */
  readonly key: string;
}

/** Seals payloads with the first key, and opens them with any. */
export class Sealing {
  private readonly keys: ReadonlyMap<string, Buffer>;
  private readonly head: Buffer;
  private readonly first: Buffer;

  constructor(keys: readonly NamedKey[]) {
    this.keys = new Map(keys.map(({ id, key }) => [id, keyBytes(key)!]));
    const [[id, first]] = [...this.keys] as [[string, Buffer]];
    this.first = first;
    this.head = Buffer.concat([Buffer.of(id.length), Buffer.from(id, 'latin1')]);
  }

  seal(payload: Uint8Array, { header, key }: SealedPlace): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.first, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(header);
    cipher.setAAD(Buffer.from(key));
    const encrypted = [cipher.update(payload), cipher.final()];
    return Buffer.concat([this.head, nonce, cipher.getAuthTag(), ...encrypted]);
  }

  /** Undefined where it does not belong there, was changed, or was sealed with another key. */
  open(sealed: Uint8Array, { header, key }: SealedPlace): Buffer | undefined {
    const nonceAt = 1 + (sealed[0] ?? 0);
    const tagAt = nonceAt + NONCE_BYTES;
    const bytesAt = tagAt + TAG_BYTES;
    const id = Buffer.from(sealed.subarray(1, nonceAt)).toString('latin1');
    const secret = this.keys.get(id);
    if (secret === undefined || sealed.length < bytesAt) return undefined;
    const nonce = sealed.subarray(nonceAt, tagAt);
    const decipher = createDecipheriv(ALGORITHM, secret, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(header);
    decipher.setAAD(Buffer.from(key));
    decipher.setAuthTag(sealed.subarray(tagAt, bytesAt));
    try {
      return Buffer.concat([decipher.update(sealed.subarray(bytesAt)), decipher.final()]);
    } catch {
      return undefined;
    }
  }
}
