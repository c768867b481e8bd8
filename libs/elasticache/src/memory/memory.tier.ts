import { LRUCache } from 'lru-cache';

import {
  approximateBytes,
  assertStorable,
  cloneOf,
  copyOf,
  frozenCopyOf,
} from '../codec/value.walk.js';
import type { Entry } from '../entry/cache.entry.js';
import type { Glob } from '../key/glob.js';
import { boundedText } from '../key/key.layout.js';
import type { StoreWrite } from '../store/cache.store.js';
import type { Duration } from '../time/duration.js';
import type { MemoryVersions } from './memory.versions.js';
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

/**
 * An entry with what the memory tier needs to know of it. A hit costs what it has to fetch from main
 * memory: all slots have one shape, and a hit reads no number that V8 keeps outside of it, as it
 * does those beyond 31 bits.
 */
class Slot implements Entry {
  readonly value: unknown;
  /** Hits get the value itself: frozen, immutable or shared by choice. */
  readonly byReference: boolean;
  /** Until when a hit need not look further, and when the entry is gone; counted from the tier's epoch. */
  goodUntil = 0;
  diesAt = 0;
  readonly tags: readonly string[];
  readonly borne: Entry['borne'];
  /** Evictions of tags up to this count were before its value was made. */
  readonly count: number;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly emissions: boolean;
  readonly lifeMs: number;

  constructor({ entry, lifeMs }: StoreWrite, { value, byReference }: Isolated, count: number) {
    this.value = value;
    this.byReference = byReference;
    this.tags = entry.tags ?? NO_TAGS;
    const borne = entry.borne?.(); // what it is made of would keep the reply in memory
    this.borne = borne && (() => borne);
    this.count = count;
    this.createdAt = entry.createdAt;
    this.expiresAt = entry.expiresAt;
    this.emissions = entry.emissions ?? false;
    this.lifeMs = lifeMs;
  }
}

const NO_TAGS: readonly string[] = [];

type Isolated = Pick<Slot, 'value' | 'byReference'>;

/** What was left of an entry, one of whose tags was evicted. */
export interface Evicted {
  readonly evicted: string;
  readonly tags: readonly string[];
}

/** What a cache asks this process's memory first. Everything in it is synchronous. */
export interface Memory {
  /** The entry where it is a plain hit: neither expired nor due to be renewed. Not yet safe to hand out: see {@link handOut}. */
  get(text: string, now: number): Entry | undefined;
  /** The entry's value as a caller may have it. */
  handOut(entry: Entry): unknown;
  /** A value as a hit would hand it out. Throws `CacheSerializationError` for one that cannot be stored. */
  copy(value: unknown): unknown;
}

/** What the protocol needs of memory as the only tier. */
export interface MemoryTier extends Memory {
  /** The entry as long as it is kept; its tag that was evicted, where there is one. */
  peek(text: string, now: number): Entry | Evicted | undefined;
  /**
   * False where the value alone is beyond the tier's bounds. `count`: of the evictions of tags
   * before the value was made. Throws `CacheSerializationError` for one that cannot be stored.
   */
  set(write: StoreWrite, count: number, now: number): boolean;
  delete(text: string): boolean;
  deleteMatching(glob?: Glob): number;
}

/** What copies in front of the shared tier need beside it. */
export interface CopyTier extends MemoryTier {
  /** Whether the entry is one that was found here. */
  has(entry: Entry): boolean;
  /** An entry that was just set, as a hit: itself where every hit gets a copy, as nobody else has this one. */
  asHit(text: string, entry: Entry, now: number): Entry;
  /** The value of an entry that nobody else has. */
  handOutForeign(entry: Entry): unknown;
}

/** The in-process tier of one cache, within its bounds; expired entries go when they are met. */
export class BoundedMemoryTier implements CopyTier {
  private readonly slots: LRUCache<string, Slot> | TinyLfu<Slot>;
  /** When the first entry came in, in milliseconds since 1970. */
  private epoch = 0;

  constructor(private readonly settings: MemoryTierSettings) {
    this.slots = settings.eviction === 'lfu' ? leastFrequent(settings) : leastRecent(settings);
  }

  get(text: string, now: number): Entry | undefined {
    const slot = this.slots.get(boundedText(text));
    if (slot === undefined || now - this.epoch >= slot.goodUntil) return undefined;
    if (slot.tags.length > 0 && this.evictedTag(slot) !== undefined) return undefined;
    if (this.settings.idleMs !== undefined) this.prolong(slot, now);
    return slot;
  }

  peek(text: string, now: number): Entry | Evicted | undefined {
    const key = boundedText(text);
    const slot = this.slots.get(key);
    if (slot === undefined) return undefined;
    if (now - this.epoch >= slot.diesAt) {
      this.slots.delete(key);
      return undefined;
    }
    // It stays, to say why it is none, until it is replaced or makes room.
    const evicted = this.evictedTag(slot);
    if (evicted !== undefined) return { evicted, tags: slot.tags };
    if (this.settings.idleMs !== undefined) this.prolong(slot, now);
    return slot;
  }

  handOut(entry: Entry): unknown {
    if ((entry as Slot).byReference) return entry.value;
    const { copy = cloneOf } = this.settings;
    return copy(entry.value);
  }

  has(entry: Entry): boolean {
    return entry instanceof Slot;
  }

  asHit(text: string, entry: Entry, now: number): Entry {
    return this.settings.isolation === 'clone' ? entry : (this.get(text, now) ?? entry);
  }

  handOutForeign({ value }: Entry): unknown {
    return this.settings.isolation === 'freeze' ? this.copy(value) : value;
  }

  copy(value: unknown): unknown {
    return this.isolated(value).value;
  }

  set(write: StoreWrite, count: number, now: number): boolean {
    const isolated = this.isolated(write.entry.value);
    if (this.slots.size === 0) this.epoch = now;
    const lifeMs = Math.min(write.lifeMs, now + this.settings.ttlMs - write.entry.createdAt);
    const slot = new Slot({ ...write, lifeMs }, isolated, count);
    this.prolong(slot, now);
    const key = boundedText(write.text);
    return this.slots.set(key, slot).has(key);
  }

  delete(text: string): boolean {
    return this.slots.delete(boundedText(text));
  }

  /** `prefix`: what the keys of these entries begin with, and the pattern does not know of. */
  deleteMatching(glob?: Glob, prefix = ''): number {
    const { size } = this.slots;
    if (glob === undefined) this.slots.clear();
    const isMeant = (text: string) =>
      text.startsWith(prefix) && glob!.matches(text.slice(prefix.length));
    const matching = glob ? [...this.slots.keys()].filter(isMeant) : [];
    for (const text of matching) this.slots.delete(text);
    return size - this.slots.size;
  }

  private evictedTag({ tags, count }: Slot): string | undefined {
    return tags.length === 0 ? undefined : this.settings.versions.evictedSince(tags, count);
  }

  /** Sets until when the slot lives, as if it were read now: a time to idle begins anew. */
  private prolong(slot: Slot, now: number): void {
    const { idleMs = Infinity, refreshAhead = 1 } = this.settings;
    const { createdAt, expiresAt, lifeMs } = slot;
    const idle = now + idleMs;
    const due = createdAt + (expiresAt - createdAt) * refreshAhead;
    const end = Math.min(createdAt + lifeMs, idle);
    slot.goodUntil = Math.min(due, end) - this.epoch;
    slot.diesAt = end - this.epoch;
  }

  private isolated(value: unknown): Isolated {
    const { isolation, where, copy: copyBy } = this.settings;
    if (isolation === 'shared') {
      if (copyBy === undefined) assertStorable(value, where);
      return { value, byReference: true };
    }
    if (copyBy !== undefined) return { value: copyBy(value), byReference: false };
    if (typeof value !== 'object' || value === null) {
      return { value: copyOf(value, where), byReference: true };
    }
    if (isolation === 'clone') return { value: copyOf(value, where), byReference: false };
    const copy = frozenCopyOf(value, where);
    return { value: copy.value, byReference: copy.frozen };
  }
}

function leastRecent({ maxEntries: max, maxBytes }: MemoryTierSettings): LRUCache<string, Slot> {
  return new LRUCache(
    maxBytes === undefined
      ? { maxSize: max, sizeCalculation: () => 1 } // `max` would take the room of all entries at once
      : { max, maxSize: maxBytes, sizeCalculation: sizeOf },
  );
}

/** Where bytes are bounded, too, an entry takes the room of as many as its share of the bytes comes to. */
function leastFrequent({ maxEntries: max, maxBytes }: MemoryTierSettings): TinyLfu<Slot> {
  const weightOf = (slot: Slot, text: string) =>
    maxBytes === undefined ? 1 : Math.max(1, (sizeOf(slot, text) / maxBytes) * max);
  return new TinyLfu({ max, weightOf });
}

/** Stands in where a cache has no memory tier. */
export const noMemory: Memory = {
  get: () => undefined,
  handOut: (entry) => entry.value,
  copy: (value) => copyOf(value, 'the shared tier'),
};

function sizeOf(slot: Slot, text: string): number {
  return Math.ceil(approximateBytes(slot.value)) + 2 * text.length;
}
