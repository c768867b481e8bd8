import { CacheConfigurationError } from '../errors/cache.errors.js';

type Type = new (...args: never[]) => unknown;
type PlainToInstance = (type: Type, plain: unknown) => unknown;

/** Turns what a hit brought into instances of a class. */
export interface Reviver {
  /** The instance, an array of them for an array; a promise of it until class-transformer is loaded. */
  readonly revive: (value: unknown) => unknown;
  /** Rejects with a `CacheConfigurationError` where class-transformer is not installed. */
  readonly ready: Promise<unknown>;
}

/** The reviver of a class; without one it leaves values as they are. What is an instance already stays it. */
export function reviverOf(type: Type | undefined, where: string): Reviver {
  if (type === undefined) return { revive: (value) => value, ready: Promise.resolve() };
  let transform: PlainToInstance | undefined;
  const ready = importTransformer(where).then((loaded) => (transform = loaded));
  ready.catch(() => undefined); // told at start-up, or by the first hit
  const revive = (value: unknown): unknown => {
    if (value instanceof type) return value;
    return transform ? transform(type, value) : ready.then((loaded) => loaded(type, value));
  };
  return { revive, ready };
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
