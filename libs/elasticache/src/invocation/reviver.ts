import type { Revive } from '../cache/read.target.js';
import { CacheConfigurationError } from '../errors/cache.errors.js';
import { isPlainObject } from './option.rules.js';

type Type = new (...args: never[]) => unknown;
type PlainToInstance = (type: Type, plain: unknown) => unknown;

/** Turns what a hit brought into instances of a class. */
export interface Reviver {
  /** The instance, an array of them for an array; a promise of it until class-transformer is loaded. Undefined without a class. */
  readonly revive: Revive | undefined;
  /** Rejects with a `CacheConfigurationError` where class-transformer is not installed. */
  readonly ready: Promise<unknown>;
}

/** The reviver of a class; without one it leaves values as they are. What is an instance already stays it. */
export function reviverOf(type: Type | undefined, where: string): Reviver {
  if (type === undefined) return { revive: undefined, ready: Promise.resolve() };
  let transform: PlainToInstance | undefined;
  const ready = importTransformer(where).then((loaded) => (transform = loaded));
  ready.catch(() => undefined); // told at start-up, or by the first hit
  const revive = (value: unknown): unknown => {
    if (value instanceof type) return value;
    return transform
      ? revived(transform, type, value)
      : ready.then((loaded) => revived(loaded, type, value));
  };
  return { revive, ready };
}

/** class-transformer empties Maps, typed arrays and the like, and passes symbols on: so they travel as symbols. */
function revived(transform: PlainToInstance, type: Type, plain: unknown): unknown {
  const kept = new Map<symbol, object>();
  const instance = transform(type, withSymbols(plain, kept));
  return kept.size > 0 ? withValues(instance, kept) : instance;
}

function withSymbols(value: unknown, kept: Map<symbol, object>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((element) => withSymbols(element, kept));
  if (isPlainObject(value)) {
    const entries = Object.entries(value).map(([name, part]) => [name, withSymbols(part, kept)]);
    return Object.fromEntries(entries);
  }
  if (Buffer.isBuffer(value) || (value instanceof Date && !Number.isNaN(value.getTime())))
    return value;
  const symbol = Symbol('kept');
  kept.set(symbol, value);
  return symbol;
}

function withValues(value: unknown, kept: ReadonlyMap<symbol, object>): unknown {
  if (typeof value === 'symbol') return kept.get(value) ?? value;
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  const parts = value as Record<string, unknown>;
  for (const name of Object.keys(parts)) {
    const part = parts[name];
    if (typeof part === 'symbol' || typeof part === 'object') parts[name] = withValues(part, kept);
  }
  return value;
}

async function importTransformer(where: string): Promise<PlainToInstance> {
  try {
    const { plainToInstance } = await import('class-transformer');
    return plainToInstance as PlainToInstance;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    const message =
      'the option `type` needs the package class-transformer; run: npm i class-transformer';
    throw new CacheConfigurationError([{ path: where, message }]);
  }
}
