import type { Entry } from '../entry/cache.entry.js';
import { CacheSerializationError } from '../errors/cache.errors.js';
import type { MemoryTier } from '../memory/memory.tier.js';
import type { CacheStore, Found } from '../store/cache.store.js';
import type { Clock } from '../time/clock.js';
import type { Random } from '../time/jitter.js';
import { CacheEvictions } from './cache.evictions.js';
import type { CachePolicy } from './cache.policy.js';
import type { CacheRecorder } from './cache.recorder.js';
import { CacheWrites } from './cache.writes.js';
import { EntryMaker, type KeepOptions } from './entry.maker.js';
import { InFlight, type Loaded } from './in.flight.js';

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

/**
 * One cache, on encoded keys: its tiers behind one way to find, one to write and one to evict.
 * A failure of a tier goes to the error handler and is otherwise a miss, or a write that did not
 * happen; only what the handler throws comes out of here.
 */
export class NamedCache {
  readonly inFlight = new InFlight();
  readonly writes: CacheWrites;
  readonly evictions: CacheEvictions;
  readonly policy: CachePolicy;
  readonly recorder: CacheRecorder;
  readonly closing: AbortSignal;
  private readonly maker: EntryMaker;
  private readonly memory: MemoryTier;
  private readonly store: CacheStore;
  private readonly clock: Clock;

  constructor(
    readonly name: string,
    parts: NamedCacheParts,
  ) {
    const { policy, recorder, closing, memory, store, clock } = parts;
    const { inFlight } = this;
    this.policy = policy;
    this.recorder = recorder;
    this.closing = closing;
    this.memory = memory;
    this.store = store;
    this.clock = clock;
    const maker = new EntryMaker({ ...parts, where: `cache '${name}'` });
    this.maker = maker;
    this.evictions = new CacheEvictions({ memory, store, recorder, inFlight });
    this.writes = new CacheWrites({ ...parts, maker, inFlight, evictions: this.evictions });
  }

  /** The live entry in memory, without a turn of the event loop. Counts a hit, but no miss. */
  findInMemory(text: string): Entry | undefined {
    const entry = this.memory.get(text, this.clock.now());
    if (entry !== undefined) this.recorder.hit(text, 'memory');
    return entry;
  }

  /** The live entry from the nearest tier that has it; undefined on a miss, and where the tier failed. */
  async find(text: string, method?: string): Promise<Entry | undefined> {
    return this.findInMemory(text) ?? this.findShared(text, method);
  }

  /** The rest of `find`, where {@link findInMemory} was asked before. */
  async findShared(text: string, method?: string): Promise<Entry | undefined> {
    let found: Found;
    try {
      found = await this.store.get(text);
    } catch (error) {
      this.recorder.failed(error, { operation: 'get', method, key: text });
      return undefined;
    }
    return this.judge(text, found, method);
  }

  /** `find` for many keys, in one round trip. */
  async findMany(texts: readonly string[], method?: string): Promise<(Entry | undefined)[]> {
    const entries = texts.map((text) => this.findInMemory(text));
    const missing = texts.filter((_, i) => entries[i] === undefined);
    if (missing.length === 0) return entries;
    let found: Found[];
    try {
      found = await this.store.getMany(missing);
    } catch (error) {
      this.recorder.failed(error, { operation: 'get', method });
      return entries;
    }
    const rest = found.map((entry, i) => this.judge(missing[i]!, entry, method)).values();
    return entries.map((entry) => entry ?? rest.next().value);
  }

  /** Whether concurrent calls for one key run one load: as the operation says, else as the cache does. */
  sharesLoads({ singleFlight }: { readonly singleFlight?: false | 'process' }): boolean {
    return singleFlight === undefined ? this.policy.singleFlight : singleFlight !== false;
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

  /** Stores unless there is a live entry, and then answers with that one. Of a value that is not cached it is a `find`. */
  putIfAbsent(text: string, loaded: Loaded, options: KeepOptions): Promise<Entry | undefined> {
    return this.maker.refuses(loaded.value)
      ? this.find(text, options.method)
      : this.writes.putIfAbsent(text, loaded, options);
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

  /** Counts the hit, miss or failure that an answer of the shared tier is. */
  private judge(text: string, found: Found, method: string | undefined): Entry | undefined {
    if (found instanceof CacheSerializationError) {
      this.recorder.failed(found, { operation: 'get', method, key: text });
      return undefined;
    }
    if (found === undefined || found.expiresAt <= this.clock.now()) {
      this.recorder.miss(text);
      return undefined;
    }
    this.recorder.hit(text, 'shared');
    return found;
  }
}
