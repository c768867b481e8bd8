import type { Loaded } from '../cache/in.flight.js';
import type { KeepOptions } from '../cache/entry.maker.js';
import type { NamedCache } from '../cache/named.cache.js';
import { CacheError } from '../errors/cache.errors.js';
import { Glob } from '../key/glob.js';
import type { Call, Evicted, Step } from './operation.step.js';

/** An eviction whose condition held before the method, waiting for its turn and, perhaps, the result. */
export type PendingEvict = (result: unknown) => Promise<void>;
/** A put that may apply; with the result it decides under which key, or not to store at all. */
export type PendingPut = (loaded: Loaded) => Put | undefined;

export interface Put {
  readonly caches: readonly NamedCache[];
  readonly text: string;
  readonly options: KeepOptions;
}

/** Evaluates what can be before the method; what the arguments rule out is not there. */
export function pendingEvicts(steps: readonly Step<'evict'>[], call: Call): PendingEvict[] {
  return steps.filter((step) => step.applies(call)).map((step) => pendingEvict(step, call));
}

export function pendingPuts(steps: readonly Step<'put'>[], call: Call): PendingPut[] {
  return steps.filter((step) => step.applies(call)).map((step) => pendingPut(step, call));
}

/** Runs all of them, also where one fails, and then throws what an error handler threw first. */
export async function settle(runs: readonly Promise<unknown>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(runs)) {
    if (outcome.status === 'rejected') throw outcome.reason;
  }
}

export function store(puts: readonly Put[], loaded: Loaded): Promise<void> {
  return settle(
    puts.flatMap(({ caches, text, options }) =>
      caches.map((cache) => cache.writes.putResult(text, loaded, options)),
    ),
  );
}

function pendingEvict(step: Step<'evict'>, call: Call): PendingEvict {
  const caches = step.caches(call);
  const known = step.evicted(call);
  return async (result) => {
    const evicted = reporting(step, caches, () =>
      step.appliesTo(call, result) ? (known ?? step.evictedBy(call, result)) : undefined,
    );
    if (evicted === undefined) return;
    await settle(caches.map((cache) => evict(cache, evicted, step.method)));
  };
}

function pendingPut(step: Step<'put'>, call: Call): PendingPut {
  const caches = step.caches(call);
  const known = step.text(call);
  const { unless, ...options } = step.keepOptions(call);
  return (loaded) => {
    const { value } = loaded;
    return reporting(step, caches, () => {
      // Spring's order: a condition or unless may rule out the very result that has no key.
      if (!step.appliesTo(call, value) || unless?.(loaded)) return undefined;
      return { caches, text: known ?? step.textOf(call, value), options };
    });
  };
}

function evict(cache: NamedCache, evicted: Evicted, method: string): Promise<unknown> {
  if (evicted === 'everything') return cache.evictions.evictMatching(undefined, method);
  if (evicted instanceof Glob) return cache.evictions.evictMatching(evicted, method);
  return cache.evictions.evict([evicted.text], method);
}

/** After the method, an option function that fails is reported; it costs neither the value nor the other operations. */
function reporting<T>(
  { kind, method }: Pick<Step, 'kind' | 'method'>,
  [cache]: readonly NamedCache[],
  evaluate: () => T,
): T | undefined {
  try {
    return evaluate();
  } catch (error) {
    if (!(error instanceof CacheError)) throw error;
    cache?.recorder.failed(error, { operation: kind === 'evict' ? 'evict' : 'put', method });
    return undefined;
  }
}
