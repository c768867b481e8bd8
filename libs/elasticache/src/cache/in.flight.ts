import type { Entry } from '../entry/cache.entry.js';
import type { Glob } from '../key/glob.js';

/** What a load brought, before it is an entry. */
export type Loaded = Pick<Entry, 'value' | 'emissions'> & {
  /** It cannot be handed to others, nor stored: an Observable that emitted too much. */
  readonly unshared?: boolean;
};

/**
 * The writes under way to one key of one cache in this process. An invalidation makes it invalid:
 * nothing that came of before is stored, and no later call joins it.
 */
export interface Slot {
  valid: boolean;
  users: number;
  flight?: Flight;
}

/**
 * In-process single flight, and the rule that an invalidation beats the loads in flight.
 *
 * Every load and put enters the slot of its key before its value is made, and stores only if the
 * slot is still valid in the very turn in which the store is sent. An invalidation takes the slot
 * out of the map: those inside keep an invalid one, those who come later get a new one. It does so
 * when it begins and again when it was acknowledged, so that neither a load that saw the value
 * before nor one that began meanwhile survives it.
 */
export class InFlight {
  private readonly slots = new Map<string, Slot>();

  /** Enters the slot of the key. The flight, where there is one, is there for later calls to join, unless another is. */
  takeOff(text: string, flight?: Flight): Slot {
    let slot = this.slots.get(text);
    if (slot === undefined) this.slots.set(text, (slot = { valid: true, users: 0 }));
    slot.users++;
    if (flight !== undefined && (slot.flight?.isOver ?? true)) slot.flight = flight;
    return slot;
  }

  leave(text: string, slot: Slot): void {
    slot.users--;
    if (slot.users === 0 && this.slots.get(text) === slot) this.slots.delete(text);
  }

  /** The load in flight that a call may join. */
  flightOf(text: string): Flight | undefined {
    const flight = this.slots.get(text)?.flight;
    return flight?.isOver ? undefined : flight;
  }

  invalidate(text: string): void {
    const slot = this.slots.get(text);
    if (slot === undefined) return;
    slot.valid = false;
    this.slots.delete(text);
  }

  invalidateMatching(glob?: Glob): void {
    for (const text of this.slots.keys()) {
      if (glob === undefined || glob.matches(text)) this.invalidate(text);
    }
  }
}

interface Joiner {
  resolve(loaded: Loaded | undefined): void;
  reject(error: unknown): void;
  /** Makes the joiner's own copy of the value. */
  copy(value: unknown): unknown;
}

/** A joiner's place in a flight. */
export interface Seat {
  /** A copy of what the load brings, its failure, or undefined if it ends without a value to share. */
  readonly landing: Promise<Loaded | undefined>;
  /** Gives it up, unless the flight is over. */
  leave(): void;
}

/** One load that several callers wait for. */
export class Flight {
  /** The flights that this one's loader is waiting for. */
  readonly waitsFor = new Set<Flight>();
  /** Told when the last joiner has left. */
  onDeserted: () => void = () => undefined;
  private readonly joiners = new Set<Joiner>();
  private over = false;

  constructor(
    /** Whether the load surely ends with a value or an error. An Observable's may be abandoned. */
    readonly certain: boolean,
  ) {}

  /** Nobody can join any more, though others may still hold the slot. */
  get isOver(): boolean {
    return this.over;
  }

  get hasJoiners(): boolean {
    return this.joiners.size > 0;
  }

  join(copy: (value: unknown) => unknown): Seat {
    let joiner: Joiner | undefined;
    const landing = new Promise<Loaded | undefined>((resolve, reject) => {
      this.joiners.add((joiner = { resolve, reject, copy }));
    });
    const leave = () => {
      if (this.joiners.delete(joiner!) && this.joiners.size === 0) this.onDeserted();
    };
    return { landing, leave };
  }

  /** The copies are made here, before whoever ran the load can touch the value. Undefined: nothing to share. */
  land(loaded: Loaded | undefined): void {
    for (const joiner of this.end()) {
      const shared = loaded !== undefined && !loaded.unshared;
      joiner.resolve(shared ? { ...loaded, value: joiner.copy(loaded.value) } : undefined);
    }
  }

  crash(error: unknown): void {
    for (const joiner of this.end()) joiner.reject(error);
  }

  private end(): Joiner[] {
    const joiners = [...this.joiners];
    this.joiners.clear();
    this.over = true;
    return joiners;
  }
}
