/** What a process of a scenario and its parent say to each other. */
import type { Invalidation, Read } from '../coherence/history.js';
import type { Address } from './subject.js';

/** As JSON on the command line of the process. */
export interface LoadOptions {
  readonly process: string;
  readonly seed: number;
  /** The name of a file in `subjects/`. */
  readonly subject: string;
  readonly address: Address;
  readonly mix: 'all' | 'registers';
  readonly perSecond: number;
  /** Whether it counts its timers, which slows it down. */
  readonly countsTimers: boolean;
}

export type CallKind =
  'cold' | 'hot' | 'read' | 'strict read' | 'broken' | 'write' | 'strict write';

export interface Call {
  readonly kind: CallKind;
  readonly key: number;
  /** Milliseconds on the clock of all processes. */
  readonly begin: number;
  readonly end: number;
  /** What the application should not have seen: an error that is not its own, a value that is not the row's. */
  readonly fault?: string;
  /** Whether it is a row that is not the one that was asked for, or not as its loader made it. */
  readonly isWrongRow?: boolean;
}

/** An eviction, acknowledged or not; it begins with the commit. */
export interface Attempt extends Invalidation {
  readonly isAcknowledged: boolean;
  /** Whether a failure of it was told. */
  readonly isReported: boolean;
}

export interface Recorded {
  calls: Call[];
  reads: Read[];
  attempts: Attempt[];
}

/** What a process holds; for what it must not hold ever more of. */
export interface Holdings {
  readonly sockets: number;
  readonly timers: number;
  readonly heapMiB: number;
}

/** What is asked of a process, with its answer. */
export interface Orders {
  start: void;
  /** With the calls that are stuck. */
  stop: readonly string[];
  look: readonly Read[];
  breakDatabase: void;
  mendDatabase: void;
  holdings: Holdings;
}

export type ToProcess =
  | { readonly id: number; readonly order: keyof Orders }
  | { readonly row: number; readonly version: number };

export type FromProcess =
  | { readonly ready: true }
  | { readonly answerTo: number; readonly answer: unknown }
  | { readonly row: number; readonly what: 'read' | 'commit'; readonly key: number }
  | { readonly recorded: Recorded }
  /** Of no call: an unhandled rejection, a warning of a leak. */
  | { readonly fault: string };
