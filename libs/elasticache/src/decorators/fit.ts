import type { Observable } from 'rxjs';

import type { FromResult } from '../invocation/cache.operation.js';

/* Types alone: whether the functions among a decorator's options fit the method it decorates. */

// eslint-disable-next-line typescript/no-explicit-any -- stands for every method, in both variances
type AnyFunction = (this: any, ...args: any[]) => any;

/** A decorated method's result: what its Promise or Observable brings. */
type ResultOf<M extends AnyFunction> =
  ReturnType<M> extends Promise<infer R> | Observable<infer R> ? R : never;

type IsAny<T> = 0 extends 1 & T ? true : false;

/** Whether a method only says that it is done; `undefined` as a value is something else. */
type IsVoid<T> =
  IsAny<T> extends true ? false : [unknown] extends [T] ? false : [void] extends [T] ? true : false;

/** What `keys`-less options of a batch are asked about: one element, then the other arguments. */
type ElementCall<A extends readonly unknown[]> = A extends readonly [infer Batch, ...infer Others]
  ? [element: Batch extends Iterable<infer E> ? E : never, ...others: Others]
  : never;

interface CallShape {
  readonly args: readonly unknown[];
  readonly result: unknown;
}

/** The names of the options whose function does not take what it will be given. */
type Misfits<O, C extends CallShape, Keys extends readonly unknown[]> = {
  [K in keyof O]-?: NonNullable<O[K]> extends infer F
    ? K extends 'keyGenerator' | 'cacheResolver' | 'type' | 'cacheNames'
      ? never
      : F extends FromResult<infer G>
        ? Takes<G, [result: C['result'], ...args: C['args']], K>
        : F extends AnyFunction
          ? Takes<
              F,
              K extends 'unless'
                ? [result: C['result'], ...args: C['args']]
                : K extends 'keys'
                  ? Keys
                  : C['args'],
              K
            >
          : never
    : never;
}[keyof O];

/** Never where the function can be called with those arguments, else the option's name. */
type Takes<F extends AnyFunction, A extends readonly unknown[], K> =
  // eslint-disable-next-line typescript/no-explicit-any -- only the parameters are compared
  F extends (this: any, ...args: A) => any ? never : K;

type Refusal<Message extends string> = { readonly [M in Message]: never };

/** Unknown where decorator and method go together, else a type no method has, named after what is wrong. */
type Fit<Kind extends 'store' | 'evict' | 'many', O, M> = M extends AnyFunction
  ? ReturnType<M> extends Promise<unknown> | Observable<unknown>
    ? Kind extends 'many'
      ? ManyFit<O, M>
      : Kind extends 'store'
        ? IsVoid<ResultOf<M>> extends true
          ? Refusal<'this method brings no value that could be cached'>
          : OptionsFit<Misfits<O, { args: Parameters<M>; result: ResultOf<M> }, Parameters<M>>>
        : OptionsFit<Misfits<O, { args: Parameters<M>; result: ResultOf<M> }, Parameters<M>>>
    : Refusal<'a cached method returns a Promise or an Observable'>
  : Refusal<'only methods can be cached'>;

type ManyFit<O, M extends AnyFunction> =
  Awaited<ReturnType<M>> extends readonly (infer R)[]
    ? OptionsFit<Misfits<O, { args: ElementCall<Parameters<M>>; result: R }, Parameters<M>>>
    : Refusal<'a batch method takes an array first and returns a Promise of an array'>;

type OptionsFit<Names> = [Names] extends [never]
  ? unknown
  : Refusal<`the option '${Names & string}' does not fit the parameters of this method`>;

/**
 * A decorator that compiles only on methods its options fit. Declared as a method, whose parameters
 * are compared in both directions, so that it goes into Nest's `applyDecorators` like any other.
 */
export type FittingDecorator<Kind extends 'store' | 'evict' | 'many', O> = {
  decorate<M>(
    target: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<M> & Fit<Kind, O, M>,
  ): void;
}['decorate'];

/** The decorator of several operations at once: each must fit. */
export type FittingAll<O extends { readonly [K in 'cacheable' | 'put' | 'evict']?: unknown }> = {
  decorate<M>(
    target: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<M> &
      FitEach<'store', O['cacheable'], M> &
      FitEach<'store', O['put'], M> &
      FitEach<'evict', O['evict'], M>,
  ): void;
}['decorate'];

type FitEach<Kind extends 'store' | 'evict', Os, M> = Os extends readonly unknown[]
  ? Os[number] extends infer O
    ? [O] extends [never]
      ? unknown
      : Fit<Kind, O, M>
    : never
  : unknown;
