import type { Entry } from '../entry/cache.entry.js';
import { CacheSerializationError } from '../errors/cache.errors.js';
import type { Ask, CacheStore, Lease, StoreWrite } from '../store/cache.store.js';
import type { CacheEvictions } from './cache.evictions.js';
import type { CacheRecorder } from './cache.recorder.js';
import type { EntryMaker, KeepOptions, Made } from './entry.maker.js';
import type { Loaded } from './flight.js';
import { type Inheritance, seenTags, type TagSource } from './inheritance.js';

export interface CacheWritesParts {
  readonly maker: EntryMaker;
  readonly store: CacheStore;
  readonly recorder: CacheRecorder;
  readonly evictions: CacheEvictions;
  readonly source: TagSource;
}

/** A value that came of a load, and the lease it was loaded under. */
export interface Keep extends Made {
  readonly lease: Lease;
  /** The tags of what it was made of, and then its own. */
  readonly inheritance: Inheritance;
}

interface Unstorable {
  readonly text: string;
  readonly error: CacheSerializationError;
}

/** What goes into one cache without being ordered by a lease of its own making; see {@link FencedPut} for what is. */
export class CacheWrites {
  constructor(private readonly parts: CacheWritesParts) {}

  /** Stores what came of a load; whether it did. A failure, one of the application's functions included, is reported. */
  async keep(keep: Keep): Promise<boolean> {
    const { lease, options } = keep;
    const { store } = this.parts;
    let write: StoreWrite | undefined;
    let isKept = false;
    try {
      write = this.made(keep);
      if (write === undefined) await store.release(lease, true);
      else this.kept(write, (isKept = await store.keep(lease, write)));
    } catch (error) {
      this.failed(error, options, lease.text);
      await this.release(lease);
    }
    this.bear(keep, write);
    return isKept;
  }

  /** `keep` for many keys, in one round trip; what cannot be stored does not keep the others out. */
  async keepMany(keeps: readonly Keep[]): Promise<void> {
    const { store } = this.parts;
    const writes = keeps.map((keep) => this.tryMake(keep, () => this.made(keep)));
    const made = keeps.flatMap(({ lease }, i) => {
      const write = writes[i];
      if (write === undefined) void store.release(lease, true).catch(() => undefined);
      return write === undefined ? [] : [[lease, write] as const];
    });
    const options = keeps[0]?.options ?? {};
    if (made.length > 0) await this.keepMade(made, options);
    for (const [i, keep] of keeps.entries()) this.bear(keep, writes[i]);
  }

  private async keepMade(
    made: readonly (readonly [Lease, StoreWrite])[],
    options: KeepOptions,
  ): Promise<void> {
    const { store } = this.parts;
    const unstorable: (readonly [Lease, CacheSerializationError])[] = [];
    try {
      const outcomes = await store.keepMany(made);
      for (const [i, [lease, write]] of made.entries()) {
        const outcome = outcomes[i]!;
        if (typeof outcome === 'boolean') this.kept(write, outcome);
        else unstorable.push([lease, outcome]);
      }
    } catch (error) {
      for (const [lease] of made) void this.release(lease);
      this.failed(error, options);
    }
    for (const [lease] of unstorable) void this.release(lease);
    for (const [lease, error] of unstorable) this.failed(error, options, lease.text);
  }

  /** Gives up leases of loads that brought nothing to be stored. */
  async release(lease: Lease, mark = false): Promise<void> {
    // It ends by itself if this fails; until then others wait for nothing.
    await this.parts.store.release(lease, mark).catch(() => undefined);
  }

  /**
   * Stores the value now, unordered.
   *
   * @throws CacheSerializationError for a value that cannot be stored, and nothing else: that is the caller's bug
   */
  async put(ask: Ask, loaded: Loaded, options: KeepOptions): Promise<void> {
    await this.putMany([{ ask, loaded, options }]);
  }

  /** `put` for many keys, in one round trip. */
  async putMany(puts: readonly Made[]): Promise<void> {
    const [first] = await this.putStorable(puts);
    if (first !== undefined) throw first.error;
  }

  /** The same, which answers with what cannot be stored. */
  async putStorable(puts: readonly Made[]): Promise<readonly Unstorable[]> {
    const { maker, evictions, store } = this.parts;
    const options = puts[0]?.options ?? {};
    const refused = puts.filter((put) => maker.refuses(put.loaded.value, put.options));
    if (refused.length > 0) {
      const texts = refused.map(({ ask }) => ask.text);
      await evictions.evict({ texts }, options.method);
    }
    const writes = puts.flatMap((put) => this.tryMake(put) ?? []);
    if (writes.length === 0) return [];
    let outcomes: readonly (boolean | CacheSerializationError)[];
    try {
      outcomes = await store.putMany(writes);
    } catch (error) {
      this.failed(error, options, writes.length === 1 ? writes[0]!.text : undefined);
      return [];
    }
    const unstorable: Unstorable[] = [];
    for (const [i, write] of writes.entries()) {
      const outcome = outcomes[i]!;
      if (outcome instanceof CacheSerializationError) {
        unstorable.push({ text: write.text, error: outcome });
      } else if (outcome) {
        this.recordPut(write);
      }
    }
    return unstorable;
  }

  /**
   * Stores unless there is a live entry, and then answers with that one.
   *
   * @throws CacheSerializationError as `put`
   */
  async putIfAbsent(ask: Ask, loaded: Loaded, options: KeepOptions): Promise<Entry | undefined> {
    const { maker, store } = this.parts;
    try {
      const write = maker.make({ ask, loaded, options });
      if (write === undefined) return undefined;
      const look = await store.putIfAbsent(ask, write);
      if (look === undefined) this.recordPut(write);
      return look?.entry;
    } catch (error) {
      if (error instanceof CacheSerializationError) throw error;
      this.failed(error, options, ask.text);
      return undefined;
    }
  }

  recordPut({ text, entry }: StoreWrite): void {
    this.parts.recorder.put(text, entry.expiresAt - entry.createdAt);
  }

  private made(keep: Keep): StoreWrite | undefined {
    const { maker, recorder, source } = this.parts;
    const { inheritance, lease } = keep;
    if (inheritance.isEmpty) return maker.make(keep);
    const inherited = inheritance.in(source);
    if (inherited !== 'unknown') return maker.make(keep, inherited);
    recorder.lostLease(lease.text);
    return undefined;
  }

  /** What is made of the value bears the tags that it does, stored or not. */
  private bear({ inheritance, lease, options }: Keep, write: StoreWrite | undefined): void {
    const { source } = this.parts;
    if (write !== undefined) inheritance.add(write.entry, source);
    else if (options.lateTags !== undefined) inheritance.spoil(source.realm);
    else if (lease.tags.length > 0) inheritance.add(seenTags(lease.tags, lease.versions), source);
  }

  private tryMake(made: Made, make = () => this.parts.maker.make(made)): StoreWrite | undefined {
    try {
      return make();
    } catch (error) {
      this.failed(error, made.options, made.ask.text);
      return undefined;
    }
  }

  private kept(write: StoreWrite, isStored: boolean): void {
    if (isStored) this.recordPut(write);
    else this.parts.recorder.lostLease(write.text);
  }

  private failed(error: unknown, { method }: KeepOptions, key?: string): void {
    this.parts.recorder.failed(error, { operation: 'put', method, key });
  }
}
