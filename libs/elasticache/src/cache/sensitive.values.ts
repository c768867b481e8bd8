import { isLeafTag, tagOf } from '../codec/value.leaf.js';
import { stepOf } from '../codec/value.refusal.js';

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
    return this.isStripped && this.find(value, where) ? this.without(value) : value;
  }

  private find(value: unknown, where: string): boolean {
    const path = this.pathIn(value);
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

  /** Where the first one is. Each object is looked at once, however many ways lead to it, in a circle or not. */
  private pathIn(value: unknown): string | undefined {
    const places = new Map<unknown, Place | undefined>([[value, undefined]]);
    for (const [container, within] of places) {
      for (const [name, part] of partsOf(container)) {
        if (this.isSensitive(name)) return pathOf({ name, within });
        for (const inner of [name, part]) {
          if (isObject(inner) && !places.has(inner)) places.set(inner, { name, within });
        }
      }
    }
    return undefined;
  }

  /** A copy, of the same shape, circles included. */
  private without(value: unknown): unknown {
    const copies = new Map<object, object>();
    const copyOf = (part: unknown): unknown => {
      if (!isObject(part)) return part;
      const copy = copies.get(part) ?? emptyLike(part);
      copies.set(part, copy);
      return copy;
    };
    const whole = copyOf(value);
    for (const [original, copy] of copies) {
      for (const [name, part] of partsOf(original)) {
        if (!this.isSensitive(name)) add(copy, copyOf(name), copyOf(part));
      }
    }
    return whole;
  }

  private isSensitive(name: unknown): boolean {
    return typeof name === 'string' && this.fields.has(name);
  }
}

/** Under what name something stands, and in what. */
interface Place {
  readonly name: unknown;
  readonly within: Place | undefined;
}

function pathOf(place: Place): string {
  const steps: string[] = [];
  for (let at: Place | undefined = place; at !== undefined; at = at.within) {
    const { name } = at;
    const isPlace = typeof name === 'number';
    steps.unshift(isPlace ? `[${name}]` : stepOf(typeof name === 'string' ? name : ''));
  }
  return `$${steps.join('')}`;
}

function emptyLike(container: object): object {
  if (Array.isArray(container)) return [];
  if (container instanceof Set) return new Set();
  return container instanceof Map ? new Map() : {};
}

function add(container: object, name: unknown, value: unknown): void {
  if (Array.isArray(container)) container.push(value);
  else if (container instanceof Set) container.add(value);
  else if (container instanceof Map) container.set(name, value);
  else {
    const property = { value, enumerable: true, writable: true, configurable: true };
    Object.defineProperty(container, name as string, property); // no setter: not even of `__proto__`
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
