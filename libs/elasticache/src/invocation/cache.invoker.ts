import { isObservable } from 'rxjs';

import type { Loaded } from '../cache/flight.js';
import type { CacheFamily } from '../cache/cache.family.js';
import type { NamedCache } from '../cache/named.cache.js';
import type { Outcome } from '../cache/read.target.js';
import { readShared } from '../cache/read.through.js';
import { CacheConfigurationError } from '../errors/cache.errors.js';
import { batchCall } from './batch.call.js';
import type { CachedMethod } from './cache.metadata.js';
import { runCall } from './method.call.js';
import { type MethodPlan, planOf, type PlanSettings } from './method.plan.js';
import type { CacheInvoker } from './method.wrapper.js';
import { observableCall } from './observable.call.js';
import type { Call, Step } from './operation.step.js';

/** A method with one `@Cacheable` on one cache and nothing else: most methods, and the hot path. */
interface SimplePlan {
  readonly plan: MethodPlan;
  readonly step: Step<'cacheable'>;
  readonly family: CacheFamily;
}

/** The plan of a method for the class of the instance it was last called on. */
interface Memo {
  readonly type: object;
  readonly plan: MethodPlan;
  readonly simple: SimplePlan | undefined;
}

/** Runs decorated methods with the caches of one application. */
export class CachingInvoker implements CacheInvoker {
  private readonly memos: (Memo | undefined)[] = [];
  private readonly plans = new WeakMap<object, Map<number, Memo>>();

  constructor(private readonly settings: PlanSettings) {}

  call(method: CachedMethod, self: object, args: unknown[]): unknown {
    const type = self.constructor;
    const last = this.memos[method.id];
    const { plan, simple } = last?.type === type ? last : this.memoOf(method, type);
    return simple === undefined
      ? this.otherCall(plan, { self, args })
      : simpleCall(simple, self, args);
  }

  private otherCall(plan: MethodPlan, call: Call): unknown {
    if (plan.returns === 'observable') return observableCall(plan, call);
    return this.promiseCall(plan, call);
  }

  /** Makes the plan, so that its faults show at start-up. */
  async prepare(method: CachedMethod, type: object): Promise<void> {
    await this.memoOf(method, type).plan.reviver.ready;
  }

  private async promiseCall(plan: MethodPlan, call: Call): Promise<unknown> {
    if (plan.many !== undefined) return batchCall(plan, plan.many, call);
    const load = () => proceed(plan, call);
    return (await runCall(plan, call, { load, reload: load })).value;
  }

  private memoOf(method: CachedMethod, type: object): Memo {
    let plans = this.plans.get(type);
    if (plans === undefined) this.plans.set(type, (plans = new Map()));
    let memo = plans.get(method.id);
    if (memo === undefined) {
      const plan = planOf(method, type, this.settings);
      memo = { type, plan, simple: simplePlan(plan) };
      plans.set(method.id, memo);
    }
    this.memos[method.id] = memo;
    return memo;
  }
}

/** Stands in where caching is off: decorated methods run as if they were not. */
export const disabledInvoker: CacheInvoker = {
  call: (method, self, args) => method.original.apply(self, args),
};

/** A hit in memory is answered in this turn, and nothing is made for it but the promise of the value. */
function simpleCall(simple: SimplePlan, self: object, args: unknown[]): unknown {
  try {
    const { step, family } = simple;
    const cache = family.only ?? family.current(step.where);
    const key = step.shortKey(self, args);
    const entry = cache.findInMemory(key);
    if (entry !== undefined) return Promise.resolve(cache.handOutHit(entry));
    return missInMemory(simple, { call: { self, args }, cache, text: String(key) });
  } catch (error) {
    return Promise.reject(error as Error);
  }
}

/** Apart from the hit, which would otherwise pay for what the closures in here hold. */
function missInMemory(
  { plan, step }: SimplePlan,
  { call, cache, text }: { call: Call; cache: NamedCache; text: string },
): Promise<unknown> {
  const options = step.keepOptions(call);
  const ask = step.ask(call, text, cache);
  const sharing = cache.sharingOf(step.options);
  const loader = { load: () => proceed(plan, call), sharing, certain: true };
  return readShared({ cache, ask, options }, loader).then(valueOf);
}

function valueOf({ value }: Outcome): unknown {
  return value;
}

function simplePlan(plan: MethodPlan): SimplePlan | undefined {
  const { plainFamily: family, cacheables } = plan;
  const [step] = cacheables;
  if (step === undefined || family === undefined) return undefined;
  return { plan, step, family };
}

async function proceed({ method, where }: MethodPlan, { self, args }: Call): Promise<Loaded> {
  const returned = method.original.apply(self, [...args]);
  if (isObservable(returned)) {
    const message = "returns an Observable: say so with the option returns: 'observable'";
    throw new CacheConfigurationError([{ path: where, message }]);
  }
  return { value: await returned };
}
