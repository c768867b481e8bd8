import { CacheTransaction } from '../coherence/cache.transaction.js';
import type { Loaded } from '../cache/flight.js';
import { AsksAlike, lookForPlainHits, type Looked, NOT_LOOKED_UP } from '../cache/plain.hits.js';
import type { NamedCache } from '../cache/named.cache.js';
import { type Part, targetOf } from '../cache/read.load.many.js';
import { delivered, type Target } from '../cache/read.target.js';
import { readManyThrough } from '../cache/read.through.many.js';
import { CacheError } from '../errors/cache.errors.js';
import type { ShortKey } from '../key/key.layout.js';
import type { MethodPlan } from './method.plan.js';
import type { Call, Step } from './operation.step.js';
import { AroundMethod, evictEarly, narrower } from './method.call.js';
import { pendingEvicts, settle } from './write.operations.js';

/** What a batch asks, sorted out. */
interface Sorted {
  /** The elements that are looked up, each key once, each as a call of its own. */
  readonly cached: ElementCall[];
  /** Their keys. */
  readonly texts: string[];
  /** The elements that the condition leaves uncached. */
  readonly uncached: unknown[];
  /** Where each asked element's result is: at that place of those looked up, or, counted from -1 down, of the uncached. */
  readonly places: number[];
}

/** A call as the options of one element see it. */
class ElementCall implements Call {
  constructor(
    private readonly whole: Call,
    readonly element: unknown,
  ) {}

  get self(): object {
    return this.whole.self;
  }

  get args(): readonly unknown[] {
    return [this.element, ...this.whole.args.slice(1)];
  }
}

/** One call of a `@CacheableMany` method: the method runs with what is missing, and not at all if nothing is. */
export async function batchCall(
  plan: MethodPlan,
  step: Step<'many'>,
  call: Call,
): Promise<unknown[]> {
  const batch = batchOf(step, call);
  const named = step.namedKeys(call, batch); // it may change the batch
  const { plainFamily } = plan;
  const keys = plainFamily && step.shortKeys(named ?? batch);
  const elements = Array.from<unknown>(batch); // the caller may change it meanwhile
  // Where all are there and nothing else is to be done, no element costs a step of its own.
  const cache = keys && (plainFamily.only ?? plainFamily.current(step.where));
  const hits = cache?.valuesInMemory(keys!);
  if (hits !== undefined) return hits;
  const { values, looks } = cache
    ? await lookUp(step, call, { cache, keys: keys! })
    : NOT_LOOKED_UP;
  if (values !== undefined) return values;
  const { tags } = plan;
  const early = pendingEvicts(plan.earlyEvicts, call, { tags, unit: undefined });
  const late = pendingEvicts(plan.lateEvicts, call, { tags, unit: CacheTransaction.current() });
  const sorted = sort(step, call, { elements, named, keys });
  await evictEarly(early);
  const { original } = plan.method;
  const around = new AroundMethod(
    late,
    async (batch: unknown[]) =>
      sorted.cached.length > 0
        ? runBatch(plan, call, batch)
        : (original.apply(call.self, [...call.args]) as unknown[]), // as if it were not annotated
  );
  const finish = (value: unknown[]) => settle(late.map((evict) => evict.finish({ value })));
  let results: unknown[];
  try {
    results = await readBatch(plan, step, { call, sorted, run: around.run, looks });
  } catch (error) {
    await around.finishFailed(finish);
    throw error;
  }
  if (!around.outlives(finish)) await finish(results);
  return results;
}

/** Looks for all elements at once, where they are alike but for their keys. */
async function lookUp(
  step: Step<'many'>,
  call: Call,
  { cache, keys }: { cache: NamedCache; keys: readonly ShortKey[] },
): Promise<Looked> {
  const isAlike = step.hasFixedTags && new Set(keys).size === keys.length;
  if (!isAlike) return NOT_LOOKED_UP;
  return lookForPlainHits(cache, new AsksAlike(keys, step.ask(call, '', cache)));
}

async function readBatch(
  plan: MethodPlan,
  step: Step<'many'>,
  {
    call,
    sorted,
    run,
    looks,
  }: {
    call: Call;
    sorted: Sorted;
    run: (batch: unknown[]) => Promise<unknown[]>;
    looks: Part['looks'];
  },
): Promise<unknown[]> {
  const { cached, texts, uncached, places } = sorted;
  if (cached.length === 0 && uncached.length > 0) return run(uncached);
  const caches = step.caches(call);
  const parts = caches.map((cache) => ({
    cache,
    asks: texts.map((text, i) => step.ask(cached[i]!, text, cache)),
    optionsOf: (i: number) => step.keepOptionsIn(cache, step.keepOptions(cached[i]!)),
    looks,
  }));
  const sharing = caches
    .map((cache) => cache.sharingOf(step.options))
    .reduce(narrower, 'distributed');
  let first: Promise<unknown[]> | undefined; // what is not cached comes along
  const { revive } = plan.reviver;
  const batch = { parts, sharing, revive };
  const read = await readManyThrough(batch, async (missing, { isReload = false }) => {
    const missed = missing.map((i) => cached[i]!.element);
    let running: Promise<unknown[]>;
    if (isReload) running = runBatch(plan, call, missed);
    else if (first !== undefined) running = run(missed);
    else running = first = run([...missed, ...uncached]);
    const results = await running;
    return new Map<number, Loaded>(missing.map((i, m) => [i, { value: results[m] }]));
  });
  // Where it failed and stale entries stand in for the others, there is nothing to stand in for these.
  const rest = uncached.length > 0 ? (await (first ?? run(uncached))).slice(-uncached.length) : [];
  const repeated = places.length > cached.length + uncached.length ? new Set<number>() : undefined;
  const results: unknown[] = [];
  for (const place of places) {
    const result = read[place];
    if (place < 0) results.push(rest[-1 - place]);
    else if (result === undefined) results.push(null);
    else if (!repeated?.has(place)) results.push(result.value);
    else results.push((await again(targetOf(batch, parts[0]!, place), result)).value);
    repeated?.add(place);
  }
  return results;
}

/** The result of an element that is asked for more than once, for another of its places. */
async function again(target: Target, loaded: Loaded): Promise<Loaded> {
  const copy = { value: target.cache.copyForJoiner(loaded.value) };
  return (await delivered(target, copy)) ?? loaded;
}

function batchOf(step: Step<'many'>, { args: [batch] }: Call): readonly unknown[] {
  if (Array.isArray(batch)) return batch;
  const problem = 'needs the batch as the first argument, an array';
  throw new CacheError('CACHE_OPTION_VALUE', { where: step.where, option: 'keys', problem });
}

interface Elements {
  readonly elements: readonly unknown[];
  /** As `keys` names them. */
  readonly named: readonly unknown[] | undefined;
  /** Where they were needed before. */
  readonly keys: readonly ShortKey[] | undefined;
}

function sort(step: Step<'many'>, call: Call, { elements, named, keys }: Elements): Sorted {
  const sorted: Sorted = { cached: [], texts: [], uncached: [], places: [] };
  const { cached, texts, uncached, places } = sorted;
  const known = new Map<string, number>();
  for (const [i, element] of elements.entries()) {
    const own = new ElementCall(call, element);
    const textOf = () => String(keys?.[i] ?? step.elementKey(own, named ? named[i] : element));
    if (step.applies(own)) {
      const text = textOf();
      const place = known.get(text);
      places.push(place ?? cached.length);
      if (place !== undefined) continue;
      known.set(text, cached.length);
      cached.push(own);
      texts.push(text);
    } else {
      places.push(-uncached.push(element));
      for (const cache of step.caches(own)) cache.recorder.passedBy(textOf);
    }
  }
  return sorted;
}

async function runBatch(
  { method, where }: MethodPlan,
  { self, args }: Call,
  batch: unknown[],
): Promise<unknown[]> {
  const { length } = batch; // the method may use the array up
  const given = [...batch];
  const results = await method.original.apply(self, [batch, ...args.slice(1)]);
  if (isReordered(batch, given)) throw new CacheError('CACHE_RESULT_ORDER', { where });
  if (Array.isArray(results) && results.length === length) return results;
  const actual = Array.isArray(results) ? String(results.length) : 'no array';
  throw new CacheError('CACHE_RESULT_LENGTH', { where, expected: length, actual });
}

/** The same elements at other places. */
function isReordered(batch: readonly unknown[], given: readonly unknown[]): boolean {
  if (batch.length !== given.length) return false;
  if (batch.every((element, i) => Object.is(element, given[i]))) return false;
  const known = new Set(given);
  return new Set(batch).size === known.size && batch.every((element) => known.has(element));
}
