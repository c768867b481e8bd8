import type { CacheStore, Found, StoreWrite } from '../store/cache.store.js';
import {
  CacheError,
  CacheSerializationError,
  CacheUnavailableError,
  evaluated,
} from '../errors/cache.errors.js';
import type { Entry } from '../entry/cache.entry.js';
import type { Glob } from '../key/glob.js';
import type { MemoryTier } from '../memory/memory.tier.js';
import type { Clock } from '../time/clock.js';
import { type Duration, parseDuration } from '../time/duration.js';
import { type Random, shortened } from '../time/jitter.js';
import type { CachePolicy } from './cache.policy.js';
import type { CacheRecorder } from './cache.recorder.js';
import type { CacheErrorContext } from './cache.js';
import { InFlight, type Loaded, type Slot } from './in.flight.js';

export interface NamedCacheParts {
  readonly policy: CachePolicy;
  readonly memory: MemoryTier;
  readonly store: CacheStore;
  readonly recorder: CacheRecorder;
  readonly clock: Clock;
  readonly random: Random;
  /** Aborted when the application shuts down. */
  readonly closing: AbortSignal;
}

/** How one write differs from what the cache does by itself. */
export interface KeepOptions {
  readonly ttl?: ((loaded: Loaded) => Duration | undefined) | undefined;
  readonly unless?: ((loaded: Loaded) => boolean) | undefined;
  /** The decorated method, for error reports. */
  readonly method?: string | undefined;
}

/** Where a failure happened, for its report. */
interface FailureSite {
  readonly method?: string | undefined;
  readonly key?: string | undefined;
}

/** One invalidation, as each part of the cache has to do it. */
interface Invalidation {
  readonly detach: () => void;
  readonly shared: () => Promise<number>;
  readonly memory: () => number;
}

interface Unstorable {
  readonly text: string;
  readonly error: CacheSerializationError;
}

/** A value on its way into the tiers: its key, and the slot it entered before the value was made. */
export interface Keep {
  readonly text: string;
  readonly slot: Slot;
  readonly loaded: Loaded;
  readonly options: KeepOptions;
}

/**
 * One cache, on encoded keys: its tiers behind one way to find, one to keep and one to evict.
 * A failure of a tier goes to the error handler and is otherwise a miss, or a write that did not
 * happen; only what the handler throws comes out of here.
 */
export class NamedCache {
  readonly inFlight = new InFlight();
  readonly policy: CachePolicy;
  readonly recorder: CacheRecorder;
  readonly closing: AbortSignal;
  private readonly memory: MemoryTier;
  private readonly store: CacheStore;
  private readonly clock: Clock;
  private readonly random: Random;

  constructor(
    readonly name: string,
    parts: NamedCacheParts,
  ) {
    this.policy = parts.policy;
    this.recorder = parts.recorder;
    this.closing = parts.closing;
    this.memory = parts.memory;
    this.store = parts.store;
    this.clock = parts.clock;
    this.random = parts.random;
  }

  /** The live entry in memory, without a turn of the event loop. Counts a hit, but no miss. */
  findInMemory(text: string): Entry | undefined {
    const entry = this.memory.get(text, this.clock.now());
    if (entry !== undefined) this.recorder.hit(text, 'memory');
    return entry;
  }

  /** The live entry from the nearest tier that has it; undefined on a miss, and where the tier failed. */
  async find(text: string, method?: string): Promise<Entry | undefined> {
    const entry = this.findInMemory(text);
    if (entry !== undefined) return entry;
    const found = await this.ask([text], method, () => this.store.get(text));
    return found.ok ? this.judge(text, found.value, method) : undefined;
  }

  /** `find` for many keys, in one round trip. */
  async findMany(texts: readonly string[], method?: string): Promise<(Entry | undefined)[]> {
    const entries = texts.map((text) => this.findInMemory(text));
    const missing = texts.filter((_, i) => entries[i] === undefined);
    if (missing.length === 0) return entries;
    const found = await this.ask(missing, method, () => this.store.getMany(missing));
    if (!found.ok) return entries;
    const rest = found.value.map((entry, i) => this.judge(missing[i]!, entry, method)).values();
    return entries.map((entry) => entry ?? rest.next().value);
  }

  /** The value of an entry found here, as a caller may have it. */
  handOut(entry: Entry): unknown {
    return this.memory.handOut(entry);
  }

  /** A loaded value as someone other than its loader's caller may have it; itself where it cannot be copied. */
  copyForJoiner(value: unknown): unknown {
    try {
      return this.memory.copy(value);
    } catch (error) {
      if (error instanceof CacheSerializationError) return value;
      throw error;
    }
  }

  /** Stores what came of a load or a decorated method. A failure, the application's functions included, is reported. */
  async keep(keep: Keep): Promise<void> {
    try {
      await this.write(keep);
    } catch (error) {
      this.failed(error, 'put', { method: keep.options.method, key: keep.text });
    }
  }

  /** `keep` for many keys, in one round trip; what cannot be stored does not keep the others out. */
  async keepMany(keeps: readonly Keep[]): Promise<void> {
    const method = keeps[0]?.options.method;
    const writes: StoreWrite[] = [];
    for (const keep of keeps) {
      try {
        const write = this.prepare(keep);
        if (write !== undefined) writes.push(write);
      } catch (error) {
        this.failed(error, 'put', { method, key: keep.text });
      }
    }
    try {
      for (const { text, error } of await this.storeAll(writes)) {
        this.failed(error, 'put', { method, key: text });
      }
    } catch (error) {
      this.failed(error, 'put', { method });
    }
  }

  /** Stores the value now. Only a value that cannot be stored rejects: that is the caller's bug. */
  async put(text: string, loaded: Loaded, options: KeepOptions): Promise<void> {
    const unstorable = await this.replace(text, loaded, options);
    if (unstorable !== undefined) throw unstorable;
  }

  /** `put` for a decorated method, whose result is no bug of its caller: everything is reported. */
  async putResult(text: string, loaded: Loaded, options: KeepOptions): Promise<void> {
    const unstorable = await this.replace(text, loaded, options);
    if (unstorable !== undefined) {
      this.failed(unstorable, 'put', { method: options.method, key: text });
    }
  }

  async putMany(values: readonly (readonly [string, unknown])[], options: KeepOptions) {
    const refused = values.filter(([, value]) => this.refuses(value)).map(([text]) => text);
    if (refused.length > 0) await this.evict(refused, options.method);
    const keeps = values.flatMap(([text, value]) => {
      if (this.refuses(value)) return [];
      this.inFlight.invalidate(text);
      return [{ text, slot: this.inFlight.takeOff(text), loaded: { value }, options }];
    });
    try {
      const [unstorable] = await this.storeAll(keeps.map((keep) => this.prepare(keep)!));
      if (unstorable !== undefined) throw unstorable.error;
    } catch (error) {
      if (error instanceof CacheSerializationError) throw error;
      this.failed(error, 'put', { method: options.method });
    } finally {
      for (const { text, slot } of keeps) this.inFlight.leave(text, slot);
    }
  }

  /** Stores unless there is a live entry, and then answers with that one. */
  async putIfAbsent(
    text: string,
    value: unknown,
    options: KeepOptions,
  ): Promise<Entry | undefined> {
    if (this.refuses(value)) return this.find(text, options.method);
    let existing: Found = this.memory.get(text, this.clock.now());
    if (existing !== undefined) return existing;
    const unstorable = await this.putting(text, options.method, async (slot) => {
      const write = this.prepare({ text, slot, loaded: { value }, options })!;
      // Memory first and in this turn, so that of two callers in one process one finds the other's.
      this.memory.set(text, write.entry, this.clock.now());
      do {
        existing = await this.store.setIfAbsent(write);
      } while (existing instanceof CacheSerializationError); // unreadable, and removed: the place is free
      if (existing === undefined) this.recorder.put(text, write.ttlMs);
      else this.memory.delete(text);
    });
    if (unstorable !== undefined) throw unstorable;
    return existing;
  }

  /** How many entries were removed, or undefined if that could not be acknowledged. */
  async evict(texts: readonly string[], method?: string): Promise<number | undefined> {
    const key = texts.length === 1 ? texts[0] : undefined;
    return this.invalidate(
      { operation: 'evict', method, key },
      {
        detach: () => texts.forEach((text) => this.inFlight.invalidate(text)),
        shared: () => this.store.delete(texts),
        memory: () => texts.filter((text) => this.memory.delete(text)).length,
      },
    );
  }

  /** `evict` for every entry whose encoded key matches; without a pattern, for all of them. */
  async evictMatching(glob?: Glob, method?: string): Promise<number | undefined> {
    if (glob?.exact !== undefined) return this.evict([glob.exact], method);
    return this.invalidate(
      { operation: glob === undefined ? 'clear' : 'evict', method },
      {
        detach: () => this.inFlight.invalidateMatching(glob),
        shared: () => this.store.deleteMatching(glob),
        memory: () => this.memory.deleteMatching(glob),
      },
    );
  }

  /** Counts a load and its time. */
  async timed<T>(text: string, load: () => Promise<T>): Promise<T> {
    const start = this.clock.now();
    let failed = true;
    try {
      const value = await load();
      failed = false;
      return value;
    } finally {
      this.recorder.loaded(text, this.clock.now() - start, failed);
    }
  }

  /** Reports a failure that came after the method: an option function's, or a tier's. */
  failed(error: unknown, operation: CacheErrorContext['operation'], where: FailureSite): void {
    const { method, key } = where;
    const failure = error instanceof CacheError ? error : this.unexpected(error);
    this.recorder.failed(failure, {
      operation,
      ...(method === undefined ? {} : { method }),
      ...(key === undefined ? {} : { key }),
    });
  }

  private async ask<T>(
    texts: readonly string[],
    method: string | undefined,
    read: () => Promise<T>,
  ): Promise<{ ok: true; value: T } | { ok: false }> {
    try {
      return { ok: true, value: await read() };
    } catch (error) {
      this.failed(error, 'get', { method, key: texts.length === 1 ? texts[0] : undefined });
      return { ok: false };
    }
  }

  /** Counts the hit or miss that an answer of the shared tier is. */
  private judge(text: string, entry: Found, method: string | undefined): Entry | undefined {
    if (entry instanceof CacheSerializationError) {
      this.failed(entry, 'get', { method, key: text });
      return undefined;
    }
    if (entry === undefined || entry.expiresAt <= this.clock.now()) {
      this.recorder.miss(text);
      return undefined;
    }
    this.recorder.hit(text, 'shared');
    return entry;
  }

  private refuses(value: unknown): boolean {
    return this.policy.nulls === 'refused' && (value === null || value === undefined);
  }

  private async replace(text: string, loaded: Loaded, options: KeepOptions) {
    if (!this.refuses(loaded.value)) {
      return this.putting(text, options.method, (slot) =>
        this.write({ text, slot, loaded, options }),
      );
    }
    await this.evict([text], options.method);
    return undefined;
  }

  /** A put beats the loads in flight that began before it. Answers with the error for a value that cannot be stored. */
  private async putting(
    text: string,
    method: string | undefined,
    write: (slot: Slot) => Promise<void>,
  ): Promise<CacheSerializationError | undefined> {
    this.inFlight.invalidate(text);
    const slot = this.inFlight.takeOff(text);
    try {
      await write(slot);
    } catch (error) {
      if (error instanceof CacheSerializationError) return error;
      this.failed(error, 'put', { method, key: text });
    } finally {
      this.inFlight.leave(text, slot);
    }
    return undefined;
  }

  private async write(keep: Keep): Promise<void> {
    const write = this.prepare(keep);
    if (write !== undefined && (await this.store.set(write))) this.remember(write);
  }

  /** Answers with the writes whose value cannot be stored; all others are. */
  private async storeAll(writes: readonly StoreWrite[]): Promise<Unstorable[]> {
    const unstorable: Unstorable[] = [];
    const outcomes = await this.store.setMany(writes);
    for (const [i, write] of writes.entries()) {
      try {
        const outcome = outcomes[i];
        if (outcome instanceof CacheSerializationError) throw outcome;
        if (outcome) this.remember(write);
      } catch (error) {
        if (!(error instanceof CacheSerializationError)) throw error;
        unstorable.push({ text: write.text, error });
      }
    }
    return unstorable;
  }

  private remember(write: StoreWrite): void {
    if (!write.wanted()) return;
    this.memory.set(write.text, write.entry, this.clock.now());
    this.recorder.put(write.text, write.ttlMs);
  }

  /** The write, or undefined for what is not to be stored. */
  private prepare({ text, slot, loaded, options }: Keep): StoreWrite | undefined {
    if (loaded.unshared || this.isRefused(loaded, options)) return undefined;
    const lifetimeMs = this.lifetimeMs(text, loaded, options);
    const ttlMs = shortened(lifetimeMs, this.policy.jitter, this.random);
    const createdAt = this.clock.now();
    const { value, emissions } = loaded;
    const entry = { value, createdAt, expiresAt: createdAt + ttlMs };
    return {
      text,
      ttlMs,
      entry: emissions ? { ...entry, emissions } : entry,
      wanted: () => slot.valid,
    };
  }

  private isRefused(loaded: Loaded, { unless, method }: KeepOptions): boolean {
    if (this.refuses(loaded.value)) return true;
    return (
      unless !== undefined &&
      evaluated(method ?? this.where, 'unless', () => unless(loaded)) === true
    );
  }

  private lifetimeMs(text: string, loaded: Loaded, { ttl, method }: KeepOptions): number {
    const { value } = loaded;
    const { nulls, ttl: standard } = this.policy;
    if ((value === null || value === undefined) && typeof nulls === 'number') return nulls;
    const chosen = evaluated(method ?? this.where, 'ttl', () => {
      return (
        ttl?.(loaded) ??
        (typeof standard === 'function' ? standard({ key: text, value }) : standard)
      );
    });
    const ttlMs = parseDuration(chosen);
    if (ttlMs !== undefined) return ttlMs;
    throw new CacheError('CACHE_OPTION_VALUE', {
      where: method ?? this.where,
      option: 'ttl',
      problem: 'answered with something that is not a positive duration',
    });
  }

  /** The shared tier first, own memory after its acknowledgement and whatever it said; loads in flight before and after. */
  private async invalidate(
    site: FailureSite & { readonly operation: 'evict' | 'clear' },
    { detach, shared, memory }: Invalidation,
  ): Promise<number | undefined> {
    detach();
    try {
      const removed = await shared();
      return this.evicted(removed, memory(), site.key);
    } catch (error) {
      memory();
      this.failed(error, site.operation, site);
      return undefined;
    } finally {
      detach();
    }
  }

  private evicted(shared: number, memory: number, key: string | undefined): number {
    const removed = Math.max(shared, memory);
    this.recorder.evicted(removed, key);
    return removed;
  }

  /** Nothing but a bug of ours gets here; not even that may cost the application its value. */
  private unexpected(error: unknown): CacheError {
    const problem = `unexpectedly: ${String(error)}`;
    return new CacheUnavailableError('CACHE_UNAVAILABLE', { where: this.where, problem }, error);
  }

  private get where(): string {
    return `cache '${this.name}'`;
  }
}
