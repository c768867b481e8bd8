import {
  approximateBytes,
  assertStorable,
  cloneOf,
  copyOf,
  frozenCopyOf,
} from '../codec/value.walk.js';
import type { Entry } from '../entry/cache.entry.js';
import type { Glob } from '../key/glob.js';
import { type ShortKey, shortKey } from '../key/key.layout.js';
import type { StoreWrite } from '../store/cache.store.js';
import type { Duration } from '../time/duration.js';
import { LeastRecent } from './least.recent.js';
import type { MemoryVersions } from './memory.versions.js';
import { noRemovals, type RemovalCause, type Removals } from './removals.js';
import { type Details, Slot } from './slot.js';
import { TinyLfu } from './tiny.lfu.js';

/**
 * What a hit hands out: a copy of its own (`clone`, the default), one deeply frozen value
 * (`freeze`: plain data; anything that cannot be frozen, such as a Date, is cloned), or the stored
 * value itself (`shared`: fastest, and whoever changes it changes it for all).
 */
export type Isolation = 'clone' | 'freeze' | 'shared';

/** Which entries of the memory tier make room. */
export type Eviction = 'lru' | 'lfu';

/**
 * Bounds of the memory tier of one cache.
 *
 * @example
 * caches: { articles: { memory: { maxEntries: 5_000, isolation: 'freeze' } } }
 */
export interface MemoryTierOptions {
  /** Entries are dropped beyond this number; default 10,000. */
  readonly maxEntries?: number;
  /** Estimated bytes of all values beyond which entries are dropped; default unbounded. */
  readonly maxBytes?: number;
  /**
   * Which entries are dropped: the least recently used (`'lru'`, the default), or by W-TinyLFU
   * (`'lfu'`): what is new stays only if it is used more often than what would go for it, so that a
   * scan does not wash out what is hot. (https://arxiv.org/abs/1512.00727)
   */
  readonly eviction?: Eviction;
  /** Default `'clone'`. */
  readonly isolation?: Isolation;
  /** How long an entry is kept here at most; default as long as it lives. */
  readonly ttl?: Duration;
  /**
   * In front of Redis: how far behind other processes' invalidations a hit may be, typically a
   * millisecond; default `'1s'`. A process that cannot tell reads from Redis.
   */
  readonly maxStaleness?: Duration;
}

export interface MemoryTierSettings {
  readonly maxEntries: number;
  readonly maxBytes: number | undefined;
  readonly eviction: Eviction;
  readonly isolation: Isolation;
  /** The longest that an entry is kept. */
  readonly ttlMs: number;
  readonly idleMs: number | undefined;
  /** 0 to 1: past this share of its life an entry is no plain hit. */
  readonly refreshAhead: number | undefined;
  readonly versions: MemoryVersions;
  readonly where: string;
  /** How values are copied that a serializer of the application may have made. */
  readonly copy?: ((value: unknown) => unknown) | undefined;
}

/** A value as it is kept. */
interface Isolated {
  readonly value: unknown;
  /** Of a cache whose hits get frozen values: this one cannot be frozen. */
  readonly isWritable: boolean;
}

/** What was left of an entry, one of whose tags was evicted. */
export interface Evicted {
  readonly evicted: string;
  readonly tags: readonly string[];
}

/** What a cache asks this process's memory first. Everything in it is synchronous. */
export interface Memory {
  /** The entry where it is a plain hit: neither expired nor due to be renewed. Not yet safe to hand out: see {@link handOut}. */
  get(text: ShortKey, now: number): Entry | undefined;
  /** The value of an entry that {@link get} answered with, as a caller may have it. */
  handOut(entry: Entry): unknown;
  /** The same for an entry that may have come from elsewhere. */
  handOutAny(entry: Entry): unknown;
  /** A value as a hit would hand it out. Throws `CacheSerializationError` for one that cannot be stored. */
  copy(value: unknown): unknown;
}

/** What the protocol needs of memory as the only tier. */
export interface MemoryTier extends Memory {
  /** The entry as long as it is kept; its tag that was evicted, where there is one. `isRead`: it idles no more. */
  peek(text: string, now: number, isRead?: boolean): Entry | Evicted | undefined;
  /**
   * False where the value alone is beyond the tier's bounds. `count`: of the evictions of tags
   * before the value was made. Throws `CacheSerializationError` for one that cannot be stored.
   */
  set(write: StoreWrite, count: number, now: number): boolean;
  /** `cause`: by default an invalidation. */
  delete(text: string, cause?: RemovalCause): boolean;
  deleteMatching(glob?: Glob, cause?: RemovalCause): number;
}

/** What copies in front of the shared tier need beside it. */
export interface CopyTier extends MemoryTier {
  /** An entry that was just set, as a hit: itself where every hit gets a copy, as nobody else has this one. */
  asHit(text: string, entry: Entry, now: number): Entry;
}

/** The in-process tier of one cache, within its bounds; expired entries go when they are met. */
export class BoundedMemoryTier implements CopyTier {
  private readonly slots: LeastRecent<Slot> | TinyLfu<Slot>;
  private readonly removed = noRemovals();
  private readonly handsOut: 'values' | 'copies' | 'frozen';

  constructor(private readonly settings: MemoryTierSettings) {
    const { eviction, isolation, copy } = settings;
    this.slots = eviction === 'lfu' ? leastFrequent(settings) : leastRecent(settings);
    const isFrozen = isolation === 'freeze' && copy === undefined;
    this.handsOut = isolation === 'shared' ? 'values' : isFrozen ? 'frozen' : 'copies';
  }

  get removals(): Removals {
    return { ...this.removed };
  }

  get(text: ShortKey, now: number): Entry | undefined {
    const slot = this.slots.get(shortKey(text));
    if (slot === undefined || !slot.isGoodAt(now)) return undefined;
    return slot.details === undefined || this.stands(slot, now) ? slot : undefined;
  }

  peek(text: string, now: number, isRead = true): Entry | Evicted | undefined {
    const slot = this.slots.get(shortKey(text));
    if (slot === undefined) return undefined;
    if (now >= slot.diesAt) {
      this.delete(text, 'expired');
      return undefined;
    }
    // It stays, to say why it is none, until it is replaced or makes room.
    const evicted = this.evictedTag(slot);
    if (evicted !== undefined) return { evicted, tags: slot.tags };
    if (isRead && this.settings.idleMs !== undefined) this.prolong(slot, now);
    return slot;
  }

  handOut(entry: Entry): unknown {
    return this.handsOut === 'values' ? entry.value : this.isolatedOf(entry);
  }

  asHit(text: string, entry: Entry, now: number): Entry {
    return this.settings.isolation === 'clone' ? entry : (this.get(text, now) ?? entry);
  }

  /** An entry that is not kept here is nobody else's. */
  handOutAny(entry: Entry): unknown {
    if (entry instanceof Slot) return this.handOut(entry);
    return this.settings.isolation === 'freeze' ? this.copy(entry.value) : entry.value;
  }

  copy(value: unknown): unknown {
    return this.isolated(value).value;
  }

  set(write: StoreWrite, count: number, now: number): boolean {
    const { createdAt } = write.entry;
    const isolated = this.isolated(write.entry.value);
    const lifeMs = Math.min(write.lifeMs, now + this.settings.ttlMs - createdAt);
    const details = this.detailsOf({ ...write, lifeMs }, isolated, count);
    const key = shortKey(write.text);
    const slot = new Slot(key, { value: isolated.value, createdAt }, details);
    this.prolong(slot, now, lifeMs);
    return this.slots.set(key, slot, (gone, cause) => {
      if (gone !== slot) this.removed[this.causeOf(gone, cause, now)]++; // else it was never kept
    });
  }

  delete(text: string, cause: RemovalCause = 'explicit'): boolean {
    const isGone = this.slots.delete(shortKey(text));
    if (isGone) this.removed[cause]++;
    return isGone;
  }

  /** `prefix`: what the keys of these entries begin with, and the pattern does not know of. */
  deleteMatching(glob?: Glob, cause: RemovalCause = 'explicit', prefix = ''): number {
    const { size } = this.slots;
    if (glob === undefined) this.slots.clear();
    const isMeant = (text: string) =>
      text.startsWith(prefix) && glob!.matches(text.slice(prefix.length));
    const matching = glob ? [...this.slots.keys()].filter((key) => isMeant(String(key))) : [];
    for (const key of matching) this.slots.delete(key);
    const gone = size - this.slots.size;
    this.removed[cause] += gone;
    return gone;
  }

  private isolatedOf(entry: Entry): unknown {
    const isOne = this.handsOut === 'frozen' && (entry as Slot).details?.isWritable !== true;
    if (isOne) return entry.value;
    const { copy = cloneOf } = this.settings;
    return copy(entry.value);
  }

  private stands(slot: Slot, now: number): boolean {
    if (this.evictedTag(slot) !== undefined) return false;
    if (this.settings.idleMs !== undefined) this.prolong(slot, now);
    return true;
  }

  /** Why it is gone: it may have been none already, and have stayed until something pushed it out. */
  private causeOf(slot: Slot, cause: RemovalCause, now: number): RemovalCause {
    if (now >= slot.diesAt) return 'expired';
    return this.evictedTag(slot) === undefined ? cause : 'explicit';
  }

  private evictedTag({ details }: Slot): string | undefined {
    if (details === undefined || details.tags.length === 0) return undefined;
    return this.settings.versions.evictedSince(details.tags, details.count);
  }

  /** Sets until when the slot lives, as if it were read now: a time to idle begins anew. */
  private prolong(slot: Slot, now: number, lifeMs = slot.details!.lifeMs): void {
    const { idleMs = Infinity, refreshAhead = 1 } = this.settings;
    const { createdAt, details } = slot;
    const end = Math.min(createdAt + lifeMs, now + idleMs);
    const expiresAt = details?.expiresAt ?? end;
    slot.live(Math.min(createdAt + (expiresAt - createdAt) * refreshAhead, end), end);
  }

  private detailsOf(
    { entry, lifeMs }: StoreWrite,
    { isWritable }: Isolated,
    count: number,
  ): Details | undefined {
    const { tags = [], emissions = false, createdAt, expiresAt } = entry;
    const borne = entry.borne?.(); // what it is made of would keep the reply in memory
    const { idleMs, refreshAhead } = this.settings;
    const isTimed = idleMs !== undefined || refreshAhead !== undefined;
    const endsOnce = !isTimed && createdAt + lifeMs === expiresAt;
    if (endsOnce && tags.length === 0 && !borne && !emissions && !isWritable) return undefined;
    return {
      createdAt,
      tags,
      borne: borne && (() => borne),
      count,
      emissions,
      isWritable,
      expiresAt,
      lifeMs,
      diesAt: 0,
    };
  }

  private isolated(value: unknown): Isolated {
    const { isolation, where, copy: copyBy } = this.settings;
    if (isolation === 'shared') {
      if (copyBy === undefined) assertStorable(value, where);
      return { value, isWritable: false };
    }
    if (copyBy !== undefined) return { value: copyBy(value), isWritable: false };
    if (isolation === 'clone') return { value: copyOf(value, where), isWritable: false };
    const copy = frozenCopyOf(value, where);
    return { value: copy.value, isWritable: !copy.frozen };
  }
}

function leastRecent({ maxEntries: max, maxBytes }: MemoryTierSettings): LeastRecent<Slot> {
  const bytes = maxBytes === undefined ? undefined : { max: maxBytes, of: sizeOf };
  return new LeastRecent({ max, bytes });
}

/** Where bytes are bounded, too, an entry takes the room of as many as its share of the bytes comes to. */
function leastFrequent({ maxEntries: max, maxBytes }: MemoryTierSettings): TinyLfu<Slot> {
  const weightOf = (slot: Slot) =>
    maxBytes === undefined ? 1 : Math.max(1, (sizeOf(slot) / maxBytes) * max);
  return new TinyLfu({ max, weightOf });
}

/** Stands in where a cache has no memory tier. */
export const noMemory: Memory = {
  get: () => undefined,
  handOut: (entry) => entry.value,
  handOutAny: (entry) => entry.value,
  copy: (value) => copyOf(value, 'the shared tier'),
};

function sizeOf({ key, value }: Slot): number {
  return Math.ceil(approximateBytes(value)) + 2 * String(key).length;
}
