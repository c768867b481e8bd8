import { AsyncLocalStorage } from 'node:async_hooks';

import { CacheTimeoutError } from '../errors/cache.errors.js';
import { Bulkhead } from '../resilience/bulkhead.js';
import type { Deadline } from '../resilience/deadline.js';
import type { Clock } from '../time/clock.js';
import type { CachePolicy } from './cache.policy.js';
import type { CacheRecorder } from './cache.recorder.js';
import type { Flight } from './flight.js';
import { loading } from './load.context.js';

export interface LoadRunnerParts {
  readonly policy: CachePolicy;
  readonly recorder: CacheRecorder;
  readonly clock: Clock;
  /** How long a load waits for room. */
  readonly patience: Deadline;
  /** How long a loader may take; default as long as it does. */
  readonly limit?: Deadline | undefined;
  /** Aborted when the application shuts down. */
  readonly closing: AbortSignal;
  readonly where: string;
  /** Default: one of its own, as the policy says. */
  readonly room?: LoadRoom | undefined;
}

/** Told by the signal when nobody waits any more. */
export type Load<T> = (signal: AbortSignal) => Promise<T>;

/** How many loads of a cache run at a time in this process: in all its scopes together. */
export class LoadRoom {
  readonly bulkhead: Bulkhead;
  /** Whether the running code has room already: a load within a load of the same cache needs none of its own. */
  readonly inside = new AsyncLocalStorage<{ isOver: boolean }>();

  constructor(limits: NonNullable<CachePolicy['loads']>) {
    this.bulkhead = new Bulkhead(limits);
  }
}

/** Runs the loaders of one cache: counts them and, where `loads` says so, bounds how many run at a time. */
export class LoadRunner {
  private readonly room: LoadRoom | undefined;

  constructor(private readonly parts: LoadRunnerParts) {
    const { loads } = parts.policy;
    this.room = parts.room ?? (loads && new LoadRoom(loads));
  }

  /** Whether the running code is part of a load that has room here. What that load has left running is not. */
  get isInside(): boolean {
    return this.room?.inside.getStore()?.isOver === false;
  }

  /** Whether a load would have to wait for room. */
  get isFull(): boolean {
    return this.room !== undefined && this.room.bulkhead.isFull && !this.isInside;
  }

  /** Runs what needs room of its own, though begun in a load. */
  outside<T>(work: () => T): T {
    return this.room === undefined ? work() : this.room.inside.exit(work);
  }

  /**
   * `flight` is the load's, where others may wait for it.
   *
   * @throws CacheTimeoutError (`CACHE_LOADS_FULL`) where there is no room in time, or
   *   (`CACHE_LOAD_TIMEOUT`) where the loader takes too long
   */
  run<T>(text: string, load: Load<T>, flight?: Flight): Promise<T> {
    const { limit } = this.parts;
    if (limit === undefined) return this.runToItsEnd(text, load, flight);
    return new Promise((resolve, reject) => {
      const begin = () => this.limited(limit, load, reject);
      this.inRoom(text, begin, flight).then(resolve, reject);
    });
  }

  /** The same however long it takes: what a method that writes makes untrue is known when it ends. */
  runToItsEnd<T>(text: string, load: Load<T>, flight?: Flight): Promise<T> {
    return this.inRoom(text, () => load(this.parts.closing), flight);
  }

  /** Who waits is told when the time is over, and the loader by its signal; it keeps its room until it has ended. */
  private limited<T>(limit: Deadline, load: Load<T>, reject: (error: Error) => void): Promise<T> {
    const { closing, where } = this.parts;
    const ending = new AbortController();
    const close = () => ending.abort(closing.reason);
    if (closing.aborted) close();
    else closing.addEventListener('abort', close);
    const work = load(ending.signal).finally(() => closing.removeEventListener('abort', close));
    const expired = () => {
      const error = new CacheTimeoutError('CACHE_LOAD_TIMEOUT', { where, ms: limit.ms });
      reject(error);
      ending.abort(error);
      return error;
    };
    limit.bound(work, expired, (error) => error).catch(() => undefined); // told by the work itself
    return work;
  }

  private inRoom<T>(text: string, load: () => Promise<T>, flight?: Flight): Promise<T> {
    if (this.room === undefined || this.isInside) return this.timed(text, load, flight);
    const { bulkhead, inside } = this.room;
    const place = { isOver: false };
    const loadInside = () =>
      inside
        .run(place, () => this.timed(text, load, flight))
        .finally(() => {
          place.isOver = true;
        });
    const caller = { refused: () => this.full() };
    const work = bulkhead.run(loadInside, caller);
    return this.inTime(work, () => (bulkhead.leave(caller) ? this.full() : BEGUN));
  }

  /** The wait for room is bounded, a load that has begun is not. */
  private inTime<T>(work: Promise<T>, expired: () => Error): Promise<T> {
    const waited = this.parts.patience.bound(work, expired, (error) => error);
    return waited.catch((error: unknown) => {
      if (error === BEGUN) return work;
      throw error;
    });
  }

  private full(): CacheTimeoutError {
    const { where, policy } = this.parts;
    return new CacheTimeoutError('CACHE_LOADS_FULL', { where, ...policy.loads! });
  }

  private timed<T>(text: string, load: () => Promise<T>, flight?: Flight): Promise<T> {
    const { clock, recorder } = this.parts;
    const start = clock.now();
    const ended = (failed: boolean) => recorder.loaded(text, clock.now() - start, failed);
    if (flight !== undefined) return loading(flight, load, ended);
    return load().then(
      (value) => {
        ended(false);
        return value;
      },
      (error: unknown) => {
        ended(true);
        throw error;
      },
    );
  }
}

/** The load had begun when the wait was over. */
const BEGUN = new Error('begun');
