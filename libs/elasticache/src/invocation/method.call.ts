import type { CacheFamily } from '../cache/cache.family.js';
import type { FencedPut } from '../cache/fenced.put.js';
import type { Loaded } from '../cache/flight.js';
import type { NamedCache } from '../cache/named.cache.js';
import type { Loader, Outcome, Target } from '../cache/read.target.js';
import { lookUp, readThrough } from '../cache/read.through.js';
import type { SingleFlight } from '../cache/cache.policy.js';
import { CacheTransaction } from '../coherence/cache.transaction.js';
import { putInUnit } from '../cache/unit.writes.js';
import type { MethodPlan } from './method.plan.js';
import { assertOneScope } from './one.scope.js';
import type { Call } from './operation.step.js';
import {
  abandonAll,
  beginAll,
  type PendingPut,
  type PendingWrite,
  pendingEvicts,
  pendingPuts,
  settle,
} from './write.operations.js';

/** The method of one call. */
export interface Invocation {
  /** Runs it, at most once. The flight tells whether others wait for what it brings. */
  readonly load: Loader['load'];
  /** Runs it for nobody: an expired entry is renewed behind its reader's back. */
  readonly reload: () => Promise<Loaded>;
  readonly onJoin?: NonNullable<Loader['onJoin']>;
}

/**
 * One call in Spring's order: early evicts, lookups, the method, the cacheables' puts, puts, late
 * evicts. What fails before the method fails the call; the method's own error passes through and
 * leaves the rest undone; what fails after it costs neither the value nor the operations that follow.
 * Writes that come after the method have their first phase right before it.
 */
export async function runCall(
  plan: MethodPlan,
  call: Call,
  invocation: Invocation,
): Promise<Outcome> {
  const { tags } = plan;
  const early = pendingEvicts(plan.earlyEvicts, call, { tags, unit: undefined });
  const { targets, sharing } = targetsOf(plan, call);
  const puts = pendingPuts(plan.puts, call);
  const late = pendingEvicts(plan.lateEvicts, call, { tags, unit: CacheTransaction.current() });
  await evictEarly(early);
  // Taken one by one: a copy of the invocation would keep what it has collected alive.
  const { load, reload, onJoin } = invocation;
  const around = new AroundMethod(late, load);
  const certain = plan.returns === 'promise';
  const loader = { load: around.run, reload, sharing, certain, ...(onJoin && { onJoin }) };
  const finish = (loaded: Loaded) => settle(late.map((evict) => evict.finish(loaded)));
  let outcome: Outcome;
  try {
    outcome =
      puts.length > 0 ? await runAndPut(targets, puts, loader) : await readOrRun(targets, loader);
  } catch (error) {
    await around.finishFailed(finish);
    throw error;
  }
  if (!around.outlives(finish)) await finish(outcome);
  return outcome;
}

/** At once, also in a unit of work: that is what is asked for. (Spring: `beforeInvocation`.) */
export async function evictEarly(evicts: readonly PendingWrite[]): Promise<void> {
  if (evicts.length === 0) return;
  await CacheTransaction.outside(async () => {
    await beginAll(evicts);
    await settle(evicts.map((evict) => evict.finish({ value: undefined })));
  });
}

/** Guards what the method makes untrue, before it runs; a method that fails leaves nothing guarded. */
export class AroundMethod<A extends readonly unknown[], R> {
  /** What the method brought, once it has run. */
  private brought: R | undefined;
  private begun: Promise<void> | undefined;
  private running = 0;
  private whenOver: () => void = () => undefined;

  constructor(
    private readonly writes: readonly PendingWrite[],
    private readonly method: (...args: A) => Promise<R>,
  ) {}

  readonly run = async (...args: A): Promise<R> => {
    this.running++;
    try {
      return (this.brought = await this.guarded(args));
    } finally {
      if (--this.running === 0) this.whenOver();
    }
  };

  /** Whether it runs on when its call is over, as a load that took too long: what it brings is finished then. */
  outlives(finish: (brought: R) => Promise<void>): boolean {
    this.whenOver = () => void this.finishFailed(finish);
    return this.running > 0;
  }

  /** Where the method has run, and what failed is the cache: what it made untrue is evicted all the same. */
  async finishFailed(finish: (brought: R) => Promise<void>): Promise<void> {
    if (this.running > 0) this.outlives(finish);
    else if (this.brought !== undefined) await finish(this.brought).catch(() => undefined);
  }

  private async guarded(args: A): Promise<R> {
    if (this.writes.length > 0) await (this.begun ??= beginAll(this.writes));
    try {
      return await this.method(...args);
    } catch (error) {
      this.begun = undefined;
      await abandonAll(this.writes);
      throw error;
    }
  }
}

/** The entries that the applying cacheables read and fill, each once. */
function targetsOf({ where, cacheables, reviver }: MethodPlan, call: Call) {
  const { revive } = reviver;
  const targets: Target[] = [];
  const read: CacheFamily[] = [];
  let sharing: SingleFlight = 'distributed';
  for (const step of cacheables) {
    if (!step.applies(call)) {
      for (const cache of step.caches(call)) cache.recorder.passedBy(() => step.text(call)!);
      continue;
    }
    const families = step.familiesOf(call);
    if (cacheables.length > 1) read.push(...families); // of one, the step has seen to it
    const text = step.text(call)!;
    const options = step.keepOptions(call);
    for (const cache of step.caches(call, families)) {
      if (targets.some((known) => known.cache === cache && known.ask.text === text)) continue;
      const ask = step.ask(call, text, cache);
      const own = step.keepOptionsIn(cache, options);
      targets.push({ cache, ask, options: own, revive });
      sharing = narrower(sharing, cache.sharingOf(step.options));
    }
  }
  assertOneScope(where, read);
  return { targets, sharing };
}

export function narrower(a: SingleFlight, b: SingleFlight): SingleFlight {
  const order: readonly SingleFlight[] = [false, 'process', 'distributed'];
  return order[Math.min(order.indexOf(a), order.indexOf(b))]!;
}

async function readOrRun(targets: readonly Target[], loader: Loader): Promise<Outcome> {
  if (targets.length > 0) return readThrough(targets, loader);
  return { ...(await loader.load()), own: true };
}

/** With a put that may apply the method always runs; the cacheables' own entries are refreshed if one does. */
async function runAndPut(
  targets: readonly Target[],
  puts: readonly PendingPut[],
  loader: Loader,
): Promise<Outcome> {
  const { outcome: hit } = await lookUp(targets);
  const covered = (cache: NamedCache, text: string) =>
    puts.some(({ writes }) => writes.some((write) => write.cache === cache && write.text === text));
  const own = targets
    .filter(({ cache, ask }) => !covered(cache, ask.text))
    .map((target) => new TargetPut(target));
  const around = new AroundMethod([...puts, ...own], () => timed(targets[0], loader));
  const loaded = await around.run();
  const decided = puts.filter((put) => put.decide(loaded));
  const isKept = hit === undefined || decided.length > 0;
  const refreshed = own.map((put) => (isKept ? put.finish(loaded) : put.abandon()));
  await Promise.allSettled(refreshed); // the puts come after them, whatever they come to
  await settle([...puts.map((put) => put.finish(loaded)), ...refreshed]);
  return { ...loaded, own: true };
}

function timed(target: Target | undefined, loader: Loader): Promise<Loaded> {
  if (target === undefined) return loader.load();
  const { cache, ask } = target;
  return cache.loads.runToItsEnd(ask.text, () => loader.load(undefined, cache));
}

/** The entry of a cacheable beside a put: a write like that one. */
class TargetPut implements PendingWrite {
  private put: FencedPut | undefined;

  constructor(private readonly target: Target) {}

  async begin(): Promise<void> {
    const { cache, ask, options } = this.target;
    this.put = await cache.beginPut(ask, options.method);
  }

  async finish(loaded: Loaded): Promise<void> {
    const { cache, ask, options } = this.target;
    const { unless, ...rest } = options;
    if (loaded.unshared) return this.abandon();
    let failure: unknown;
    try {
      if (unless?.(loaded)) return await this.abandon();
    } catch (error) {
      failure = error;
    }
    // Where the option fails, what is there may be untrue by now, and goes.
    const kept = failure === undefined ? loaded : { ...loaded, unshared: true };
    await putInUnit(cache, this.put!, { text: ask.text, loaded: kept, options: rest });
    if (failure === undefined) return;
    cache.recorder.failed(failure, { operation: 'put', method: options.method, key: ask.text });
  }

  async abandon(): Promise<void> {
    await this.put?.abandon();
  }
}
