/** What a process of a run and its parent say to each other. */
import type { Read } from './history.js';
import type { SubjectOptions } from './subject.js';
import type { Recorded } from './workload.js';

/** As JSON on the command line of the process. */
export interface WorkerOptions extends SubjectOptions {
  readonly process: string;
  readonly seed: number;
}

export type Order =
  | { readonly order: 'go' | 'rest' | 'look' }
  | { readonly order: 'hush'; readonly ms: number }
  /** One operation by its name, without pauses of ours. */
  | {
      readonly order: 'call';
      readonly id: number;
      readonly operation: string;
      readonly key: number;
    }
  | { readonly order: 'answer'; readonly id: number; readonly version: number };

export interface Tally {
  readonly readErrors: number;
  readonly writeErrors: number;
  readonly failures: number;
}

export type Report =
  | { readonly report: 'ready' }
  | { readonly report: 'ask'; readonly id: number; readonly what: Ask; readonly key: number }
  | { readonly report: 'recorded'; readonly recorded: Recorded }
  | { readonly report: 'resting'; readonly tally: Tally }
  | { readonly report: 'looked'; readonly reads: Read[] }
  | {
      readonly report: 'called';
      readonly id: number;
      readonly result?: Called;
      readonly failed?: string;
    };

export interface Called {
  /** What a read saw. */
  readonly version?: number | undefined;
  /** Whether a write was. */
  readonly isAcknowledged?: boolean;
}

/** A query to the database, which the parent keeps. */
export type Ask = 'read' | 'commit';
