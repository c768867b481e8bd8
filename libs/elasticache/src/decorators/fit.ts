import type { Observable } from 'rxjs';

import type { FromResult, OperationKind, OptionsByKind } from '../invocation/cache.operation.js';

/* Types alone: what is wrong between a decorator's options and the method it decorates. */

// eslint-disable-next-line typescript/no-explicit-any -- stands for every method, in both variances
type AnyFunction = (this: any, ...args: any[]) => any;
type Async = Promise<unknown> | Observable<unknown>;
/** What a method's Promise or Observable brings. */
type ResultOf<M extends AnyFunction> =
  ReturnType<M> extends Promise<infer R> | Observable<infer R> ? R : never;

type ElementOf<T> = T extends Iterable<infer E> ? E : never;

/** What an option function is called with. */
interface Called {
  readonly args: readonly unknown[];
  readonly result: unknown;
  /** The method's own parameters, where `args` are of one element. */
  readonly batch: readonly unknown[];
}

type CalledWith<K extends OperationKind, M extends AnyFunction> = K extends 'many'
  ? Parameters<M> extends [infer Batch extends readonly unknown[], ...infer Others]
    ? {
        args: [element: ElementOf<Batch>, ...others: Others];
        result: ElementOf<ResultOf<M>>;
        batch: Parameters<M>;
      }
    : never
  : { args: Parameters<M>; result: ResultOf<M>; batch: Parameters<M> };

/** The faults of one decorator on one method, as text; never if there is none, or the options are cast away. */
type Faults<K extends OperationKind, O, M> = [O] extends [never]
  ? never
  : | Clashes<O>
    | (K extends 'evict' ? EvictClashes<O> : never)
    | Unknown<Exclude<keyof O, keyof OptionsByKind[K]>>
    | (M extends AnyFunction
        ? ReturnFault<K, M> | Misfits<O, CalledWith<K, M>>
        : 'only methods can be cached');

type ReturnFault<K extends OperationKind, M extends AnyFunction> =
  ReturnType<M> extends Async
    ? K extends 'many'
      ? [CalledWith<K, M>, ResultOf<M>] extends [Called, readonly unknown[]]
        ? [CalledWith<K, M>] extends [never]
          ? NotABatch
          : never
        : NotABatch
      : never
    : 'a cached method returns a Promise or an Observable';

type NotABatch = 'a batch method takes an array first and returns a Promise of an array';

type Unknown<N> = N extends string ? `there is no option '${N}'` : never;

/** A refusal for a method that only says that it is done; `undefined` as a value is something else. */
type ValueOf<R> = 0 extends 1 & R
  ? void
  : [unknown] extends [R]
    ? void
    : [void] extends [R]
      ? { readonly 'this method brings no value that could be cached': never }
      : void;

/** The options whose function does not take what it will be given. */
type Misfits<O, C extends Called> = { [N in keyof O]-?: Misfit<N, O[N], C> }[keyof O];

type Misfit<N, F, C extends Called> = N extends 'keyGenerator' | 'cacheResolver' | 'type'
  ? never
  : F extends FromResult<infer G>
    ? Refused<G, [result: C['result'], ...args: C['args']], N>
    : F extends AnyFunction
      ? Refused<
          F,
          N extends 'unless'
            ? [C['result'], ...C['args']]
            : N extends 'keys'
              ? C['batch']
              : C['args'],
          N
        >
      : never;

type Refused<F extends AnyFunction, A extends readonly unknown[], N> =
  // eslint-disable-next-line typescript/no-explicit-any -- only the parameters are compared
  F extends (this: any, ...args: A) => any
    ? never
    : `the option '${N & string}' does not fit the parameters of this method`;

/** Options that exclude each other, and options that come too early for what they need. */
type Clashes<O> =
  | (O extends Given<'key' | 'keyGenerator'>
      ? "'key' and 'keyGenerator' exclude each other"
      : never)
  | (O extends Given<'key'> & Empties ? "'key' and 'allEntries' exclude each other" : never)
  | (O extends Given<'key' | 'pattern'> ? "'key' and 'pattern' exclude each other" : never)
  | (O extends Given<'pattern'> & Empties ? "'pattern' and 'allEntries' exclude each other" : never)
  | (O extends { readonly beforeInvocation: true }
      ? [Extract<O[keyof O], FromResult>] extends [never]
        ? never
        : 'beforeInvocation does not wait for the result that fromResult needs'
      : never);

/** What excludes each other only where it says what to evict. */
type EvictClashes<O> =
  | (O extends Given<'key' | 'tags'> ? "'key' and 'tags' exclude each other" : never)
  | (O extends Given<'pattern' | 'tags'> ? "'pattern' and 'tags' exclude each other" : never)
  | (O extends Given<'tags'> & Empties ? "'tags' and 'allEntries' exclude each other" : never);

type Given<N extends string> = { readonly [K in N]: NonNullable<unknown> };
type Empties = { readonly allEntries: true };

/** Unknown where decorator and method go together, else a type no method has, named after what is wrong. */
type Fit<Fault extends string> = [Fault] extends [never]
  ? unknown
  : { readonly [F in Fault]: never };

/**
 * A decorator that compiles only on methods its options fit. Nest's `applyDecorators` takes
 * decorators of any method alone: give it this one `as MethodDecorator`, unchecked.
 */
export type FittingDecorator<K extends OperationKind, O> = <M>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<M> & Fit<Faults<K, O, M>>,
) => void;

/**
 * The decorator of an operation that stores. Whether there is a value to be stored is asked of
 * methods that may return none alone: of `Promise<T>` in a generic class nobody can tell.
 */
export interface StoringDecorator<K extends 'cacheable' | 'put', O> {
  <M extends (...args: never[]) => Promise<void> | Observable<void>>(
    target: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<M> & Fit<Faults<K, O, M>>,
  ): ValueOf<ResultOf<M>>;
  <M>(
    target: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<M> & Fit<Faults<K, O, M>>,
  ): void;
}

/** The decorator of several operations at once: each must fit. */
export type FittingAll<O extends { readonly [N in 'cacheable' | 'put' | 'evict']?: unknown }> = <M>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<M> &
    Fit<
      | Unknown<Exclude<keyof O, 'cacheable' | 'put' | 'evict'>>
      | FaultsOfEach<'cacheable', ElementOf<O['cacheable']>, M>
      | FaultsOfEach<'put', ElementOf<O['put']>, M>
      | FaultsOfEach<'evict', ElementOf<O['evict']>, M>
    >,
) => void;

type FaultsOfEach<K extends OperationKind, Os, M> = Os extends infer O ? Faults<K, O, M> : never;
