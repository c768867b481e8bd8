import { binaryFrom, bytesOf, isLeafTag, leafName, tagOf, type Leaf } from './value.leaf.js';

/*
 * What a format cannot carry is written as a small object it can: `{ $: 'Map', v: [key, value, …] }`.
 * `$` names the type and `v` holds what it is made of. An object of the user's that has a `$` itself is
 * written as `{ $: 'Object', v: … }`, so none can be taken for a tag. Only values that need it are
 * written in this form, and their bytes say so: most are read back without a second walk.
 */

/** What a format does with the parts that are not containers. */
export interface Dialect {
  /** A string, or a key. */
  text(text: string): string;
  /** Any other primitive. */
  primitive(value: unknown): unknown;
  leaf(leaf: Leaf): unknown;
}

interface Tagged {
  $: unknown;
  v?: unknown;
}

/** A copy of a storable value made of plain objects, arrays, and what the dialect gives. */
export function tagged(value: unknown, dialect: Dialect): unknown {
  if (typeof value === 'string') return dialect.text(value);
  if (typeof value !== 'object' || value === null) return dialect.primitive(value);
  if (Array.isArray(value)) return Array.from(value, (part) => tagged(part, dialect));
  const tag = tagOf(value);
  if (isLeafTag(tag)) return dialect.leaf(value as Leaf);
  if (tag === 'Map' || tag === 'Set') {
    const parts =
      tag === 'Map' ? [...(value as Map<unknown, unknown>)].flat() : [...(value as Set<unknown>)];
    return { $: tag, v: parts.map((part) => tagged(part, dialect)) };
  }
  const object = Object.fromEntries(
    Object.entries(value).map(([key, part]) => [dialect.text(key), tagged(part, dialect)]),
  );
  return Object.hasOwn(object, '$') ? { $: 'Object', v: object } : object;
}

/** A leaf as a tag; the format chooses how to show its bytes. A Date has milliseconds instead. */
export function taggedLeaf(leaf: Leaf, show: (bytes: Buffer) => unknown): Tagged {
  const $ = leafName(leaf);
  if ($ === 'Date') return { $, v: (leaf as Date).getTime() };
  const { buffer, byteOffset, length } = bytesOf(leaf as Exclude<Leaf, Date>);
  return { $, v: show(Buffer.from(buffer, byteOffset, length)) };
}

/** A primitive that JSON does not have as a tag; any other as it is. */
export function taggedPrimitive(value: unknown): unknown {
  if (value === undefined) return { $: 'undefined' };
  if (typeof value === 'bigint') return { $: 'bigint', v: value.toString(16) };
  const isNumeral = typeof value !== 'number' || Number.isFinite(value);
  return isNumeral ? value : { $: 'number', v: String(value) };
}

/** The value again, in place: `value` was just decoded and is nobody else's. Throws at what no tag looks like. */
export function untagged(value: unknown): unknown {
  if (Array.isArray(value)) return untagParts(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.hasOwn(value, '$') ? revive(value as Tagged) : untagParts(value);
}

function untagParts<T extends object>(value: T): T {
  const parts = value as Record<string, unknown>;
  for (const key of Object.keys(parts)) parts[key] = untagged(parts[key]);
  return value;
}

// The bytes may be anybody's: a `v` that only looks like an array or a string is never taken at its length.
function revive({ $: name, v }: Tagged): unknown {
  switch (name) {
    case 'Object':
      return untagParts(v as object);
    case 'Map':
      return mapOf(listIn(v));
    case 'Set':
      return new Set(listIn(v));
    case 'Date':
      return new Date(v === null ? Number.NaN : Number(v)); // JSON writes the NaN of an invalid date as null
    case 'undefined':
      return undefined;
    case 'number':
      return Number(v);
    case 'bigint':
      return bigintOf(textIn(v));
    default:
      return binaryFrom(textIn(name), bytesIn(v));
  }
}

function mapOf(parts: readonly unknown[]): Map<unknown, unknown> {
  const map = new Map<unknown, unknown>();
  for (let i = 0; i < parts.length; i += 2) map.set(parts[i], parts[i + 1]);
  return map;
}

/** Hexadecimal, because decimal digits take quadratic time. */
function bigintOf(text: string): bigint {
  return text.startsWith('-') ? -BigInt(`0x${text.slice(1)}`) : BigInt(`0x${text}`);
}

function listIn(v: unknown): unknown[] {
  if (!Array.isArray(v)) throw new TypeError('a tag holds no list');
  return untagParts(v);
}

function bytesIn(v: unknown): Uint8Array {
  return v instanceof Uint8Array ? v : Buffer.from(textIn(v), 'base64');
}

function textIn(v: unknown): string {
  if (typeof v !== 'string') throw new TypeError('a tag holds no text');
  return v;
}
