import { isLeafTag, tagOf } from '../codec/value.leaf.js';
import { MAX_DEPTH } from '../codec/value.refusal.js';

/**
 * Properties that must not be cached, wherever they are in a value. As an application that caches a
 * user may not think of `passwordHash`.
 *
 * @example
 * sensitive: { fields: ['password', 'iban'], action: 'strip' }
 */
export interface SensitiveOptions {
  /** Names of properties; default `password`, `passwordHash`, `token`, `secret` and `apiKey`. */
  readonly fields?: readonly string[];
  /** A value that has one is not stored (`'refuse'`, the default), is stored without it (`'strip'`), or as it is (`'off'`). */
  readonly action?: 'refuse' | 'strip' | 'off';
}

export const sensitiveDefaults = {
  fields: ['password', 'passwordHash', 'token', 'secret', 'apiKey'],
  action: 'refuse',
} as const satisfies SensitiveOptions;

/** Keeps values that hold what must not be cached out of every tier, and says so once for each method. */
export class SensitiveValues {
  private readonly fields: ReadonlySet<string>;
  private readonly isStripped: boolean;
  private readonly warned = new Set<string>();

  constructor(
    options: SensitiveOptions,
    private readonly warn: (message: string) => void,
  ) {
    const { fields, action } = { ...sensitiveDefaults, ...options };
    this.fields = new Set(action === 'off' ? [] : fields);
    this.isStripped = action === 'strip';
  }

  /** Whether the value must not be stored. `where` is the method, or the cache. */
  refuses(value: unknown, where: string): boolean {
    return !this.isStripped && this.find(value, where);
  }

  /** Whether a value holds what is sensitive, whatever is done about it; for one that cannot be stored without. */
  isIn(value: unknown, where: string): boolean {
    return this.fields.size > 0 && this.find(value, where);
  }

  /** The value as it may be stored: itself, or a copy without what is sensitive. */
  stripped(value: unknown, where: string): unknown {
    return this.isStripped && this.find(value, where) ? this.without(value, 0) : value;
  }

  private find(value: unknown, where: string): boolean {
    const path = this.pathIn(value, []);
    if (path === undefined) return false;
    if (!this.warned.has(where)) {
      this.warned.add(where);
      const outcome = this.isStripped
        ? 'is left out of what is cached'
        : 'keeps it from being cached';
      const remedy = this.isStripped
        ? 'Return it from a method that is not cached'
        : 'Leave it out';
      this.warn(`${where}: the value at ${path} ${outcome} (sensitive.fields). ${remedy}.`);
    }
    return true;
  }

  /** Where the first one is. What cannot be read, or goes too deep, is the serializer's to refuse. */
  private pathIn(value: unknown, trail: string[]): string | undefined {
    if (trail.length > MAX_DEPTH) return undefined;
    for (const [name, part] of partsOf(value)) {
      trail.push(stepOf(name));
      if (typeof name === 'string' && this.fields.has(name)) return `$${trail.join('')}`;
      const path = this.pathIn(part, trail);
      if (path !== undefined) return path;
      trail.pop();
    }
    return undefined;
  }

  private without(value: unknown, depth: number): unknown {
    if (depth > MAX_DEPTH) return value;
    const isKept = ([name]: readonly [unknown, unknown]) =>
      typeof name !== 'string' || !this.fields.has(name);
    const rest = (part: unknown) => this.without(part, depth + 1);
    if (Array.isArray(value)) return value.map(rest);
    if (value instanceof Set) return new Set([...(value as Set<unknown>)].map(rest));
    const parts = partsOf(value)
      .filter(isKept)
      .map(([name, part]) => [name, rest(part)] as const);
    if (value instanceof Map) return new Map(parts);
    return isObject(value) ? Object.fromEntries(parts as [string, unknown][]) : value;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !isLeafTag(tagOf(value));
}

/** What a value holds, by name: properties, the places of lists, the keys of maps. */
function partsOf(value: unknown): (readonly [name: unknown, part: unknown])[] {
  if (!isObject(value)) return [];
  if (Array.isArray(value)) return value.map((part, place) => [place, part]);
  if (value instanceof Set) return [...(value as Set<unknown>)].map((part, place) => [place, part]);
  if (value instanceof Map) return [...(value as Map<unknown, unknown>)];
  try {
    return Object.entries(value);
  } catch {
    return [];
  }
}

/** A name that is no identifier may itself be somebody's data. */
function stepOf(name: unknown): string {
  if (typeof name === 'number') return `[${name}]`;
  return typeof name === 'string' && /^[a-z_$][\w$]{0,63}$/i.test(name) ? `.${name}` : '[…]';
}
