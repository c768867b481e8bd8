import type { Entry } from '../entry/cache.entry.js';
import type { ShortKey } from '../key/key.layout.js';
import { processStart } from '../time/clock.js';
import { Link } from './least.recent.js';

/** What most entries are without: theirs is told from when they were made, and until when they are good. */
export interface Details {
  readonly createdAt: number;
  readonly tags: readonly string[];
  readonly borne: Entry['borne'];
  /** Evictions of tags up to this count were before its value was made. */
  readonly count: number;
  readonly emissions: boolean;
  /** Of a cache whose hits get frozen values: this one cannot be frozen. */
  readonly isWritable: boolean;
  readonly expiresAt: number;
  readonly lifeMs: number;
  /** When the entry is gone. */
  diesAt: number;
}

const NO_TAGS: readonly string[] = [];

/**
 * An entry in memory: one object, and its value. A hit costs what it has to fetch from main memory,
 * so all slots have one shape, and their times are counted from when the process began: V8 keeps
 * what has 31 bits inside of the object.
 */
export class Slot extends Link implements Entry {
  readonly value: unknown;
  /** Until when a hit need not look further than at the details, from the begin of the process. */
  goodUntil = 0;
  /** When it was made, from the begin of the process, where the rest is told from that. */
  private readonly more: number | Details;
  readonly key: ShortKey;

  constructor(
    key: ShortKey,
    { value, createdAt }: Pick<Entry, 'value' | 'createdAt'>,
    details: Details | undefined,
  ) {
    super();
    this.value = value;
    this.more = details ?? sinceStart(createdAt);
    this.key = key;
  }

  get details(): Details | undefined {
    return typeof this.more === 'number' ? undefined : this.more;
  }

  get createdAt(): number {
    return typeof this.more === 'number' ? processStart + this.more : this.more.createdAt;
  }

  get expiresAt(): number {
    return this.details?.expiresAt ?? processStart + this.goodUntil;
  }

  get diesAt(): number {
    return this.details?.diesAt ?? processStart + this.goodUntil;
  }

  get tags(): readonly string[] {
    return this.details?.tags ?? NO_TAGS;
  }

  get borne(): Entry['borne'] {
    return this.details?.borne;
  }

  get emissions(): boolean {
    return this.details?.emissions ?? false;
  }

  /** Whether the entry is a plain hit as far as its times tell. */
  isGoodAt(now: number): boolean {
    return now - processStart < this.goodUntil;
  }

  live(goodUntil: number, diesAt: number): void {
    this.goodUntil = sinceStart(Math.ceil(goodUntil));
    const { details } = this;
    if (details !== undefined) details.diesAt = diesAt;
  }
}

/** V8 takes the outcome of an arithmetic with large numbers for a large one, unless it is told. */
function sinceStart(time: number): number {
  const ms = time - processStart;
  const small = ms | 0;
  return small === ms ? small : ms;
}
