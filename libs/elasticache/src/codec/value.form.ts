/// <reference lib="es2024.string" />
import { isLeafTag, tagOf } from './value.leaf.js';
import { hasForbiddenKeys, MAX_DEPTH, NotStorable, problemOf } from './value.refusal.js';

/**
 * The least a serializer must be able to do to bring a value back, weakest first; a value has the
 * form of its most demanding part.
 */
export const Form = {
  /** JSON's own types. */
  json: 0,
  /** Also `undefined`, NaN, ±Infinity, bigints, class instances, Date, Set, Buffer, Uint8Array: MessagePack with extensions. */
  extended: 1,
  /** Also Map, other binary, ill-formed strings, built-in objects of a subclass or another realm. */
  tagged: 2,
} as const;
export type Form = (typeof Form)[keyof typeof Form];

/**
 * What MessagePack's extensions carry as it is. msgpackr knows more typed arrays, but looks for the
 * constructors of its own realm, which under Jest are not those of the application.
 */
const extended = [Date, Buffer, Uint8Array, Set];
const extendedPrototypes: ReadonlySet<unknown> = new Set(extended.map((one) => one.prototype));
export const extendedNames: ReadonlySet<string> = new Set(extended.map((one) => one.name));

/** The form of a value. @throws NotStorable, or what a getter threw. */
export function formOf(value: unknown, depth = 0): Form {
  if (typeof value === 'string') return value.isWellFormed() ? Form.json : Form.tagged;
  if (typeof value !== 'object' || value === null) return formOfPrimitive(value);
  if (depth >= MAX_DEPTH) throw new NotStorable();
  if (Array.isArray(value)) return highest(value, Form.json, depth);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null)
    return formOfOther(value, prototype, depth);
  if (hasForbiddenKeys(value)) throw new NotStorable();
  return formOfObject(value, Form.json, depth);
}

function formOfPrimitive(value: unknown): Form {
  if (typeof value === 'function' || typeof value === 'symbol') throw new NotStorable();
  const isJson = typeof value === 'number' ? Number.isFinite(value) : typeof value !== 'bigint';
  return isJson && value !== undefined ? Form.json : Form.extended;
}

function formOfOther(value: object, prototype: unknown, depth: number): Form {
  if (problemOf(value) !== undefined) throw new NotStorable();
  const tag = tagOf(value);
  const isKnown = tag === 'Object' || extendedPrototypes.has(prototype);
  const least = isKnown ? Form.extended : Form.tagged;
  if (isLeafTag(tag)) return least;
  if (tag === 'Set') return highest(value as Set<unknown>, least, depth);
  if (tag !== 'Map') return formOfObject(value, least, depth);
  const map = value as Map<unknown, unknown>;
  return highest(map.values(), highest(map.keys(), least, depth), depth);
}

function formOfObject(value: object, least: Form, depth: number): Form {
  const isWellFormed = Object.keys(value).every((key) => key.isWellFormed());
  return highest(Object.values(value), isWellFormed ? least : Form.tagged, depth);
}

function highest(parts: Iterable<unknown>, least: Form, depth: number): Form {
  let form = least;
  for (const part of parts) {
    const other = formOf(part, depth + 1);
    if (other > form) form = other;
  }
  return form;
}
