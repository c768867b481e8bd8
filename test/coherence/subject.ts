/** A cache as the checker uses it: ours, a peer, or one that is broken on purpose. */
import type { ConnectionOptions } from 'nestjs-elasticache';

/** The database as the processes reach it: one register per key. */
export interface Register {
  /** The version of the row; as slow as a query. */
  load(key: number): Promise<number>;
  /** Makes the version grow by one; answers with the new one. */
  commit(key: number): Promise<number>;
}

export interface ReadOperation {
  readonly name: string;
  readonly weight: number;
  /** It does not load. */
  readonly isLook?: boolean;
  /** Of one key; where there is no `runMany`. */
  readonly run?: (key: number) => Promise<number | undefined>;
  /** A key that it does not know is absent. */
  readonly runMany?: (keys: number[]) => Promise<Map<number, number>>;
}

/** Commits once, and invalidates. */
export interface WriteOperation {
  readonly name: string;
  readonly weight: number;
  /** What it invalidates besides the key. Default: nothing. */
  readonly reaches?: 'group' | 'all';
  /** It stores what it committed, and promises no more than that. */
  readonly isPut?: boolean;
  /** It invalidates after the write and apart from it: what strict mode knows nothing of until then. */
  readonly isApart?: boolean;
  /** True once the invalidation was acknowledged. */
  readonly run: (key: number, commit: Commit) => Promise<boolean>;
}

/** The write of one call: the row's new version. */
export type Commit = () => Promise<number>;

export interface Subject {
  readonly reads: readonly ReadOperation[];
  readonly writes: readonly WriteOperation[];
  /** What repairs a write that was not acknowledged. */
  readonly evict: (key: number) => Promise<boolean>;
  /** Failures it reported, of reads and writes. */
  readonly failures: () => number;
  close(): Promise<unknown>;
}

/** What a subject is made of, as a process is told on its command line. */
export interface SubjectOptions {
  /** The name of a file in `subjects/`, and of a variant that it knows: `bentocache/memory`. */
  readonly subject: string;
  readonly consistency: 'default' | 'strict';
  /** Of copies in memory; default {@link MAX_STALENESS_MS}. */
  readonly maxStalenessMs?: number;
  /** `timeouts.store`; default the library's. */
  readonly storeMs?: number;
  /** Without one, memory is the only tier. */
  readonly redis?: Address;
  /** The library's entry, where it is not the package as it was built. */
  readonly library?: string;
}

export interface Address {
  readonly isCluster: boolean;
  /** Standalone: the first. */
  readonly ports: readonly number[];
  /** In place of the ports: what the library makes a client of by itself. */
  readonly connection?: ConnectionOptions;
  /** Of a cluster's nodes that this process reaches by another port only: from, to. */
  readonly instead: readonly (readonly [number, number])[];
}

export type CreateSubject = (options: SubjectOptions, register: Register) => Promise<Subject>;

/** Whether each process has copies in its memory, and a stream tells it of invalidations. */
export function hasCopies(subject: string): boolean {
  return subject.startsWith('elasticache/memory');
}

/** How far behind others' invalidations copies in memory may be: less than writes pause for, so that nothing repairs one that stays. */
export const MAX_STALENESS_MS = 300;

/** Hot keys, each in one of the groups that share a tag. */
export const KEYS = [0, 1, 2, 3, 4, 5, 6, 7, 8];

export function groupOf(key: number): string {
  return `group-${key % 3}`;
}

export function reached(key: number, { reaches }: WriteOperation): number[] {
  if (reaches === 'all') return KEYS;
  return reaches === 'group' ? KEYS.filter((other) => groupOf(other) === groupOf(key)) : [key];
}

export async function readOne(
  { run, runMany }: ReadOperation,
  key: number,
): Promise<number | undefined> {
  return run ? run(key) : (await runMany?.([key]))?.get(key);
}
