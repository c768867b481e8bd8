import { CacheTransaction } from '../coherence/cache.transaction.js';
import type { Evicted } from '../coherence/journal.js';
import { CacheSerializationError } from '../errors/cache.errors.js';
import type { Ask, CacheStore, Lease, Unkeyed } from '../store/cache.store.js';
import {
  type CacheEvictions,
  type EvictionUnderWay,
  unacknowledged,
  unprepared,
} from './cache.evictions.js';
import type { CachePolicy } from './cache.policy.js';
import type { CacheRecorder } from './cache.recorder.js';
import type { CacheWrites } from './cache.writes.js';
import type { EntryMaker, KeepOptions } from './entry.maker.js';
import type { Loaded } from './flight.js';

export interface FencedPutParts {
  readonly policy: CachePolicy;
  readonly store: CacheStore;
  readonly recorder: CacheRecorder;
  readonly maker: EntryMaker;
  readonly writes: CacheWrites;
  readonly evictions: CacheEvictions;
  /** Names the cache in errors. */
  readonly where: string;
  /** Told what could neither be stored nor removed. */
  readonly hold: (evicted: Evicted) => void;
}

/** What is known of a put before its method. Without a text the result names the key. */
export type PutAsk = Omit<Ask, 'text'> & { readonly text?: string };

/** What stands between the two phases: the lease, what was read instead of it, or nothing where that failed. */
type FirstPhase =
  | { readonly kind: 'lease'; readonly lease: Lease }
  | { readonly kind: 'unkeyed'; readonly unkeyed: Unkeyed }
  | { readonly kind: 'guard'; readonly eviction: EvictionUnderWay }
  | { readonly kind: 'failed' };

/**
 * A put around the method that makes its value, so that it is in order with other writes: whatever
 * invalidates the entry meanwhile, or is written beside it, keeps the value out. What the put cannot
 * store it removes, since what is there is no longer true.
 */
export class FencedPut {
  private constructor(
    private readonly parts: FencedPutParts,
    private readonly ask: PutAsk,
    private readonly phase: {
      readonly first: FirstPhase;
      /** The unit of work that it was begun in. */
      readonly unit: CacheTransaction | undefined;
    },
  ) {}

  /** The unit of work it is part of, be that over by now. */
  get unit(): CacheTransaction | undefined {
    return this.phase.unit;
  }

  /** @throws CacheUnavailableError in strict mode, where the first phase failed: the method must not run */
  static async begin(parts: FencedPutParts, ask: PutAsk, method?: string): Promise<FencedPut> {
    const { policy, store, recorder, evictions, where } = parts;
    const { text, tags, lateTags = false } = ask;
    const unit = CacheTransaction.current();
    const begun = (first: FirstPhase) => new FencedPut(parts, ask, { first, unit });
    if (policy.strict && text === undefined) {
      const eviction = await evictions.begin(undefined, method);
      return begun({ kind: 'guard', eviction });
    }
    try {
      const first: FirstPhase =
        text === undefined
          ? { kind: 'unkeyed', unkeyed: await store.beginUnkeyed(tags, lateTags) }
          : { kind: 'lease', lease: await store.begin({ ...ask, text }, policy.strict) };
      return begun(first);
    } catch (error) {
      recorder.failed(error, { operation: 'put', method, key: text });
      if (policy.strict) throw unprepared(method ?? where, error);
      return begun({ kind: 'failed' });
    }
  }

  /**
   * Stores the value, or removes what it should have replaced; failures are reported.
   *
   * @throws CacheUnavailableError where neither could be acknowledged, under `onEvictFailure: 'throw'`
   */
  async finish(text: string, loaded: Loaded, options: KeepOptions): Promise<void> {
    const unstorable = await this.store(text, loaded, options);
    if (unstorable === undefined) return;
    const { recorder } = this.parts;
    recorder.failed(unstorable, { operation: 'put', method: options.method, key: text });
  }

  /** As `finish`; answers with the error for a value that cannot be stored, untold. */
  async store(
    text: string,
    loaded: Loaded,
    options: KeepOptions,
  ): Promise<CacheSerializationError | undefined> {
    const { parts, phase } = this;
    const { first } = phase;
    const { evictions, recorder, policy, where, hold } = parts;
    if (first.kind === 'guard') return void (await first.eviction.finish({ texts: [text] }));
    if (first.kind === 'failed')
      return void (await evictions.evict({ texts: [text] }, options.method));
    try {
      return await this.conclude(text, loaded, options);
    } catch (error) {
      hold({ texts: [text] });
      recorder.failed(error, { operation: 'put', method: options.method, key: text });
      if (policy.onEvictFailure === 'throw') throw unacknowledged(options.method ?? where, error);
      return undefined;
    }
  }

  /** The method failed, or brought nothing to be stored: what is there stays. */
  async abandon(): Promise<void> {
    const { parts, phase } = this;
    const { first } = phase;
    if (first.kind === 'guard') await first.eviction.abandon();
    // A lease that cannot be given up ends by itself.
    if (first.kind === 'lease') await parts.store.abandon(first.lease).catch(() => undefined);
  }

  private async conclude(
    text: string,
    loaded: Loaded,
    options: KeepOptions,
  ): Promise<CacheSerializationError | undefined> {
    const { store, maker, writes, recorder, evictions } = this.parts;
    const site = { operation: 'put', method: options.method, key: text } as const;
    const lease = await this.leaseOf(text).catch((error: unknown) => {
      recorder.failed(error, site);
      return undefined;
    });
    if (lease === undefined) return void (await evictions.evict({ texts: [text] }, options.method));
    const { write, failure } = this.made(text, loaded, options);
    let unstorable: CacheSerializationError | undefined;
    try {
      const stored = await store.finish(lease, write);
      if (typeof stored !== 'boolean') recorder.failed(stored, site);
      else if (write !== undefined && stored) writes.recordPut(write);
      else if (write !== undefined) recorder.lostLease(text);
    } catch (error) {
      if (!(error instanceof CacheSerializationError)) throw error;
      unstorable = error;
    }
    if (failure !== undefined) recorder.failed(failure, site);
    if (write === undefined && maker.refuses(loaded.value, options)) recorder.evicted(0, text);
    return unstorable;
  }

  /** The entry; a function of the application that fails costs the entry, not the write. */
  private made(text: string, loaded: Loaded, options: KeepOptions) {
    try {
      const ask = { text, tags: this.ask.tags };
      return { write: this.parts.maker.make({ ask, loaded, options }), failure: undefined };
    } catch (failure) {
      return { write: undefined, failure };
    }
  }

  private async leaseOf(text: string): Promise<Lease> {
    const { first } = this.phase;
    if (first.kind === 'lease') return first.lease;
    const { unkeyed } = first as Extract<FirstPhase, { kind: 'unkeyed' }>;
    return this.parts.store.keyed(unkeyed, text);
  }
}
