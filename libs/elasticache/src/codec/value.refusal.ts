import { CacheSerializationError } from '../errors/cache.errors.js';
import { isLeafTag, tagOf } from './value.leaf.js';

/** How many objects may lie inside each other; beyond, a value is taken for a cycle. */
export const MAX_DEPTH = 500;

const LONGEST_PATH = 200;

/**
 * What the walks throw: they run on every hit and keep no path. {@link refusalOf} walks a second
 * time to name the place.
 */
export class NotStorable extends Error {
  override readonly name = 'NotStorable';
}

/** Why a value cannot be stored, looking at it alone and not at what it holds; undefined if it can. */
export function problemOf(value: unknown): string | undefined {
  if (typeof value === 'function') return 'is a function';
  if (typeof value === 'symbol') return 'is a symbol';
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const tag = tagOf(value);
  if (tag === 'Object') return problemOfObject(value);
  return tag === 'Map' || tag === 'Set' || isLeafTag(tag) ? undefined : `is a ${tag}`;
}

function problemOfObject(value: object): string | undefined {
  const { then, pipe, on } = value as Record<string, unknown>;
  if (typeof then === 'function') return 'is a promise';
  if (typeof pipe === 'function' && typeof on === 'function') return 'is a stream';
  return hasForbiddenKeys(value) ? 'has a symbol or `__proto__` among its own keys' : undefined;
}

/** Symbol keys do not survive the wire, and an own `__proto__` turns into a prototype in careless hands. */
export function hasForbiddenKeys(value: object): boolean {
  return (
    Object.hasOwn(value, '__proto__') ||
    Object.getOwnPropertySymbols(value).some((key) =>
      Object.prototype.propertyIsEnumerable.call(value, key),
    )
  );
}

/** The error that names the first part of a value that cannot be stored; `thrown` is what stopped the walk. */
export function refusalOf(value: unknown, where: string, thrown: unknown): CacheSerializationError {
  const found = locate(value, [], []) ?? { path: '$', problem: 'could not be turned into bytes' };
  const cause = thrown instanceof NotStorable ? undefined : thrown;
  return new CacheSerializationError('CACHE_SERIALIZATION', { where, ...found }, cause);
}

interface Found {
  path: string;
  problem: string;
}

function locate(value: unknown, trail: string[], ancestors: unknown[]): Found | undefined {
  const found = (problem: string): Found => ({ path: pathOf(trail), problem });
  if (typeof value === 'object' && value !== null) {
    if (ancestors.includes(value)) return found('holds itself, a cycle');
    if (ancestors.length >= MAX_DEPTH) return found(`is nested deeper than ${MAX_DEPTH} levels`);
  }
  try {
    const problem = problemOf(value);
    if (problem !== undefined) return found(problem);
    ancestors.push(value);
    for (const [step, part] of partsOf(value)) {
      trail.push(step);
      const inner = locate(part, trail, ancestors);
      if (inner) return inner;
      trail.pop();
    }
    ancestors.pop();
    return undefined;
  } catch {
    return found('throws while it is read');
  }
}

/** What a value holds, in the order of the walks. Keys of a Map are data: they are counted, not shown. */
function* partsOf(value: unknown): Iterable<[step: string, part: unknown]> {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) yield [`[${i}]`, value[i]];
    return;
  }
  const tag = tagOf(value);
  if (tag === 'Object') {
    for (const [key, part] of Object.entries(value)) yield [stepOf(key), part];
  } else if (tag === 'Map' || tag === 'Set') {
    let i = 0;
    for (const [key, part] of (value as Map<unknown, unknown> | Set<unknown>).entries()) {
      if (tag === 'Map') yield [`.keys()[${i}]`, key];
      yield [`.values()[${i++}]`, part];
    }
  }
}

/** A step of a path to be told. A name that is no identifier may itself be somebody's data. */
export function stepOf(name: string): string {
  return /^[a-z_$][\w$]{0,63}$/i.test(name) ? `.${name}` : '[…]';
}

function pathOf(trail: readonly string[]): string {
  const path = `$${trail.join('')}`;
  return path.length > LONGEST_PATH ? `${path.slice(0, LONGEST_PATH)}…` : path;
}
