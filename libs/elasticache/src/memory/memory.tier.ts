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

/**
 * What a hit hands out: a copy of its own (`clone`, the default), one deeply frozen value
 * (`freeze`: plain data; anything that cannot be frozen, such as a Date, is cloned), or the stored
 * value itself (`shared`: fastest, and whoever changes it changes it for all).
 */
export type Isolation = 'clone' | 'freeze' | 'shared';

/**
 * Bounds of the memory tier of one cache.
 *
 * @example
 * caches: { articles: { memory: { maxEntries: 5_000, isolation: 'freeze' } } }
 */
export interface MemoryTierOptions {
  /** Least recently used entries are dropped beyond this number; default 10,000. */
  readonly maxEntries?: number;
  /** Estimated bytes of all values beyond which entries are dropped; default unbounded. */
  readonly maxBytes?: number;
  /** Default `'clone'`. */
  readonly isolation?: Isolation;
}

export interface MemoryTierSettings {
  readonly maxEntries: number;
  readonly maxBytes: number | undefined;
  readonly isolation: Isolation;
  readonly idleMs: number | undefined;
  readonly where: string;
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
  /** When the entry dies, unless it is read before where there is a time to idle; counted from the tier's epoch. */
  diesAt: number;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly emissions: boolean;

  constructor(entry: Entry, { value, byReference }: Isolated, diesAt: number) {
    this.value = value;
    this.byReference = byReference;
    this.diesAt = diesAt;
    this.createdAt = entry.createdAt;
    this.expiresAt = entry.expiresAt;
    this.emissions = entry.emissions ?? false;
  }
}

type Isolated = Pick<Slot, 'value' | 'byReference'>;

/** What the read and write paths need of this process's memory. Everything in it is synchronous. */
export interface MemoryTier {
  /** The live entry, not yet safe to hand out: see {@link handOut}. */
  get(text: string, now: number): Entry | undefined;
  /** The entry's value as a caller may have it. */
  handOut(entry: Entry): unknown;
  /** A value as a hit would hand it out. Throws `CacheSerializationError` for one that cannot be stored. */
  copy(value: unknown): unknown;
  /** False where the value alone is beyond the tier's bounds. Throws `CacheSerializationError` for one that cannot be stored. */
  set(text: string, entry: Entry, now: number): boolean;
  delete(text: string): boolean;
  deleteMatching(glob?: Glob): number;
}

/** The in-process tier of one cache: least recently used out first, expired entries out when met. */
export class LruMemoryTier implements MemoryTier {
  private readonly slots: LRUCache<string, Slot>;
  /** When the first entry came in, in milliseconds since 1970. */
  private epoch = 0;

  constructor(private readonly settings: MemoryTierSettings) {
    const { maxEntries: max, maxBytes } = settings;
    this.slots = new LRUCache(
      maxBytes === undefined
        ? { maxSize: max, sizeCalculation: () => 1 } // `max` would take the room of all entries at once
        : { max, maxSize: maxBytes, sizeCalculation: sizeOf },
    );
  }

  get(text: string, now: number): Entry | undefined {
    const key = boundedText(text);
    const slot = this.slots.get(key);
    if (slot === undefined) return undefined;
    if (now - this.epoch >= slot.diesAt) {
      this.slots.delete(key);
      return undefined;
    }
    if (this.settings.idleMs !== undefined) slot.diesAt = this.deathOf(slot, now);
    return slot;
  }

  handOut(entry: Entry): unknown {
    return (entry as Slot).byReference ? entry.value : cloneOf(entry.value);
  }

  copy(value: unknown): unknown {
    return this.isolated(value).value;
  }

  set(text: string, entry: Entry, now: number): boolean {
    const isolated = this.isolated(entry.value);
    if (this.slots.size === 0) this.epoch = now;
    const slot = new Slot(entry, isolated, this.deathOf(entry, now));
    const key = boundedText(text);
    return this.slots.set(key, slot).has(key);
  }

  delete(text: string): boolean {
    return this.slots.delete(boundedText(text));
  }

  deleteMatching(glob?: Glob): number {
    const { size } = this.slots;
    if (glob === undefined) this.slots.clear();
    const matching = glob ? [...this.slots.keys()].filter((text) => glob.matches(text)) : [];
    for (const text of matching) this.slots.delete(text);
    return size - this.slots.size;
  }

  private deathOf({ expiresAt }: Entry, now: number): number {
    const { idleMs = Infinity } = this.settings;
    return Math.min(expiresAt, now + idleMs) - this.epoch;
  }

  private isolated(value: unknown): Isolated {
    const { isolation, where } = this.settings;
    if (isolation === 'shared') {
      assertStorable(value, where);
      return { value, byReference: true };
    }
    if (typeof value !== 'object' || value === null) {
      return { value: copyOf(value, where), byReference: true };
    }
    if (isolation === 'clone') return { value: copyOf(value, where), byReference: false };
    const copy = frozenCopyOf(value, where);
    return { value: copy.value, byReference: copy.frozen };
  }
}

/** Stands in where a cache has no memory tier. */
export const noMemory: MemoryTier = {
  get: () => undefined,
  handOut: (entry) => entry.value,
  copy: (value) => copyOf(value, 'the shared tier'),
  set: () => true,
  delete: () => false,
  deleteMatching: () => 0,
};

function sizeOf(slot: Slot, text: string): number {
  return Math.ceil(approximateBytes(slot.value)) + 2 * text.length;
}
