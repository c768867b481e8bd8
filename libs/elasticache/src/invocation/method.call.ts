import type { Loaded } from '../cache/in.flight.js';
import {
  loadAndKeep,
  type Loader,
  lookUp,
  type Outcome,
  readThrough,
  type Target,
} from '../cache/read.through.js';
import type { MethodPlan } from './method.plan.js';
import type { Call } from './operation.step.js';
import { type PendingPut, pendingEvicts, pendingPuts, settle, store } from './write.operations.js';

/** The method of one call. */
export interface Invocation {
  /** Runs it, at most once. The flight tells whether others wait for what it brings. */
  readonly load: Loader['load'];
  readonly onJoin?: NonNullable<Loader['onJoin']>;
}

/**
 * One call in Spring's order: early evicts, lookups, the method, the cacheables' puts, puts, late
 * evicts. What fails before the method fails the call; the method's own error passes through and
 * leaves the rest undone; what fails after it costs neither the value nor the operations that follow.
 */
export async function runCall(
  plan: MethodPlan,
  call: Call,
  invocation: Invocation,
): Promise<Outcome> {
  const early = pendingEvicts(plan.earlyEvicts, call);
  const { targets, shared } = targetsOf(plan, call);
  const puts = pendingPuts(plan.puts, call);
  const late = pendingEvicts(plan.lateEvicts, call);
  await settle(early.map((evict) => evict(undefined)));
  // Taken one by one: a copy of the invocation would keep what it has collected alive.
  const { load, onJoin } = invocation;
  const loader = { load, shared, certain: plan.returns === 'promise', ...(onJoin && { onJoin }) };
  const outcome =
    puts.length > 0 ? await runAndPut(targets, puts, loader) : await readOrRun(targets, loader);
  await settle(late.map((evict) => evict(outcome.value)));
  return outcome;
}

/** The entries that the applying cacheables read and fill, each once. */
function targetsOf({ cacheables, reviver }: MethodPlan, call: Call) {
  const { revive } = reviver;
  const targets: Target[] = [];
  let shared = true;
  for (const step of cacheables) {
    if (!step.applies(call)) continue;
    const text = step.text(call)!;
    const options = step.keepOptions(call);
    for (const cache of step.caches(call)) {
      if (targets.some((known) => known.cache === cache && known.text === text)) continue;
      targets.push({ cache, text, options, ...(revive && { revive }) });
      shared &&= cache.sharesLoads(step.options);
    }
  }
  return { targets, shared };
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
  const hit = await lookUp(targets);
  let decided: ReturnType<typeof decide> = [];
  const loaded = await loadAndKeep(targets, {
    ...loader,
    shared: false,
    load: async (flight, cache) => {
      const result = await loader.load(flight, cache);
      decided = decide(puts, result);
      return result;
    },
    keepIf: () => hit === undefined || decided.length > 0,
  });
  await store(decided, loaded);
  return { ...loaded, own: true };
}

function decide(puts: readonly PendingPut[], loaded: Loaded) {
  return puts.flatMap((put) => put(loaded) ?? []);
}
