import type { SingleFlight } from '../cache/cache.policy.js';
import type { Key } from '../key/key.encoding.js';
import type { Duration } from '../time/duration.js';
import type { Glob } from '../key/glob.js';

/* The decorators check these functions against the method they decorate; here they take anything. */
// eslint-disable-next-line typescript/no-explicit-any -- parameters of functions are contravariant: only `any` admits all
type Arguments = any[];
// eslint-disable-next-line typescript/no-explicit-any -- `this` is the instance, whatever its class
type Instance = any;

/** What an option function may name an entry by: also an instance of a DTO's class, by its own properties. */
export type KeyLike = Key | object;

/** An option as a function of the method's arguments; `this` is the instance. */
export type OfArguments<T> = (this: Instance, ...args: Arguments) => T;
/** An option as a function of the method's result and arguments. */
export type OfResult<T> = (this: Instance, result: Instance, ...args: Arguments) => T;

/** A function that needs the method's result: see {@link fromResult}. */
export class FromResult<F extends OfResult<unknown> = OfResult<unknown>> {
  /** @internal */
  constructor(readonly evaluate: F) {}
}

/**
 * Marks an option function that needs the method's result, as its first parameter. Every option
 * that is evaluated after the call accepts it. (Spring: `#result`.)
 *
 * @example
 * @CachePut('articles', { key: fromResult((article: Article) => article.id) })
 */
export function fromResult<F extends OfResult<unknown>>(evaluate: F): FromResult<F> {
  return new FromResult(evaluate);
}

/**
 * Makes the key of operations that name none.
 *
 * @example
 * keyGenerator: (target, methodName, args) => [target.constructor.name, methodName, ...args]
 */
export type KeyGenerator = (
  target: object,
  methodName: string,
  args: readonly Instance[],
) => KeyLike;

/** The call for which a {@link CacheResolver} names the caches. */
export interface CacheResolverContext {
  readonly kind: OperationKind;
  readonly target: object;
  readonly methodName: string;
  readonly args: readonly Instance[];
  /** What the operation or its class names. */
  readonly cacheNames: readonly string[];
}

/** Decides at each call which caches an operation works on; an empty answer is an error. */
export type CacheResolver = (context: CacheResolverContext) => readonly string[];

/** Where an operation finds its caches and how it is switched; common to all. */
export interface OperationOptions {
  /** One cache, or several: looked up in order, the first hit wins; a miss is stored in all. */
  readonly cacheNames?: string | readonly string[];
  readonly keyGenerator?: KeyGenerator;
  readonly cacheResolver?: CacheResolver;
  /** `'observable'` where the method's return type is not emitted: inferred, a type-only import, esbuild or tsx. */
  readonly returns?: 'observable';
}

/** Tags as they are, or as a function of the arguments or of the result. */
export type Tags =
  readonly string[] | OfArguments<readonly string[]> | FromResult<OfResult<readonly string[]>>;

interface StoreOptions {
  /** `false`: the value stays in this process's memory, and Redis only sees to its order with other writes. */
  readonly shared?: false;
  /** Lifetime of what this operation stores; default the cache's own. */
  readonly ttl?: Duration | OfArguments<Duration> | FromResult<OfResult<Duration>>;
  /** Tags beside the cache's: evicting one of them evicts the entry. */
  readonly tags?: Tags;
  /** True: return the result, do not store it. Not asked on hits. */
  readonly unless?: OfResult<boolean>;
  /** Emissions of an Observable beyond which it passes through unstored; default 1,000. */
  readonly maxEmissions?: number;
}

/** Options of {@link Cacheable}. */
export interface CacheableOptions extends OperationOptions, StoreOptions {
  /** Default: the single argument, else the tuple of the arguments. Exclusive with `keyGenerator`. */
  readonly key?: Key | OfArguments<KeyLike>;
  /** False: this call is as if not annotated. */
  readonly condition?: OfArguments<boolean>;
  /** Who shares a run of the method: the calls of all processes, those of this one, or nobody. */
  readonly singleFlight?: SingleFlight;
  /** `false`: Redis is asked, whatever this process has a copy of, and no copy is made. */
  readonly memory?: false;
  /** As in the cache's options, for this method. */
  readonly staleWhileRevalidate?: Duration;
  /** As in the cache's options, for this method. */
  readonly staleIfError?: Duration;
  /** As in the cache's options, for this method. */
  readonly refreshAhead?: number;
  /** The class a hit is revived into, by class-transformer's `plainToInstance`. */
  readonly type?: new (...args: Arguments) => unknown;
}

/** Options of {@link CachePut}. */
export interface CachePutOptions extends OperationOptions, StoreOptions {
  readonly key?: Key | OfArguments<KeyLike> | FromResult<OfResult<KeyLike>>;
  readonly condition?: OfArguments<boolean> | FromResult<OfResult<boolean>>;
}

/** Options of {@link CacheEvict}. */
export interface CacheEvictOptions extends OperationOptions {
  readonly key?: Key | OfArguments<KeyLike> | FromResult<OfResult<KeyLike>>;
  readonly condition?: OfArguments<boolean> | FromResult<OfResult<boolean>>;
  /** Empties the caches. Exclusive with `key`, `pattern` and `tags`. */
  readonly allEntries?: boolean;
  /** Every entry that bears one of these tags, in every cache. Exclusive with `key`, `pattern` and `allEntries`. */
  readonly tags?: Tags;
  /** The entries whose encoded key matches: a constant pattern, or a function's ``glob`…` ``; a string it returns is a literal key. */
  readonly pattern?:
    string | Glob | OfArguments<Glob | string> | FromResult<OfResult<Glob | string>>;
  /** Evict before the method, whatever it then does. Exclusive with `fromResult`. */
  readonly beforeInvocation?: boolean;
}

/** Options of {@link CacheableMany}. Functions other than `keys` get the element, then the other arguments. */
export interface CacheableManyOptions extends Omit<
  CacheableOptions,
  'key' | 'maxEmissions' | 'returns'
> {
  /** The keys of a batch, one per element; default: each element is its own key. */
  readonly keys?: OfArguments<readonly KeyLike[]>;
}

/** Options of {@link CacheConfig}: what the operations of a class start from. */
export type CacheConfigOptions = Pick<
  OperationOptions,
  'cacheNames' | 'keyGenerator' | 'cacheResolver'
>;

/** The options of each kind of operation. */
export interface OptionsByKind {
  cacheable: CacheableOptions;
  put: CachePutOptions;
  evict: CacheEvictOptions;
  many: CacheableManyOptions;
}

export type OperationKind = keyof OptionsByKind;

/** What one decorator said of a method. Immutable; several may be said of one. */
export type CacheOperation<K extends OperationKind = OperationKind> = {
  [Kind in K]: { readonly kind: Kind; readonly options: OptionsByKind[Kind] };
}[K];

/** The decorator's name, for messages. */
export const decoratorNames = {
  cacheable: '@Cacheable',
  put: '@CachePut',
  evict: '@CacheEvict',
  many: '@CacheableMany',
} as const satisfies Record<OperationKind, string>;
