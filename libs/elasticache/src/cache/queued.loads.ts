import { nextTick } from 'node:process';

import type { Deadline } from '../resilience/deadline.js';
import { Flight, landed, type Loaded } from './flight.js';
import { inheritFrom, isWaitingForUs, loading, waiting } from './load.context.js';

/** How a caller of {@link QueuedLoads} takes part. */
export interface QueuedLoad {
  readonly load: (flight: Flight) => Promise<Loaded>;
  readonly certain: boolean;
  /** Makes the caller's own copy of a value that another's load brought. */
  readonly copy: (value: unknown) => unknown;
  readonly onJoin?: ((leave: () => void) => void) | undefined;
}

/** The place of a load in the queue of its key. */
export interface Turn {
  /** The load that it waits for. */
  readonly before: Flight | undefined;
  /** Resolves when it may begin. */
  readonly came: Promise<void>;
  begin(): void;
  end(): void;
}

/** What came of it; `own` where the caller's load ran. */
export type Queued = { readonly loaded: Loaded; readonly own: boolean };

/**
 * Loads whose value will not be stored: a write is under way, or the cache cannot be asked. They may
 * still be shared, as long as nobody gets a value that began to be made before his call: one runs,
 * one is queued, and who comes joins the one that has not begun.
 */
export class QueuedLoads {
  private readonly running = new Map<string, Flight>();
  private readonly queued = new Map<string, Flight>();

  constructor(
    /** How long a call waits for the load before, to load for itself then. */
    private readonly patience: Deadline,
  ) {}

  async run(text: string, own: QueuedLoad): Promise<Queued> {
    const next = this.nextOf(text);
    if (next !== undefined) {
      const seat = next.join(own.copy);
      own.onJoin?.(seat.leave);
      const loaded = await waiting(next, landed(seat, this.patience));
      if (loaded !== undefined) return { loaded, own: false };
    }
    return { loaded: await this.lead(text, own), own: true };
  }

  /** The load that has not begun, where it may be joined. */
  nextOf(text: string): Flight | undefined {
    const next = this.queued.get(text);
    return next?.certain && !isWaitingForUs(next) ? next : undefined;
  }

  /** Has a load queue for its turn; beside one that is queued already, it is nobody's to join. */
  enter(text: string, flight: Flight): Turn {
    const isQueued = !this.queued.has(text);
    if (isQueued) this.queued.set(text, flight);
    const running = this.running.get(text);
    const before = running && !isWaitingForUs(running) ? running : undefined;
    if (before !== undefined) flight.waitsFor = new Set([before]); // whoever joins this one waits for that one, too
    const leaveQueue = () => {
      if (this.queued.get(text) === flight) this.queued.delete(text);
    };
    return {
      before,
      came: this.turn(before),
      begin: () => {
        leaveQueue();
        if (isQueued) this.running.set(text, flight);
      },
      end: () => {
        leaveQueue();
        if (this.running.get(text) === flight) this.running.delete(text);
      },
    };
  }

  private async lead(text: string, { load, certain }: QueuedLoad): Promise<Loaded> {
    const flight = new Flight(certain);
    const turn = this.enter(text, flight);
    try {
      await turn.came;
      turn.begin();
      const loaded = await loading(flight, () => load(flight));
      inheritFrom(flight.inheritance);
      flight.land(loaded);
      return loaded;
    } catch (error) {
      inheritFrom(flight.inheritance);
      flight.crash(error);
      throw error;
    } finally {
      turn.end();
    }
  }

  /** Waits for the load before, else for whoever comes in this turn. */
  private async turn(before: Flight | undefined): Promise<void> {
    if (before === undefined) return new Promise((resolve) => nextTick(resolve));
    const settled = waiting(before, before.settled());
    await this.patience
      .bound(
        settled,
        () => new Error('late'),
        (error) => error,
      )
      .catch(() => undefined);
  }
}
