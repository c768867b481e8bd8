import type { PlaceJournal } from '../coherence/journal.js';
import type { Tier } from '../entry/cache.entry.js';
import type { TagNaming } from '../key/names.js';
import type { Memory } from '../memory/memory.tier.js';
import type { Deadline } from '../resilience/deadline.js';
import type { CacheStore } from '../store/cache.store.js';
import type { Clock } from '../time/clock.js';
import type { Random } from '../time/jitter.js';
import type { CachePolicy } from './cache.policy.js';
import type { CacheRecorder } from './cache.recorder.js';
import type { LoadRoom } from './load.runner.js';
import type { SensitiveValues } from './sensitive.values.js';

/** What a cache is made of. */
export interface NamedCacheParts {
  readonly policy: CachePolicy;
  readonly memory: Memory;
  readonly store: CacheStore;
  /** The tier behind `store`. */
  readonly tier: Tier;
  /** See {@link TagSource}. */
  readonly realm: object;
  readonly recorder: CacheRecorder;
  readonly clock: Clock;
  readonly random: Random;
  /** The parts of its keys beside its name. */
  readonly place: { readonly namespace: string; readonly version: string; readonly scope: string };
  /** Whose entries these are, where they are a tenant's. */
  readonly tenant?: string | undefined;
  /** Default: those of the global scope. */
  readonly nameTags?: TagNaming;
  /** What must not be cached, where there is such. */
  readonly sensitive?: SensitiveValues | undefined;
  /** Of the loads of all scopes, where these are bounded. */
  readonly room?: LoadRoom | undefined;
  /** Of `waitMs`. */
  readonly patience: Deadline;
  /** Of `loadMs`. */
  readonly limit?: Deadline | undefined;
  /** Aborted when the application shuts down. */
  readonly closing: AbortSignal;
  /** Of the evictions that have failed; default of none. */
  readonly journal?: PlaceJournal | undefined;
}
