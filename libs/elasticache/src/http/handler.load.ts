import type { Observable } from 'rxjs';

import type { Flight } from '../cache/flight.js';
import type { Entry } from '../entry/cache.entry.js';
import type { Lease } from '../store/cache.store.js';
import { type Account, type Answer, sendStored, timesOf } from './answer.js';
import type { Forward } from './cache.status.js';
import { sendCaptured } from './captured.answer.js';
import {
  type Captured,
  copyFields,
  type Start,
  startOf,
  withLateFields,
} from './detached.response.js';
import { answerOf, type EntrySearch, type Seen } from './entry.search.js';
import type { ReadParts } from './read.parts.js';
import { type Passage, runDetached } from './response.loads.js';
import type { StoredResponse } from './stored.response.js';

/** How loads ended that others waited for; those that stored are not here. */
const unstored = new WeakMap<Flight, 'refused' | 'failed'>();

/** Whether a load ended with something that is not to be stored: the next would, too. */
export function wasRefused(flight: Flight): boolean {
  return unstored.get(flight) === 'refused';
}

/** What a failure is that an expired response stands in for. (RFC 5861 §4) */
const FAILURES = [500, 502, 503, 504];

/** What a load holds, so that it may store. */
export interface Under {
  readonly flight: Flight;
  readonly lease: Lease;
  /** The client has an answer: this is for those who come. */
  readonly isAnswered?: boolean;
}

interface Load {
  readonly seen: Seen;
  readonly under: Under | undefined;
  readonly forward: Forward;
  readonly passage: Passage;
  readonly isAnswered: boolean;
}

interface Kept {
  readonly stored: Answer | undefined;
  readonly detail?: string | undefined;
}

/** Runs the handler for a request, stores what comes of it, and sends it. */
export class HandlerLoad {
  /** Before anything of this request's answer stands on it. */
  private readonly start: Start;

  constructor(
    private readonly parts: ReadParts,
    private readonly search: EntrySearch,
  ) {
    this.start = startOf(parts.exchange);
  }

  /** Runs the handler. Without a lease nothing is stored. */
  run(seen: Seen, under: Under | undefined, forward: Forward): Observable<unknown> {
    const { exchange, maker, next, place, plan, reply } = this.parts;
    const { cache } = place;
    const { start } = this;
    const { text } = seen.ask;
    const isAnswered = under?.isAnswered ?? false;
    let held = under;
    const lost = (why: 'streamed' | 'left') => {
      if (why === 'streamed' && !isAnswered && !exchange.response.headersSent) {
        const handling = { kind: 'forward', forward } as const;
        maker.announce(exchange, { verdict: 'MISS', handling }, plan);
      }
      this.landed(seen, held, why === 'left' ? 'failed' : 'refused');
      held = undefined;
    };
    const captured = (response: Captured, passage: Passage) => {
      const load = { seen, under: held, forward, passage, isAnswered };
      this.conclude(response, load).catch((error: unknown) => {
        cache.recorder.failed(error, { operation: 'get', method: plan.method, key: text });
        if (!isAnswered) exchange.response.destroy();
      });
    };
    const run = { exchange, next, cache, text, flight: under?.flight, start, isAnswered };
    return runDetached(
      { ...run, reply: plan.hasOuter ? undefined : (body) => reply(exchange, body) },
      { captured, lost },
    );
  }

  private async conclude(whole: Captured, load: Load): Promise<void> {
    const { exchange, place, plan, maker } = this.parts;
    const { seen, under, passage, isAnswered } = load;
    const response = isAnswered ? whole : withLateFields(exchange, whole);
    const isFailure = passage.isBroken || FAILURES.includes(response.status);
    const { stored, detail } = await this.keep(response, load).catch((error: unknown) => {
      const { method } = plan;
      place.cache.recorder.failed(error, { operation: 'put', method, key: seen.ask.text });
      return { stored: undefined, detail: 'failed' };
    });
    if (stored === undefined) this.landed(seen, under, isFailure ? 'failed' : 'refused');
    else this.settled(seen, under);
    if (isAnswered) return;
    const instead = isFailure ? await this.insteadOf(seen) : undefined;
    if (instead !== undefined) return this.sendInstead(instead, { seen, status: response.status });
    const account = this.accountOf(load, { stored, status: response.status, detail });
    sendCaptured(exchange, response, { account, stored, now: this.now, vary: maker.varyOf(plan) });
  }

  private accountOf(
    { forward }: Load,
    { stored, status, detail }: Kept & { readonly status: number },
  ): Account {
    const { isAuthorised, plan } = this.parts;
    const isBypass = isAuthorised && stored === undefined;
    const handling = {
      kind: 'forward',
      forward: isBypass ? 'bypass' : forward,
      status,
      stored: stored !== undefined,
      detail: plan.options.explain ? detail : undefined,
    } as const;
    return { verdict: isBypass ? 'BYPASS' : 'MISS', handling };
  }

  /** The expired response stands in for the failure. */
  private sendInstead(entry: Entry, { seen, status }: { seen: Seen; status: number }): void {
    const { exchange, place } = this.parts;
    const { ttl } = timesOf(answerOf(entry), this.now);
    place.cache.servedStale(seen.ask.text);
    copyFields(this.start.fields, exchange.response);
    const handling = { kind: 'forward', forward: 'stale', status, ttl } as const;
    const account = { verdict: 'STALE', handling } as const;
    sendStored(exchange, answerOf(entry), { account, now: this.now, isDetached: true });
  }

  private async keep(response: Captured, { seen, under, passage }: Load): Promise<Kept> {
    const { place, plan, exchange, maker, isAuthorised, context } = this.parts;
    const before = this.start.fields;
    const making = { response, before, passage, place, plan, exchange, isAuthorised, context };
    const made = await maker.make(making);
    if (typeof made === 'string') return { stored: undefined, detail: made };
    if (under === undefined) return { stored: undefined, detail: 'not the one to store it' };
    const { inheritance } = under.flight;
    const { stored, options } = made;
    const { lease } = under;
    const { ask } = seen;
    const loaded = { value: stored };
    const isKept = await place.cache.writes.keep({ ask, lease, loaded, options, inheritance });
    if (!isKept) return { stored: undefined, detail: 'invalidated meanwhile' };
    const createdAt = this.now;
    return { stored: { stored, createdAt, expiresAt: createdAt + made.lifetimeMs } };
  }

  private settled({ ask }: Pick<Seen, 'ask'>, under: Under | undefined): void {
    this.parts.place.cache.refreshing.delete(ask.text);
    under?.flight.land(undefined);
  }

  /** Nothing was stored: who waited goes on without. */
  private landed(
    { ask }: Pick<Seen, 'ask'>,
    under: Under | undefined,
    why: 'refused' | 'failed',
  ): void {
    const { cache } = this.parts.place;
    if (under !== undefined) {
      unstored.set(under.flight, why);
      void cache.writes.release(under.lease, why === 'refused');
    }
    this.settled({ ask }, under);
  }

  /** The expired entry that may stand in for a failure, if it is valid still. */
  private async insteadOf(seen: Seen): Promise<Entry | undefined> {
    const again = await this.search.at(seen.ask).catch(() => undefined);
    const entry = again && this.search.fitting(again);
    if (entry === undefined) return undefined;
    const [, , , windowMs] = (entry.value as StoredResponse)[3];
    return windowMs > 0 && this.now < entry.expiresAt + windowMs ? entry : undefined;
  }

  private get now(): number {
    return this.parts.place.cache.clock.now();
  }
}
