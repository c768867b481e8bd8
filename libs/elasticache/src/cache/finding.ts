import type { Entry, Tier } from '../entry/cache.entry.js';
import type { Freshness, FreshnessPolicy } from '../entry/freshness.js';
import type { MissReason } from '../events/cache.events.js';
import type { View } from '../store/cache.store.js';
import type { ManyFailures } from './cache.recorder.js';
import type { Flight } from './flight.js';

/** What a lookup brought: an entry and how fresh it is, or why there is none. */
export interface Finding {
  readonly entry?: Entry;
  readonly freshness: Freshness;
  /** What a claim goes by; absent where nothing may be stored: the tier failed, or a transaction has changed the entry. */
  readonly view?: View;
  /** In its place, where a unit of work stores nothing. */
  readonly seen?: View;
  /** Why there is no entry, as it was counted. */
  readonly miss?: MissReason;
}

/** What a call finds that may store nothing: the tier failed, or it is part of a unit of work. */
export const concealed: Finding = { freshness: 'dead' };

export interface FindOptions {
  readonly freshness?: FreshnessPolicy | undefined;
  readonly only?: Tier | undefined;
  readonly method?: string | undefined;
}

export interface ClaimAttempt {
  readonly flight: Flight;
  readonly token: string;
  readonly replaced?: string | undefined;
  readonly method?: string | undefined;
  /** Told of a failure in place of the error handler. */
  readonly failed?: ManyFailures['note'] | undefined;
}
