import { CacheTransaction } from '../coherence/cache.transaction.js';
import { type Evicted, noJournal, type PlaceJournal } from '../coherence/journal.js';
import type { Entry, Tier } from '../entry/cache.entry.js';
import { type Freshness, freshnessOf } from '../entry/freshness.js';
import { type CacheError, CacheSerializationError } from '../errors/cache.errors.js';
import type { MissReason } from '../events/cache.events.js';
import type { ShortKey } from '../key/key.layout.js';
import type { Memory } from '../memory/memory.tier.js';
import type { Deadline } from '../resilience/deadline.js';
import { noStore } from '../store/cache.store.js';
import type { Ask, CacheStore, Claim, Lease, Look, Versions, View } from '../store/cache.store.js';
import { newToken } from '../store/token.js';
import type { Clock } from '../time/clock.js';
import { CacheEvictions } from './cache.evictions.js';
import type { CachePolicy, SingleFlight } from './cache.policy.js';
import { type CacheRecorder, ManyFailures } from './cache.recorder.js';
import { CacheWrites } from './cache.writes.js';
import { EntryMaker } from './entry.maker.js';
import { type ClaimAttempt, concealed, type Finding, type FindOptions } from './finding.js';
import { FencedPut, type PutAsk } from './fenced.put.js';
import { closedFlight, Flights, landed, type Loaded, type Seat } from './flight.js';
import type { TagSource } from './inheritance.js';
import { inherit, isPartOf } from './load.context.js';
import { LoadRunner } from './load.runner.js';
import type { NamedCacheParts } from './named.cache.parts.js';
import { QueuedLoads } from './queued.loads.js';
import { takesCopies } from './operation.tiers.js';
import type { SensitiveValues } from './sensitive.values.js';
import { globalTags, type TagNaming } from '../key/names.js';
import { WaitingRoom } from './waiting.room.js';

/**
 * One cache, on encoded keys: its tiers behind one way to find, to claim, to write and to evict.
 * A failure of a tier goes to the error handler and is otherwise a miss, or a write that did not
 * happen; only what the handler throws comes out of here.
 */
export class NamedCache {
  readonly writes: CacheWrites;
  readonly evictions: CacheEvictions;
  readonly policy: CachePolicy;
  readonly recorder: CacheRecorder;
  readonly closing: AbortSignal;
  readonly store: CacheStore;
  /** The loads of this process that hold a lease, by its token. */
  readonly flights = new Flights();
  readonly queued: QueuedLoads;
  readonly waitingRoom: WaitingRoom;
  readonly loads: LoadRunner;
  readonly clock: Clock;
  readonly place: NamedCacheParts['place'];
  readonly nameTags: TagNaming;
  /** The tags of the cache, by their names within the library. */
  readonly tags: readonly string[];
  /** Keys that are being renewed behind somebody's back. */
  readonly refreshing = new Set<string>();
  /** What must not be in its values, where there is such. */
  readonly sensitive: SensitiveValues | undefined;
  private readonly maker: EntryMaker;
  private readonly journal: PlaceJournal;
  private readonly memory: Memory;
  /** The tier behind `store`. */
  readonly kind: Tier;
  readonly source: TagSource;
  private readonly where: string;
  private readonly patience: Deadline;

  constructor(
    readonly name: string,
    parts: NamedCacheParts,
  ) {
    const { policy, recorder, closing, memory, store, clock } = parts;
    this.where = `cache '${name}'`;
    const { where } = this;
    this.policy = policy;
    this.recorder = recorder;
    this.closing = closing;
    this.memory = memory;
    this.store = store;
    this.kind = parts.tier;
    this.source = { realm: parts.realm, tier: parts.tier };
    this.place = parts.place;
    this.clock = clock;
    this.sensitive = parts.sensitive;
    this.patience = parts.patience;
    this.queued = new QueuedLoads(parts.patience);
    this.waitingRoom = new WaitingRoom(clock, parts.random);
    this.loads = new LoadRunner({ ...parts, where });
    const { nameTags = globalTags } = parts;
    this.nameTags = nameTags;
    this.tags = nameTags(policy.tags);
    const maker = new EntryMaker({ ...parts, nameTags, where });
    this.maker = maker;
    this.journal = parts.journal ?? noJournal;
    const { hold } = this;
    this.evictions = new CacheEvictions({ policy, store, recorder, where, hold });
    const { evictions } = this;
    this.writes = new CacheWrites({ maker, store, recorder, evictions, source: this.source });
  }

  /** The fresh entry in memory, without a turn of the event loop. Counts a hit, but no miss. */
  findInMemory(text: ShortKey, now = this.clock.now()): Entry | undefined {
    const entry = this.memory.get(text, now);
    if (entry === undefined) return undefined;
    if (this.mayConceal && this.isConcealed(text, entry)) return undefined;
    this.recorder.hit(text, 'memory');
    return entry;
  }

  /** The values of all of these; undefined, and nothing is counted, where one is not in memory, or is asked for twice. */
  valuesInMemory(keys: readonly ShortKey[]): unknown[] | undefined {
    if (this.mayConceal) return undefined;
    const now = this.clock.now();
    const entries: Entry[] = [];
    for (const key of keys) {
      const entry = this.memory.get(key, now);
      if (entry === undefined) return undefined;
      entries.push(entry);
    }
    if (new Set(entries).size < entries.length) return undefined;
    return entries.map((entry, i) => {
      this.recorder.hit(keys[i]!, 'memory');
      return this.handOutHit(entry);
    });
  }

  /** The copy in memory of an entry of the shared tier, without counting a hit. */
  copyOf(text: string): Entry | undefined {
    return this.kind === 'shared' ? this.memory.get(text, this.clock.now()) : undefined;
  }

  /** What is there for a call that takes expired entries as `freshness` says. Counts a hit or a miss. */
  async find(ask: Ask, options: FindOptions = {}): Promise<Finding> {
    const inMemory = takesCopies(options) ? this.findInMemory(ask.text) : undefined;
    return inMemory
      ? { entry: inMemory, freshness: 'fresh' }
      : this.findShared(ask, options, (finding) => finding);
  }

  /** The rest of `find`, where {@link findInMemory} was asked before, and what is made of it. */
  findShared<T>(
    ask: Ask,
    options: FindOptions,
    make: (finding: Finding) => T | Promise<T>,
  ): Promise<T> {
    if (this.isPending(ask)) return Promise.resolve(make(this.withheld(ask.text)));
    const releases = this.journal.releases();
    return this.store.look(ask).then(
      (look) => make(this.judge(ask, look, options, { releases })),
      (error: unknown) => {
        this.recorder.failed(error, { operation: 'get', method: options.method, key: ask.text });
        return make(concealed);
      },
    );
  }

  /** `find` for many keys, in one round trip; in none where they were looked up. */
  async findMany(
    asks: readonly Ask[],
    options: FindOptions = {},
    known?: readonly (Look | CacheError)[],
  ): Promise<Finding[]> {
    const now = this.clock.now();
    const findings: Finding[] = [];
    const missing: Ask[] = [];
    const places: number[] = [];
    const mayCopy = known === undefined && takesCopies(options);
    for (const [i, ask] of asks.entries()) {
      const entry = mayCopy ? this.findInMemory(ask.text, now) : undefined;
      const isPending = entry === undefined && this.isPending(ask);
      findings.push(
        entry ? { entry, freshness: 'fresh' } : isPending ? this.withheld(ask.text) : concealed,
      );
      if (entry === undefined && !isPending) places[missing.push(ask) - 1] = i;
    }
    if (missing.length === 0) return findings;
    const releases = this.journal.releases();
    const looks = known ? places.map((place) => known[place]!) : await this.store.lookMany(missing);
    const seen = { releases, now: this.clock.now() };
    const { method } = options;
    const failures = new ManyFailures(this.recorder, { operation: 'get', method });
    for (const [m, look] of looks.entries()) {
      if (look instanceof Error) failures.note(look);
      else findings[places[m]!] = this.judge(missing[m]!, look, options, seen);
    }
    failures.tell();
    return findings;
  }

  /** Looks once more for a call that waited: nothing is counted. `failed`: told of a failure in place of the error handler. */
  async lookAgain(ask: Ask, options: FindOptions, failed?: ManyFailures['note']): Promise<Finding> {
    if (this.isPending(ask)) return concealed;
    const releases = this.journal.releases();
    try {
      const look = await this.store.look(ask);
      const { entry, view } = look;
      if (this.isOvertaken(ask.text, entry, releases)) return concealed;
      if (CacheTransaction.current() !== undefined) return { freshness: 'dead', seen: view };
      if (entry === undefined) return { freshness: 'dead', view };
      return { entry, view, freshness: this.freshnessOf(entry, options) };
    } catch (error) {
      if (failed !== undefined) failed(error);
      else this.recorder.failed(error, { operation: 'get', method: options.method, key: ask.text });
      return concealed;
    }
  }

  /** What memory still has where the tier behind it fails, for who would have nothing else; not in strict mode. */
  copyOnError({ text }: Ask, { freshness = this.policy.freshness }: FindOptions): Finding {
    const { memory, policy, clock } = this;
    const graceMs = policy.strict ? 0 : freshness.staleIfErrorMs;
    const entry = graceMs > 0 ? memory.unvouched?.(text, clock.now(), graceMs) : undefined;
    if (entry === undefined || this.isConcealed(text, entry)) return concealed;
    return { entry, freshness: 'stale' };
  }

  /** Claims the lease for a flight of this process, by its token; undefined where the tier failed, which is reported. */
  claim(ask: Ask, view: View, attempt: ClaimAttempt): Promise<Claim | undefined> {
    const { flight, token, replaced, method, failed } = attempt;
    this.flights.add(token, flight);
    return this.store.claim(ask, view, { token, replaced }).then(
      (claim) => {
        if (claim.kind === 'won') flight.lease = claim.lease;
        else flight.land(undefined); // nobody can have joined what has no lease
        return claim;
      },
      (error: unknown) => {
        flight.land(undefined);
        // It may have been won all the same: nobody should wait for it.
        void this.writes.release({ ...ask, token, kind: 'load', versions: undefined });
        // A claim is a step of storing.
        if (failed !== undefined) failed(error);
        else this.recorder.failed(error, { operation: 'put', method, key: ask.text });
        return undefined;
      },
    );
  }

  /** The lease of an entry that a load fills beside its first one, unless somebody else has it. */
  async claimBeside(ask: Ask, view: View, method?: string): Promise<Lease | undefined> {
    const claim = await this.claim(ask, view, {
      flight: closedFlight(),
      token: newToken(),
      method,
    });
    return claim?.kind === 'won' ? claim.lease : undefined;
  }

  /** Waits for another's load, within bounds; undefined where that is over, or there is no value to share. */
  patiently(seat: Seat): Promise<Loaded | undefined> {
    return landed(seat, this.patience);
  }

  beginPut(ask: PutAsk, method?: string): Promise<FencedPut> {
    const { policy, store, recorder, maker, writes, evictions, where, hold } = this;
    const parts = { policy, store, recorder, maker, writes, evictions, where, hold };
    return FencedPut.begin(parts, ask, method);
  }

  /** The versions for a value that is loaded without a lease and has tags; undefined where they cannot be had. */
  async versionsOf(ask: Ask, view: View | undefined): Promise<Versions | undefined> {
    if (view === undefined || ask.tags.length === 0) return undefined;
    return this.store.versionsOf(ask, view).catch(() => undefined); // the tier fails: the look has told
  }

  /** Whether the load that is running is that of this entry. */
  isLoadingItself(text: string): boolean {
    return this.flights.some(text, isPartOf);
  }

  /** Who shares a load: as the operation says, else as the cache does. What keeps nothing may be anybody's: nobody. */
  sharingOf({ singleFlight }: { readonly singleFlight?: SingleFlight }): SingleFlight {
    return this.store === noStore ? false : (singleFlight ?? this.policy.singleFlight);
  }

  /** The value of an entry that {@link findInMemory} answered with, as a caller may have it. */
  handOutHit(entry: Entry): unknown {
    inherit(entry, this.source);
    return this.memory.handOut(entry);
  }

  /** The value of an entry found here, wherever it was. */
  handOut(entry: Entry): unknown {
    inherit(entry, this.source);
    return this.memory.handOutAny(entry);
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

  /** Whether the cache does not keep the value. */
  refuses(value: unknown): boolean {
    return this.maker.refuses(value, {});
  }

  freshnessOf(
    entry: Entry,
    { freshness = this.policy.freshness }: FindOptions,
    now = this.clock.now(),
  ): Freshness {
    return freshnessOf(entry, freshness, now);
  }

  servedStale(text: string): void {
    this.recorder.servedStale(text, this.kind);
  }

  /** Counts the hit, miss or failure that a look is. */
  private judge(
    { text }: Ask,
    { entry, view, miss, error }: Look,
    options: FindOptions,
    { releases, now = this.clock.now() }: { releases: number; now?: number },
  ): Finding {
    if (error !== undefined) {
      this.recorder.failed(error, { operation: 'get', method: options.method, key: text });
      return this.missed(text, miss ?? 'undecodable', view);
    }
    if (this.isOvertaken(text, entry, releases)) return this.withheld(text);
    const unit = CacheTransaction.current();
    if (unit !== undefined)
      return this.judgeInUnit(
        unit,
        { text, view, ...(entry && { entry }), ...(miss && { miss }) },
        options,
      );
    if (entry === undefined) return this.missed(text, miss!, view);
    const freshness = this.freshnessOf(entry, options, now);
    if (freshness === 'dead') return this.missed(text, 'expired', view);
    if (freshness === 'stale') return { entry, freshness, view };
    this.recorder.hit(text, this.kind);
    return { entry, freshness, view };
  }

  private missed(text: string, miss: MissReason, view: View): Finding {
    this.recorder.miss(text, miss);
    return { freshness: 'dead', view, miss };
  }

  /**
   * Within a unit of work only hits on what it has not changed count. Its own loads store nothing: they
   * may see what is not committed, or no longer what others have committed since.
   */
  private judgeInUnit(
    unit: CacheTransaction,
    {
      text,
      view,
      entry,
      miss = 'absent',
    }: { text: string; view: View; entry?: Entry; miss?: MissReason },
    options: FindOptions,
  ): Finding {
    const isChanged = unit.conceals(this, text, entry?.tags);
    const freshness = entry === undefined ? 'dead' : this.freshnessOf(entry, options);
    if (entry !== undefined && !isChanged && (freshness === 'fresh' || freshness === 'due')) {
      this.recorder.hit(text, this.kind);
      return { entry, freshness: 'fresh' };
    }
    const reason = entry === undefined ? miss : 'expired';
    this.recorder.miss(text, isChanged ? 'changed in this transaction' : reason);
    return { freshness: 'dead', seen: view };
  }

  /** Whether what is in memory has to be looked at before it is believed. */
  get mayConceal(): boolean {
    return CacheTransaction.isAnyOpen || !this.journal.isEmpty();
  }

  private isConcealed(text: ShortKey, { tags }: Entry): boolean {
    if (this.isPending({ text, ...(tags && { tags }) })) return true;
    return CacheTransaction.current()?.conceals(this, String(text), tags) ?? false;
  }

  /** Whether an eviction of it has failed here, and is not made up for: what is stored may be out of date. */
  isPending({ text, tags = [] }: Pick<Entry, 'tags'> & { readonly text: ShortKey }): boolean {
    return !this.journal.isEmpty() && this.journal.conceals(String(text), tags);
  }

  /** Whether an eviction of what was found has failed here, and was not made up for when it was looked for. */
  private isOvertaken(text: string, entry: Entry | undefined, releases: number): boolean {
    const { tags = [] } = entry ?? {};
    const isReleased = tags.length > 0 && this.journal.releases() !== releases;
    return isReleased || this.isPending({ text, tags });
  }

  private readonly hold = (evicted: Evicted): void => this.journal.note(evicted);

  private withheld(text: string): Finding {
    this.recorder.miss(text, 'eviction pending');
    return concealed;
  }
}
