import { formOf } from './value.form.js';
import { bytesOf, copyLeaf, isLeafTag, leafName, tagOf, type Leaf } from './value.leaf.js';
import { hasForbiddenKeys, MAX_DEPTH, NotStorable, problemOf, refusalOf } from './value.refusal.js';

/**
 * A deep copy of a value that may be stored, sharing nothing with it. Class instances, null-prototype
 * objects and subclasses of built-ins come back as what the wire would give: the plain kind.
 *
 * @throws CacheSerializationError naming the path of what cannot be stored.
 */
export function copyOf(value: unknown, where: string): unknown {
  try {
    return copy(value, 0, false);
  } catch (cause) {
    throw refusalOf(value, where, cause);
  }
}

/** A deep copy of what {@link copyOf} or a serializer returned: the same walk without its checks, at half the time. */
export function cloneOf(value: unknown): unknown {
  return copy(value, 0, true);
}

/**
 * A copy whose every reader may be handed the same object: deeply frozen where it holds nothing but
 * plain objects, arrays and primitives. Anything else cannot be frozen (a Map, a Date and a Buffer
 * stay writable), so `frozen` is false and the reader must clone.
 */
export function frozenCopyOf(value: unknown, where: string): { value: unknown; frozen: boolean } {
  const copied = copyOf(value, where);
  const frozen = isFreezable(copied);
  return { value: frozen ? frozenFrom(copied) : copied, frozen };
}

/**
 * Checks without copying that a value can be stored.
 *
 * @throws CacheSerializationError naming the path of what cannot be.
 */
export function assertStorable(value: unknown, where: string): void {
  try {
    formOf(value);
  } catch (cause) {
    throw refusalOf(value, where, cause);
  }
}

// A spread is the fastest copy V8 has of an object: only the parts that are objects are then replaced.
// It defines properties and never calls a setter, so no key can reach a prototype.
function copy(value: unknown, depth: number, verified: boolean): unknown {
  if (typeof value !== 'object' || value === null) {
    if (typeof value === 'function' || typeof value === 'symbol') throw new NotStorable();
    return value;
  }
  if (depth >= MAX_DEPTH) throw new NotStorable();
  if (Array.isArray(value)) return copyArray(value, depth, verified);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null)
    return copyOther(value, depth, verified);
  if (!verified && hasForbiddenKeys(value)) throw new NotStorable();
  return copyObject(value, depth, verified);
}

function copyArray(value: readonly unknown[], depth: number, verified: boolean): unknown[] {
  const copied = [...value];
  for (let i = 0; i < copied.length; i++) {
    const part = copied[i];
    if (isPrimitive(part)) continue;
    copied[i] = copy(part, depth + 1, verified);
  }
  return copied;
}

function copyObject(value: object, depth: number, verified: boolean): object {
  const copied: Record<string, unknown> = { ...value };
  for (const key in copied) {
    const part = copied[key];
    if (isPrimitive(part) || !Object.hasOwn(copied, key)) continue;
    copied[key] = copy(part, depth + 1, verified);
  }
  return copied;
}

function copyOther(value: object, depth: number, verified: boolean): object {
  if (!verified && problemOf(value) !== undefined) throw new NotStorable();
  const tag = tagOf(value);
  if (isLeafTag(tag)) return copyLeaf(value as Leaf);
  if (tag === 'Map') {
    const copied = new Map<unknown, unknown>();
    for (const [key, part] of value as Map<unknown, unknown>) {
      copied.set(copy(key, depth + 1, verified), copy(part, depth + 1, verified));
    }
    return copied;
  }
  if (tag === 'Set') {
    const copied = new Set<unknown>();
    for (const part of value as Set<unknown>) copied.add(copy(part, depth + 1, verified));
    return copied;
  }
  return copyObject(value, depth, verified);
}

/**
 * Whether nobody but us can have stored what was decoded: no more than so many objects lie inside each other,
 * and none has a key `__proto__`, of which JSON.parse makes one that an assignment elsewhere would obey.
 */
export function isSound(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return true;
  if (depth >= MAX_DEPTH) return false;
  if (value instanceof Map) return areSound([...value.keys(), ...value.values()], depth);
  if (value instanceof Set) return areSound([...(value as Set<unknown>)], depth);
  if (Array.isArray(value)) return areSound(value, depth);
  for (const key in value) {
    if (key === '__proto__') return false;
    const part = (value as Record<string, unknown>)[key];
    if (typeof part === 'object' && !isSound(part, depth + 1)) return false;
  }
  return true;
}

function areSound(parts: readonly unknown[], depth: number): boolean {
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    if (typeof part === 'object' && !isSound(part, depth + 1)) return false;
  }
  return true;
}

function isPrimitive(value: unknown): boolean {
  return typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol';
}

function isFreezable(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return (
    (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype) &&
    Object.values(value).every(isFreezable)
  );
}

/** The same anew, since V8 gives each frozen object that a spread has made a shape of its own: more memory, and slow to read. */
function frozenFrom(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return Object.freeze(value.map(frozenFrom));
  const made: Record<string, unknown> = {};
  for (const [key, part] of Object.entries(value)) made[key] = frozenFrom(part);
  return Object.freeze(made);
}

// What V8 takes on a 64-bit machine, rounded: a header and a few fields for an object, a tagged word
// for a slot. Maps and Sets have a hash table beside their slots.
const OBJECT_BYTES = 40;
const SLOT_BYTES = 8;
const ENTRY_BYTES = 40;
const CHARACTER_BYTES = 2;

/**
 * About how many bytes of memory a copied value takes, for `memory.maxBytes`. An estimate, true within
 * a factor of two or so: strings are counted at two bytes a character although V8 keeps Latin text at
 * one, keys once per object although objects of one shape share them, so it errs upwards.
 */
export function approximateBytes(value: unknown): number {
  if (typeof value === 'string') return OBJECT_BYTES + value.length * CHARACTER_BYTES;
  if (typeof value === 'bigint') return OBJECT_BYTES + value.toString(16).length / 2;
  if (typeof value !== 'object' || value === null) return SLOT_BYTES;
  if (Array.isArray(value)) return OBJECT_BYTES + sumOf(value, SLOT_BYTES);
  const tag = tagOf(value);
  if (tag === 'Map') {
    const map = value as Map<unknown, unknown>;
    return OBJECT_BYTES + sumOf(map.keys(), ENTRY_BYTES) + sumOf(map.values(), 0);
  }
  if (tag === 'Set') return OBJECT_BYTES + sumOf(value as Set<unknown>, ENTRY_BYTES);
  if (isLeafTag(tag)) return OBJECT_BYTES + sizeOfLeaf(value as Leaf);
  return OBJECT_BYTES + sumOf(Object.keys(value), 0) + sumOf(Object.values(value), SLOT_BYTES);
}

function sumOf(parts: Iterable<unknown>, bytesEach: number): number {
  let bytes = 0;
  for (const part of parts) bytes += bytesEach + approximateBytes(part);
  return bytes;
}

function sizeOfLeaf(leaf: Leaf): number {
  return leafName(leaf) === 'Date' ? SLOT_BYTES : bytesOf(leaf as Exclude<Leaf, Date>).length;
}
