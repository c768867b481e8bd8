import type { Observable } from 'rxjs';

import type { FromResult } from '../invocation/cache.operation.js';

/* Types alone: what is wrong between a decorator's options and the method it decorates. */

// eslint-disable-next-line typescript/no-explicit-any -- stands for every method, in both variances
type AnyFunction = (this: any, ...args: any[]) => any;
type Async = Promise<unknown> | Observable<unknown>;
type Kind = 'store' | 'evict' | 'many';

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

type CalledWith<K extends Kind, M extends AnyFunction> = K extends 'many'
  ? Parameters<M> extends [infer Batch, ...infer Others]
    ? {
        args: [element: ElementOf<Batch>, ...others: Others];
        result: ElementOf<ResultOf<M>>;
        batch: Parameters<M>;
      }
    : never
  : { args: Parameters<M>; result: ResultOf<M>; batch: Parameters<M> };

/** The faults of one decorator on one method, as text; never if there is none. */
type Faults<K extends Kind, O, M> =
  | Clashes<O>
  | (M extends AnyFunction
      ? ReturnFault<K, M> | Misfits<O, CalledWith<K, M>>
      : 'only methods can be cached');

type ReturnFault<K extends Kind, M extends AnyFunction> =
  ReturnType<M> extends Async
    ? K extends 'store'
      ? IsVoid<ResultOf<M>> extends true
        ? 'this method brings no value that could be cached'
        : never
      : K extends 'many'
        ? ResultOf<M> extends readonly unknown[]
          ? never
          : 'a batch method takes an array first and returns a Promise of an array'
        : never
    : 'a cached method returns a Promise or an Observable';

/** Whether a method only says that it is done; `undefined` as a value is something else. */
type IsVoid<T> = 0 extends 1 & T
  ? false
  : [unknown] extends [T]
    ? false
    : [void] extends [T]
      ? true
      : false;

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
export type FittingDecorator<K extends Kind, O> = <M>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<M> & Fit<Faults<K, O, M>>,
) => void;

/** The decorator of several operations at once: each must fit. */
export type FittingAll<O extends { readonly [N in 'cacheable' | 'put' | 'evict']?: unknown }> = <M>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<M> &
    Fit<
      | FaultsOfEach<'store', ElementOf<O['cacheable'] | O['put']>, M>
      | FaultsOfEach<'evict', ElementOf<O['evict']>, M>
    >,
) => void;

type FaultsOfEach<K extends Kind, Os, M> = Os extends infer O ? Faults<K, O, M> : never;
