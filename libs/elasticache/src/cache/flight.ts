import type { Entry } from '../entry/cache.entry.js';
import type { Deadline } from '../resilience/deadline.js';
import type { Lease } from '../store/cache.store.js';
import { Inheritance } from './inheritance.js';

/** What a load brought, before it is an entry. */
export type Loaded = Pick<Entry, 'value' | 'emissions'> & {
  /** It cannot be handed to others, nor stored: an Observable that emitted too much. */
  readonly unshared?: boolean;
  /** An expired copy, where the loader failed or found no room. */
  readonly stale?: true;
  /** The loader of a batch had no value for this key. */
  readonly absent?: true;
};

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

function nothing(): void {}

/** One load that several callers of this process wait for. */
export class Flight {
  /** What it stores under, once its claim was won. */
  lease: Lease | undefined;
  /** Its loader runs: it has room. */
  isBegun = false;
  /** The tags of what its value is made of; of what was stored, and of what could not be, its own are added then. */
  readonly inheritance = new Inheritance();
  /** It inherited tags, of which nobody knows before it ends: who joined has to see whether they stand. */
  isNested = false;
  /** The flights of a batch that this one is the load of. */
  members: readonly Flight[] | undefined;
  /** The flights that this one's loader is waiting for. */
  waitsFor: Set<Flight> | undefined;
  /** Told when the last joiner has left. */
  onDeserted: () => void = nothing;
  /** Adds the tags of what it has brought so far to the load that is running, which does not wait for its end. */
  handOn: () => void = nothing;
  private joiners: Set<Joiner> | undefined;
  private over = false;
  private ended: (() => void)[] | undefined;

  constructor(
    /** Whether the load surely ends with a value or an error. An Observable's may be abandoned. */
    readonly certain: boolean,
    /** How many entries it fills. A call that wants more of them filled does not join. */
    readonly fills = 1,
    /** False: its call wants to be alone with it. */
    readonly isShared = true,
  ) {}

  /** Nobody can join any more. */
  get isOver(): boolean {
    return this.over;
  }

  get hasJoiners(): boolean {
    return this.joiners !== undefined && this.joiners.size > 0;
  }

  /** Whether its load is that of another, too. */
  stands(flight: Flight): boolean {
    return this.members?.includes(flight) ?? false;
  }

  /** In one that is over there is nothing to wait for. */
  join(copy: (value: unknown) => unknown): Seat {
    if (this.over) return { landing: Promise.resolve(undefined), leave: () => undefined };
    let joiner: Joiner | undefined;
    const landing = new Promise<Loaded | undefined>((resolve, reject) => {
      (this.joiners ??= new Set()).add((joiner = { resolve, reject, copy }));
    });
    landing.catch(() => undefined); // told to who waits; a seat that nobody sits on ends nothing
    const leave = () => {
      if (this.joiners?.delete(joiner!) && this.joiners.size === 0) this.onDeserted();
    };
    return { landing, leave };
  }

  /** Resolves when it is over, however it ended. */
  settled(): Promise<void> {
    return this.over
      ? Promise.resolve()
      : new Promise((resolve) => (this.ended ??= []).push(resolve));
  }

  /** The copies are made here, before whoever ran the load can touch the value. Undefined: nothing to share. */
  land(loaded: Loaded | undefined): void {
    this.end((joiner) => {
      const shared = loaded !== undefined && !loaded.unshared;
      joiner.resolve(shared ? { ...loaded, value: joiner.copy(loaded.value) } : undefined);
    });
  }

  crash(error: unknown): void {
    this.end((joiner) => joiner.reject(error));
  }

  private end(tell: (joiner: Joiner) => void): void {
    const { joiners, ended } = this;
    this.joiners = this.ended = undefined;
    this.over = true;
    ended?.forEach((resolve) => resolve());
    joiners?.forEach(tell);
  }
}

/** One that nobody can join: its load is somebody's by another flight. */
export function closedFlight(): Flight {
  const flight = new Flight(true);
  flight.land(undefined);
  return flight;
}

/** Flights that are over and still in the table, at most; below it, taking each out would cost more than the load. */
const MOST_OVER = 128;

/** The flights of one cache, by the token of the lease each has or claims. */
export class Flights {
  private flights = new Map<string, Flight>();
  private added = 0;

  add(token: string, flight: Flight): void {
    this.flights.set(token, flight);
    if (++this.added < MOST_OVER) return;
    this.added = 0;
    this.flights = new Map([...this.flights].filter(([, known]) => !known.isOver));
  }

  /** Whether a flight of the key is one of these. */
  some(text: string, isOne: (flight: Flight) => boolean): boolean {
    return [...this.flights.values()].some((one) => one.lease?.text === text && isOne(one));
  }

  /** The flight that can be joined. */
  get(token: string): Flight | undefined {
    const flight = this.flights.get(token);
    return flight?.isOver ? undefined : flight;
  }
}

const OUT_OF_PATIENCE = new Error('waited long enough');

/** Waits for another's load, within bounds; undefined where that is over, or there is no value to share. */
export async function landed(seat: Seat, patience: Deadline): Promise<Loaded | undefined> {
  const expired = () => OUT_OF_PATIENCE;
  try {
    return await patience.bound(seat.landing, expired, (error) => error);
  } catch (error) {
    if (error !== OUT_OF_PATIENCE) throw error;
    seat.leave();
    return undefined;
  }
}
