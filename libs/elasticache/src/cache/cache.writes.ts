import type { Entry } from '../entry/cache.entry.js';
import { CacheSerializationError } from '../errors/cache.errors.js';
import type { MemoryTier } from '../memory/memory.tier.js';
import type { CacheStore, StoreWrite } from '../store/cache.store.js';
import type { Clock } from '../time/clock.js';
import type { CacheEvictions } from './cache.evictions.js';
import type { CacheRecorder } from './cache.recorder.js';
import type { EntryMaker, Keep, KeepOptions } from './entry.maker.js';
import type { InFlight, Loaded, Slot } from './in.flight.js';

export interface CacheWritesParts {
  readonly maker: EntryMaker;
  readonly memory: MemoryTier;
  readonly store: CacheStore;
  readonly recorder: CacheRecorder;
  readonly evictions: CacheEvictions;
  readonly inFlight: InFlight;
  readonly clock: Clock;
}

/** What came of a write that must not replace anything. */
interface IfAbsent {
  readonly existing?: Entry;
  /** Bytes found in the way, which could not be read. */
  readonly unreadable?: CacheSerializationError | undefined;
}

interface Unstorable {
  readonly text: string;
  readonly error: CacheSerializationError;
}

/**
 * Every way into the tiers of one cache: the shared tier first, own memory once it has
 * acknowledged, and neither if an invalidation came between.
 */
export class CacheWrites {
  constructor(private readonly parts: CacheWritesParts) {}

  /** Stores what came of a load. A failure, one of the application's functions included, is reported. */
  async keep(keep: Keep): Promise<void> {
    try {
      await this.write(keep);
    } catch (error) {
      this.failed(error, keep.options, keep.text);
    }
  }

  /** `keep` for many keys, in one round trip; what cannot be stored does not keep the others out. */
  async keepMany(keeps: readonly Keep[]): Promise<void> {
    const options = keeps[0]?.options ?? {};
    for (const { text, error } of await this.storeAll(this.makeAll(keeps), options)) {
      this.failed(error, options, text);
    }
  }

  /**
   * Stores the value now.
   *
   * @throws CacheSerializationError for a value that cannot be stored, and nothing else: that is the caller's bug
   */
  async put(text: string, loaded: Loaded, options: KeepOptions): Promise<void> {
    const unstorable = await this.replace(text, loaded, options);
    if (unstorable !== undefined) throw unstorable;
  }

  /**
   * `put` for a decorated method, whose result is no bug of its caller: everything is reported.
   * Where the result cannot be stored, what it should have replaced is evicted.
   */
  async putResult(text: string, loaded: Loaded, options: KeepOptions): Promise<void> {
    const unstorable = loaded.unshared ? undefined : await this.replace(text, loaded, options);
    if (unstorable !== undefined) this.failed(unstorable, options, text);
    if (unstorable !== undefined || loaded.unshared) {
      await this.parts.evictions.evict([text], options.method);
    }
  }

  /** `put` for many keys, in one round trip. */
  async putMany(values: ReadonlyMap<string, unknown>, options: KeepOptions): Promise<void> {
    const { maker, inFlight, evictions } = this.parts;
    const refused = [...values].flatMap(([text, value]) => (maker.refuses(value) ? [text] : []));
    if (refused.length > 0) await evictions.evict(refused, options.method);
    const keeps = [...values].flatMap(([text, value]) =>
      maker.refuses(value) ? [] : [{ text, slot: this.enter(text), loaded: { value }, options }],
    );
    try {
      const [unstorable] = await this.storeAll(this.makeAll(keeps), options);
      if (unstorable !== undefined) throw unstorable.error;
    } finally {
      for (const { text, slot } of keeps) inFlight.leave(text, slot);
    }
  }

  /**
   * Stores unless there is a live entry, and then answers with that one.
   *
   * @throws CacheSerializationError as `put`
   */
  async putIfAbsent(
    text: string,
    loaded: Loaded,
    options: KeepOptions,
  ): Promise<Entry | undefined> {
    let answer: IfAbsent = {};
    const unstorable = await this.entering(text, options, async (slot) => {
      const write = this.parts.maker.make({ text, slot, loaded, options });
      if (write !== undefined) answer = await this.writeIfAbsent(write);
    });
    if (unstorable !== undefined) throw unstorable;
    if (answer.unreadable !== undefined) this.failed(answer.unreadable, options, text);
    return answer.existing;
  }

  private async writeIfAbsent(write: StoreWrite): Promise<IfAbsent> {
    const { memory, store, recorder, clock } = this.parts;
    const inMemory = memory.get(write.text, clock.now());
    if (inMemory !== undefined) return { existing: inMemory };
    // Memory first and in this turn, so that of two callers in one process one finds the other's.
    memory.set(write.text, write.entry, clock.now());
    let unreadable: CacheSerializationError | undefined;
    for (;;) {
      const found = await store.setIfAbsent(write);
      if (found === undefined) {
        recorder.put(write.text, write.ttlMs);
        return { unreadable };
      }
      if (found instanceof CacheSerializationError) {
        unreadable = found; // and removed: the place is free
      } else if (found.expiresAt > clock.now()) {
        memory.delete(write.text);
        return { existing: found, unreadable };
      } else {
        await store.delete([write.text]); // kept alive by reads of a time to idle, and dead all the same
      }
    }
  }

  private async replace(text: string, loaded: Loaded, options: KeepOptions) {
    if (!this.parts.maker.refuses(loaded.value)) {
      return this.entering(text, options, (slot) => this.write({ text, slot, loaded, options }));
    }
    await this.parts.evictions.evict([text], options.method);
    return undefined;
  }

  /** Runs a put in a slot of its own. Answers with the error for a value that cannot be stored. */
  private async entering(
    text: string,
    options: KeepOptions,
    write: (slot: Slot) => Promise<void>,
  ): Promise<CacheSerializationError | undefined> {
    const slot = this.enter(text);
    try {
      await write(slot);
    } catch (error) {
      if (error instanceof CacheSerializationError) return error;
      this.failed(error, options, text);
    } finally {
      this.parts.inFlight.leave(text, slot);
    }
    return undefined;
  }

  /** A put beats the loads in flight that began before it. */
  private enter(text: string): Slot {
    this.parts.inFlight.invalidate(text);
    return this.parts.inFlight.takeOff(text);
  }

  /** The entries to be written; a function of the application that fails is reported, and costs its own alone. */
  private makeAll(keeps: readonly Keep[]): StoreWrite[] {
    return keeps.flatMap((keep) => {
      try {
        return this.parts.maker.make(keep) ?? [];
      } catch (error) {
        this.failed(error, keep.options, keep.text);
        return [];
      }
    });
  }

  private async write(keep: Keep): Promise<void> {
    const write = this.parts.maker.make(keep);
    if (write !== undefined && (await this.parts.store.set(write))) this.remember(write);
  }

  /** Answers with the writes whose value cannot be stored; a failure of the tier is reported. */
  private async storeAll(
    writes: readonly StoreWrite[],
    options: KeepOptions,
  ): Promise<Unstorable[]> {
    if (writes.length === 0) return [];
    let outcomes: readonly (boolean | CacheSerializationError)[] = [];
    try {
      outcomes = await this.parts.store.setMany(writes);
    } catch (error) {
      this.failed(error, options);
    }
    return writes.flatMap((write, i) => this.concluded(write, outcomes[i] ?? false));
  }

  private concluded(write: StoreWrite, outcome: boolean | CacheSerializationError): Unstorable[] {
    const { text } = write;
    if (outcome instanceof CacheSerializationError) return [{ text, error: outcome }];
    try {
      if (outcome) this.remember(write);
      return [];
    } catch (error) {
      if (error instanceof CacheSerializationError) return [{ text, error }];
      throw error;
    }
  }

  private remember(write: StoreWrite): void {
    if (!write.wanted()) return;
    const { memory, recorder, clock } = this.parts;
    if (memory.set(write.text, write.entry, clock.now())) recorder.put(write.text, write.ttlMs);
  }

  private failed(error: unknown, { method }: KeepOptions, key?: string): void {
    this.parts.recorder.failed(error, { operation: 'put', method, key });
  }
}
