/** An application as the suite loads it: ours, or a peer's. */

/** How a process reaches its servers. */
export type Address =
  | { readonly kind: 'one'; readonly port: number }
  | { readonly kind: 'sentinel'; readonly name: string; readonly port: number }
  | { readonly kind: 'cluster'; readonly ports: readonly number[] };

export const HOST = '127.0.0.1';

/** What is cached. */
export interface Row {
  readonly key: number;
  readonly version: number;
  /** Of the two before it: bytes that were changed on their way do not keep it. */
  readonly check: number;
}

export function rowOf(key: number, version: number): Row {
  return { key, version, check: key * 1_000_003 + version };
}

export function isWhole(row: Row, key: number): boolean {
  return row.key === key && row.check === rowOf(key, row.version).check;
}

/** What the application says when its database fails. It must reach the caller as it is. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
}

/** The database as loaders reach it. A query takes a millisecond. */
export interface Rows {
  /** A row that nobody changes. */
  row(id: number): Promise<Row>;
  /** Of a register, whose version grows with each commit; all processes share it. */
  load(key: number): Promise<Row>;
  /** Always fails, with an error of its own. */
  fail(): Promise<never>;
}

/** A read of one row, each kind through a cache of its own. */
export interface Reads {
  /** Of a row that nobody has read before. */
  cold(id: number): Promise<Row>;
  /** Of a row that memory holds. */
  hot(id: number): Promise<Row>;
  /** Of a register. */
  find(key: number): Promise<Row>;
  /** The same, in strict mode. */
  findStrictly?(key: number): Promise<Row>;
  /** Its loader throws. */
  broken?(id: number): Promise<Row>;
}

/** Commits, and invalidates; answers with whether that was acknowledged, as far as the application is told. */
export type Write = (key: number, commit: Commit) => Promise<boolean>;

export type Commit = () => Promise<void>;

export interface Subject {
  readonly reads: Reads;
  readonly writes: {
    readonly change: Write;
    readonly evict: Write;
    readonly changeStrictly?: Write;
  };
  /** Evictions of the key in this cache that were reported as failed, so far. */
  reported(cache: string, key: number): number;
  /** Whether a write was refused since what it changes cannot be guarded: that is what was asked for. */
  isRefusal(error: unknown): boolean;
  close(): Promise<unknown>;
}

export type CreateSubject = (address: Address, rows: Rows) => Promise<Subject>;

/** Registers, in a cache by default and in a strict one. */
export const KEYS = [0, 1, 2, 3, 4, 5, 6, 7, 8];
export const STRICT_KEYS = KEYS.map((key) => 100 + key);

export const CACHES = { cold: 'cold', hot: 'hot', default: 'things', strict: 'guarded' } as const;
