import { createHash } from 'node:crypto';

import { type Glob, globOf } from './glob.js';
import { encodeSegment } from './key.encoding.js';
import type { KeyNaming } from './names.js';
import { GLOBAL } from './scope.js';
import { scopeOfTag } from './tag.names.js';

/** The longest key kept as it is, in bytes of UTF-8. */
const MAX_BYTES = 512;
/** What a shortened key ends in: `~` and 64 hexadecimal digits. */
const DIGEST_BYTES = 65;
/** As -2147483648 is. */
const LONGEST_WHOLE = 11;
const NINE = '9'.charCodeAt(0);
const ENDS_IN_DIGEST = /~[0-9a-f]{64}$/;

const everything = globOf('*');
const utf8 = new TextEncoder();

/** What an entry is kept under in this process. Of a whole number a Map finds itself in half the time of its text. */
export type ShortKey = string | number;

/** The number that an encoded key is the text of, if it has 32 bits; else the text, bounded. */
export function shortKey(text: ShortKey): ShortKey {
  return typeof text === 'number' ? text : shortened(text);
}

function shortened(text: string): ShortKey {
  const mayBeNumber = text.length <= LONGEST_WHOLE && text.charCodeAt(0) <= NINE;
  const whole = mayBeNumber ? Number(text) | 0 : 0;
  return mayBeNumber && String(whole) === text ? whole : boundedText(text);
}

/** Whether {@link shortKey} is the key itself. */
export function isShort(key: unknown): key is number {
  return typeof key === 'number' && (key | 0) === key;
}

/**
 * The text itself up to 512 bytes; a longer one keeps its first 447, cut back to a whole character,
 * and ends in `~` and the SHA-256 of the whole. What is kept by key in this process is kept under
 * this, so that a key of a megabyte does not stay in memory.
 */
export function boundedText(text: string): string {
  return bounded(text, MAX_BYTES);
}

/**
 * A text that could itself be the outcome of shortening another is shortened too: distinct texts
 * stay distinct. Such an outcome falls short of the limit by up to three bytes, where a character
 * was cut off whole.
 */
function bounded(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes) return text; // a code unit takes at most three bytes
  const bytes = Buffer.byteLength(text);
  if (bytes <= maxBytes - 4) return text;
  if (bytes <= maxBytes && !ENDS_IN_DIGEST.test(text)) return text;
  const head = utf8.encodeInto(text, new Uint8Array(maxBytes - DIGEST_BYTES));
  return `${text.slice(0, head.read)}~${createHash('sha256').update(text).digest('hex')}`;
}

/** A name whole, so that all keys that begin with it can be found, then what comes after it. */
function beginning(name: string): string {
  return `${bounded(name, MAX_BYTES - DIGEST_BYTES - 1)}:`;
}

/**
 * The full keys of one cache, in one scope, in the shared tier:
 * `<namespace>:v<version>:<scope>:<cache>:<key>`.
 *
 * @example
 * new KeyLayout({ namespace: 'shop', version: 1, cache: 'articles' }).entry('7'); // shop:v1:global:articles:7
 */
export class KeyLayout {
  /** What every key of this cache starts with, the last colon included; whole even in a shortened key. */
  readonly prefix: string;
  /** Where the cache's version stands: for all its schema versions one. */
  readonly version: string;
  /** Where the version stands that every write to this cache removes. */
  readonly writes: string;
  private readonly nameOf: KeyNaming | undefined;

  constructor(names: CacheNames) {
    const [namespace, version, cache] = [names.namespace, names.version, names.cache].map((name) =>
      encodeSegment(String(name)),
    );
    const { scope = GLOBAL } = names;
    const inScope = (name: string) =>
      boundedText(scope === GLOBAL ? name : beginning(name) + scope);
    this.nameOf = names.nameOf;
    this.prefix = beginning(`${namespace}:v${version}:${scope}:${cache}`);
    this.version = inScope(`${namespace}:~cache:${cache}`);
    this.writes = inScope(`${namespace}:~writes:${cache}`);
  }

  /** The full key of an encoded key: of the whole text, not of one that went through {@link boundedText}. */
  entry(text: string): string {
    const { nameOf, prefix } = this;
    return boundedText(prefix + (nameOf === undefined ? text : nameOf(text)));
  }

  /**
   * The MATCH pattern for the keys of this cache that the glob matches, or for all of them. It may
   * find a few more: keep of them what {@link owns}. Nothing in the prefix needs an escape, as
   * its segments are percent-encoded.
   */
  pattern(glob: Glob = everything): string {
    return this.prefix + glob.redisPattern;
  }

  /** Whether a full key is of this cache, and matched by the glob where there is one. */
  owns(key: string, glob: Glob = everything): boolean {
    return key.startsWith(this.prefix) && glob.matches(key.slice(this.prefix.length));
  }
}

/** What the keys of one cache are made of, beside the key itself. */
export interface CacheNames {
  readonly namespace: string;
  readonly version: string | number;
  readonly cache: string;
  /** A segment; default `global`. */
  readonly scope?: string;
  /** What an encoded key is called; default itself. Patterns then find nothing. */
  readonly nameOf?: KeyNaming | undefined;
}

/** The keys that all caches of a namespace have in common. */
export class TagLayout {
  /** Where the version stands that every eviction of a tag of the scope removes. */
  readonly epoch: string;
  /** The stream that tells all processes what was invalidated. */
  readonly bus: string;
  private readonly namespace: string;

  constructor(namespace: string, scope: string = GLOBAL) {
    this.namespace = encodeSegment(namespace);
    this.epoch = this.epochOf(scope);
    this.bus = boundedText(`${this.namespace}:~bus`);
  }

  epochOf(scope: string): string {
    const name = `${this.namespace}:~tags`;
    return boundedText(scope === GLOBAL ? name : `${name}:${scope}`);
  }

  /** MATCH pattern for the epochs of all scopes but the global one. */
  get epochsEverywhere(): string {
    return `${this.namespace}:~tags:*`;
  }

  /** MATCH pattern for a tag's versions in all scopes but the global one. */
  everywhere(tag: string): string {
    return `${beginning(`${this.namespace}:~tag:${encodeSegment(tag)}`)}*`;
  }

  /** MATCH pattern for a cache's versions in all scopes but the global one. */
  versionsOf(cache: string): string {
    return `${beginning(`${this.namespace}:~cache:${encodeSegment(cache)}`)}*`;
  }

  /** Where a tag's version stands; its name as it is within the library. */
  version(name: string): string {
    const { scope, tag } = scopeOfTag(name);
    const key = `${this.namespace}:~tag:${encodeSegment(tag)}`;
    return boundedText(scope === GLOBAL ? key : beginning(key) + scope);
  }
}

const LEASE_SUFFIX = '}:lease';

/** The lease of an entry's key: in its slot, as the braces make the entry's key the part that is hashed. */
export function leaseOf(key: string): string {
  return `{${key}${LEASE_SUFFIX}`;
}

/** The entry's key of a lease. */
export function keyOfLease(lease: string): string {
  return lease.slice(1, -LEASE_SUFFIX.length);
}
