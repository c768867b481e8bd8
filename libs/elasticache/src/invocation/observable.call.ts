import { isObservable, Observable, Subject, Subscriber, takeUntil } from 'rxjs';

import type { Flight, Loaded } from '../cache/flight.js';
import { inThisLoad } from '../cache/load.context.js';
import type { NamedCache } from '../cache/named.cache.js';
import type { Outcome } from '../cache/read.target.js';
import { CacheConfigurationError } from '../errors/cache.errors.js';
import { type Invocation, runCall } from './method.call.js';
import type { MethodPlan } from './method.plan.js';
import type { Call } from './operation.step.js';

/** More emissions than are stored. */
const TOO_MUCH: Loaded = { value: undefined, unshared: true };

/** Nobody is left to take what the source would emit. Ends the call; never seen by a subscriber. */
const ABANDONED = Symbol('abandoned');

/**
 * The cached form of a method that returns an Observable: cold, one call a subscription. On a miss
 * the emissions pass through as they come and are stored when the source completes; on a hit, and
 * for whoever joined a load in flight, the stored ones are replayed. Nothing is stored on error,
 * nor when the subscriber leaves early, unless others wait for the same load.
 */
export function observableCall(plan: MethodPlan, call: Call): Observable<unknown> {
  return new Observable((subscriber) => {
    const source = new Source(plan, call, subscriber);
    deliver(runCall(plan, call, source), source, subscriber);
    return () => source.leave();
  });
}

function deliver(outcome: Promise<Outcome>, source: Source, subscriber: Subscriber<unknown>): void {
  outcome
    .then((came) => {
      source.isOver = true;
      if (!came.own) replay(came, subscriber);
      subscriber.complete();
    })
    .catch((error: unknown) => {
      if (error !== ABANDONED) subscriber.error(error);
    });
}

function replay({ value, emissions }: Outcome, to: Subscriber<unknown>): void {
  for (const emission of emissions ? (value as unknown[]) : [value]) to.next(emission);
}

/** The method's own Observable, run at most once, between its subscriber and the cache. */
class Source implements Invocation {
  /** Its call is over, and what it brought known to the load it is part of. */
  isOver = false;
  /** Stops the source also where it emits while it is being subscribed to. */
  private readonly stop = new Subject<void>();
  private flight: Flight | undefined;
  private cache: NamedCache | undefined;
  private abandon: ((reason: symbol) => void) | undefined;
  private conclude: ((loaded: Loaded) => void) | undefined;
  private leaveFlight: (() => void) | undefined;
  private isLeft = false;
  private isComplete = false;
  private readonly emissions: unknown[] = [];
  private count = 0;

  constructor(
    private readonly plan: MethodPlan,
    private readonly call: Call,
    private readonly subscriber: Subscriber<unknown>,
  ) {}

  /** What the subscriber does with an emission is no part of the load. */
  private readonly inCallersLoad = inThisLoad();

  readonly load = (flight?: Flight, cache?: NamedCache): Promise<Loaded> => {
    this.flight = flight;
    this.cache = cache ?? this.plan.puts[0]?.families?.[0]?.current(this.plan.where);
    if (flight !== undefined) flight.onDeserted = () => this.isLeft && this.abandonUnlessNeeded();
    return new Promise((resolve, reject) => {
      if (this.isLeft) return reject(ABANDONED as unknown as Error);
      this.abandon = reject;
      this.conclude = resolve;
      const { self, args } = this.call;
      const observable = this.plan.method.original.apply(self, [...args]);
      if (!isObservable(observable)) return reject(noObservable(this.plan));
      observable.pipe(takeUntil(this.stop)).subscribe({
        next: (emission) => this.pass(emission),
        error: reject,
        complete: () => resolve(this.loaded()),
      });
    });
  };

  /** A source of its own, with nobody to pass the emissions on to. */
  readonly reload = (): Promise<Loaded> => {
    const source = new Source(this.plan, this.call, new Subscriber<unknown>());
    return source.load(undefined, this.cache);
  };

  readonly onJoin = (leave: () => void): void => {
    this.leaveFlight = leave;
    if (this.isLeft) leave();
  };

  /**
   * The subscriber is gone: so is the source, unless others wait for what it brings. It has until
   * the end of the turn: `firstValueFrom` leaves between the only emission and the completion.
   */
  leave(): void {
    this.isLeft = true;
    // The load it is part of may end before this one, and is made of what has come.
    if (this.count > 0 && !this.isOver) this.inCallersLoad(() => this.flight?.handOn());
    this.leaveFlight?.();
    queueMicrotask(() => this.abandonUnlessNeeded());
  }

  private abandonUnlessNeeded(): void {
    if (this.isComplete || this.flight?.hasJoiners) return;
    this.flight?.land(undefined); // over at once: nobody may join what brings nothing
    if (this.count > 0 && this.plan.lateEvicts.length > 0) this.conclude?.(this.partial());
    this.abandon?.(ABANDONED);
    this.stop.next();
  }

  private pass(emission: unknown): void {
    this.collect(emission);
    this.inCallersLoad(() => this.subscriber.next(emission));
    // A source that never yields the turn would otherwise emit for ever to nobody.
    if (this.isLeft && this.isTooMuch) this.abandonUnlessNeeded();
  }

  /** Keeps the value as it was emitted: the subscriber may change it before the source completes. */
  private collect(emission: unknown): void {
    this.count++;
    if (!this.isTooMuch) {
      this.emissions.push(this.cache ? this.cache.copyForJoiner(emission) : emission);
    } else if (this.emissions.length > 0) {
      this.emissions.length = 0;
      this.flight?.land(TOO_MUCH); // whoever waits need not wait for an end that may never come
    }
  }

  /** What a source brought whose subscriber has seen enough: not to be stored, but what it did may make entries untrue. */
  private partial(): Loaded {
    return { ...this.loaded(), unshared: true };
  }

  private loaded(): Loaded {
    this.isComplete = true;
    if (this.isTooMuch) return TOO_MUCH;
    const { emissions } = this;
    return this.count === 1 ? { value: emissions[0] } : { value: emissions, emissions: true };
  }

  private get isTooMuch(): boolean {
    return this.count > this.plan.maxEmissions;
  }
}

function noObservable({ where }: MethodPlan): CacheConfigurationError {
  const message = "is marked returns: 'observable', and answered with something else";
  return new CacheConfigurationError([{ path: where, message }]);
}
