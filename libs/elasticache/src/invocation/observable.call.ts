import { Observable, type Subscriber, type Subscription } from 'rxjs';

import type { Flight, Loaded } from '../cache/in.flight.js';
import type { Outcome } from '../cache/read.through.js';
import { runCall } from './method.call.js';
import type { MethodPlan } from './method.plan.js';
import type { Call } from './operation.step.js';

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
    runCall(plan, call, (flight) => source.run(flight)).then(
      (outcome) => {
        if (!outcome.own) replay(plan, outcome, subscriber);
        subscriber.complete();
      },
      (error: unknown) => {
        if (error !== ABANDONED) subscriber.error(error);
      },
    );
    return () => source.leave();
  });
}

function replay({ revive }: MethodPlan, { value, emissions }: Outcome, to: Subscriber<unknown>) {
  for (const emission of emissions ? (value as unknown[]) : [value]) to.next(revive(emission));
}

/** The method's own Observable, run at most once, between its subscriber and the cache. */
class Source {
  private subscription: Subscription | undefined;
  private flight: Flight | undefined;
  private abandon: ((reason: symbol) => void) | undefined;
  private isLeft = false;
  private emissions: unknown[] = [];
  private count = 0;

  constructor(
    private readonly plan: MethodPlan,
    private readonly call: Call,
    private readonly subscriber: Subscriber<unknown>,
  ) {}

  run(flight?: Flight): Promise<Loaded> {
    this.flight = flight;
    return new Promise((resolve, reject) => {
      if (this.isLeft) return reject(ABANDONED as unknown as Error);
      this.abandon = reject;
      const { self, args } = this.call;
      const observable = this.plan.method.original.apply(self, [...args]) as Observable<unknown>;
      this.subscription = observable.subscribe({
        next: (emission) => this.pass(emission),
        error: reject,
        complete: () => resolve(this.loaded()),
      });
    });
  }

  /** The subscriber is gone: so is the source, unless others wait for what it brings. */
  leave(): void {
    this.isLeft = true;
    if (this.flight?.hasJoiners) return;
    this.subscription?.unsubscribe();
    this.abandon?.(ABANDONED);
  }

  private pass(emission: unknown): void {
    if (++this.count <= this.plan.maxEmissions) this.emissions.push(this.snapshot(emission));
    else this.emissions = [];
    this.subscriber.next(emission);
  }

  /** The value as it was emitted: the subscriber may change it before the source completes. */
  private snapshot(emission: unknown): unknown {
    const [cache] = this.plan.cacheables[0]?.caches(this.call) ?? [];
    return cache === undefined ? emission : cache.copyForJoiner(emission);
  }

  private loaded(): Loaded {
    if (this.count > this.plan.maxEmissions) return { value: undefined, unshared: true };
    const { emissions } = this;
    return this.count === 1 ? { value: emissions[0] } : { value: emissions, emissions: true };
  }
}
