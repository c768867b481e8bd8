import type { EvictionUnderWay } from '../cache/cache.evictions.js';
import type { CacheRecorder } from '../cache/cache.recorder.js';
import type { KeepOptions } from '../cache/entry.maker.js';
import type { FencedPut } from '../cache/fenced.put.js';
import type { Loaded } from '../cache/flight.js';
import type { NamedCache } from '../cache/named.cache.js';
import type { TagEvictions, TagEvictionUnderWay } from '../cache/tag.evictions.js';
import { evictTagsInUnit, finishInUnit, putInUnit } from '../cache/unit.writes.js';
import type { CacheTransaction } from '../coherence/cache.transaction.js';
import { CacheError } from '../errors/cache.errors.js';
import type { Call, Evicted, Step } from './operation.step.js';

/**
 * A write whose options were evaluated before the method as far as they can be. First phase before
 * the method, second after it; `finish` alone where the method did not run.
 */
export interface PendingWrite {
  /** @throws CacheUnavailableError in strict mode, where it was not acknowledged: the method must not run */
  begin(): Promise<void>;
  finish(loaded: Loaded): Promise<void>;
  /** The method failed. */
  abandon(): Promise<void>;
}

/** A put that may apply: with the result it decides. */
export interface PendingPut extends PendingWrite {
  /** Whether it applies to the result. Asked once, before `finish`. */
  decide(loaded: Loaded): boolean;
  /** The entries it writes, as far as they are known before the result. */
  readonly writes: readonly { readonly cache: NamedCache; readonly text: string | undefined }[];
}

/** Evaluates what can be before the method; what the arguments rule out is not there. `unit`: the one they wait for the end of. */
export function pendingEvicts(
  steps: readonly Step<'evict'>[],
  call: Call,
  around: { readonly tags: TagEvictions; readonly unit: CacheTransaction | undefined },
): PendingWrite[] {
  return steps
    .filter((step) => step.applies(call))
    .map((step) => new PendingEvict(step, call, around));
}

export function pendingPuts(steps: readonly Step<'put'>[], call: Call): PendingPut[] {
  return steps.filter((step) => step.applies(call)).map((step) => new PendingPutOf(step, call));
}

/** Runs all of them, also where one fails, and then throws what an error handler threw first. */
export async function settle(runs: readonly Promise<unknown>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(runs)) {
    if (outcome.status === 'rejected') throw outcome.reason;
  }
}

/** First phase of all. Where one cannot be had, the others are given up. */
export async function beginAll(writes: readonly PendingWrite[]): Promise<void> {
  try {
    await settle(writes.map((write) => write.begin()));
  } catch (error) {
    await abandonAll(writes);
    throw error;
  }
}

/** The error that ends the call is the method's own: what fails here is told to the handler alone. */
export async function abandonAll(writes: readonly PendingWrite[]): Promise<void> {
  await Promise.allSettled(writes.map((write) => write.abandon()));
}

class PendingEvict implements PendingWrite {
  private readonly caches: readonly NamedCache[];
  private readonly known: Evicted | undefined;
  private underWay: (readonly [NamedCache, EvictionUnderWay])[] | undefined;
  private tagsUnderWay: TagEvictionUnderWay | undefined;
  private readonly tags: TagEvictions;
  private readonly unit: CacheTransaction | undefined;

  constructor(
    private readonly step: Step<'evict'>,
    private readonly call: Call,
    around: { readonly tags: TagEvictions; readonly unit: CacheTransaction | undefined },
  ) {
    this.tags = around.tags;
    this.unit = around.unit;
    const isOfTags = step.options.tags !== undefined;
    this.caches = isOfTags && step.families?.length === 0 ? [] : step.caches(call);
    this.known = step.evicted(call);
  }

  async begin(): Promise<void> {
    const { known, step, tags } = this;
    const knownTags = known !== undefined && isTags(known) ? known.tags : undefined;
    if (knownTags !== undefined) {
      this.tagsUnderWay = await tags.begin(knownTags, step.method);
      return;
    }
    const ofCache = known as Exclude<typeof known, { tags: unknown }>;
    this.underWay = [];
    await settle(
      this.caches.map(async (cache) => {
        const eviction = await cache.evictions.begin(ofCache, step.method);
        this.underWay!.push([cache, eviction]);
      }),
    );
  }

  async finish({ value }: Loaded): Promise<void> {
    const { step, call, caches } = this;
    // Where an option fails, what is known is evicted, and what was guarded is no longer believed.
    let evicted: Evicted | undefined = this.known;
    const recorder = caches[0]?.recorder ?? this.tags.recorder;
    const { isDecided, handlerError } = reporting(step, recorder, () => {
      evicted = step.appliesTo(call, value)
        ? (this.known ?? step.evictedBy(call, value))
        : undefined;
    });
    if (evicted !== undefined) await this.conclude(evicted);
    else if (isDecided) await this.abandon();
    else this.lapse();
    if (handlerError !== undefined) throw handlerError.error;
  }

  private async conclude(evicted: Evicted): Promise<void> {
    if (isTags(evicted)) return this.finishTags(evicted.tags);
    if (this.underWay === undefined) await this.begin();
    const { unit } = this;
    await settle(
      this.underWay!.map(([cache, eviction]) => finishInUnit(cache, { eviction, unit }, evicted)),
    );
  }

  /** What should have been evicted is not known: what was guarded is invalid when the guards end. */
  private lapse(): void {
    for (const [, eviction] of this.underWay ?? []) eviction.lapse();
  }

  async abandon(): Promise<void> {
    const { tagsUnderWay, underWay = [] } = this;
    this.tagsUnderWay = this.underWay = undefined;
    await settle([
      ...(tagsUnderWay ? [tagsUnderWay.abandon()] : []),
      ...underWay.map(([, eviction]) => eviction.abandon()),
    ]);
  }

  /** Where the result named the tags, the caches that bear them were guarded instead: until it is done. */
  private async finishTags(tags: readonly string[]): Promise<void> {
    const guards = (this.underWay ?? []).map(([, guard]) => guard);
    const eviction = this.tagsUnderWay ?? (await this.tags.begin(undefined, this.step.method));
    const lift = () => Promise.all(guards.map((guard) => guard.abandon()));
    const underWay: TagEvictionUnderWay = {
      async finish(evicted) {
        let isDone = false;
        try {
          isDone = await eviction.finish(evicted);
        } finally {
          if (isDone) await lift();
          else for (const guard of guards) guard.lapse();
        }
        return isDone;
      },
      async abandon() {
        await eviction.abandon();
        await lift();
      },
    };
    await evictTagsInUnit(tags, this.tags, { underWay, unit: this.unit });
  }
}

class PendingPutOf implements PendingPut {
  readonly writes: PendingPut['writes'];
  private readonly caches: readonly NamedCache[];
  private readonly text: string | undefined;
  private readonly options: KeepOptions;
  private begun: (readonly [NamedCache, FencedPut])[] = [];
  private decision: { readonly text: string | undefined; readonly loaded: Loaded } | undefined;
  private handlerError: HandlerError | undefined;

  constructor(
    private readonly step: Step<'put'>,
    private readonly call: Call,
  ) {
    this.caches = step.caches(call);
    this.text = step.text(call);
    this.options = step.keepOptions(call);
    this.writes = this.caches.map((cache) => ({ cache, text: this.text }));
  }

  async begin(): Promise<void> {
    const { step, call, text } = this;
    await settle(
      this.caches.map(async (cache) => {
        const { tags, lateTags = false } = step.ask(call, text ?? '', cache);
        const ask = { tags, lateTags, ...(text === undefined ? {} : { text }) };
        this.begun.push([cache, await cache.beginPut(ask, step.method)]);
      }),
    );
  }

  decide(loaded: Loaded): boolean {
    const { step, call, text } = this;
    const { value } = loaded;
    // Where an option fails, what is there may be untrue by now, and goes.
    this.decision = { text, loaded: { ...loaded, unshared: true } };
    const { isDecided, handlerError } = reporting(step, this.caches[0]!.recorder, () => {
      // Spring's order: a condition or unless may rule out the very result that has no key.
      const applies = step.appliesTo(call, value) && !this.options.unless?.(loaded);
      const decided = applies ? (text ?? step.textOf(call, value)) : undefined;
      this.decision = { text: decided, loaded };
    });
    if (!isDecided && text === undefined) this.decideByKey(loaded);
    this.handlerError = handlerError;
    return this.decision.text !== undefined;
  }

  /** The key alone may be made of the result, though the option that failed was another. */
  private decideByKey(loaded: Loaded): void {
    try {
      const text = this.step.textOf(this.call, loaded.value);
      this.decision = { text, loaded: { ...loaded, unshared: true } };
    } catch {
      // Told already, if it is the same; nothing is known of what the put would have replaced.
    }
  }

  async finish(): Promise<void> {
    const { step, handlerError } = this;
    const { text, loaded } = this.decision!;
    const { unless: _, ...options } = this.options;
    if (text === undefined) await this.abandon();
    else {
      await settle(
        this.begun.map(([cache, put]) =>
          putInUnit(cache, put, { text, loaded, options: step.keepOptionsIn(cache, options) }),
        ),
      );
    }
    if (handlerError !== undefined) throw handlerError.error;
  }

  async abandon(): Promise<void> {
    const puts = this.begun.splice(0);
    await settle(puts.map(([, put]) => put.abandon()));
  }
}

function isTags(evicted: Evicted): evicted is { readonly tags: readonly string[] } {
  return typeof evicted === 'object' && 'tags' in evicted;
}

/** What the error handler threw: it fails the call, once all writes are done. */
interface HandlerError {
  readonly error: unknown;
}

/** After the method, an option function that fails is reported; it costs neither the value nor the other operations. */
function reporting(
  { kind, method }: Pick<Step, 'kind' | 'method'>,
  recorder: CacheRecorder,
  decide: () => void,
): { readonly isDecided: boolean; readonly handlerError?: HandlerError } {
  try {
    decide();
    return { isDecided: true };
  } catch (failure) {
    if (!(failure instanceof CacheError))
      return { isDecided: false, handlerError: { error: failure } };
    try {
      recorder.failed(failure, { operation: kind === 'evict' ? 'evict' : 'put', method });
    } catch (error) {
      return { isDecided: false, handlerError: { error } };
    }
    return { isDecided: false };
  }
}
