import type { Entry, Tier } from '../entry/cache.entry.js';
import type { MissReason } from '../events/cache.events.js';
import type { CacheError, CacheSerializationError } from '../errors/cache.errors.js';
import type { Glob } from '../key/glob.js';

/*
 * What a cache needs of the tier it lives in, and the protocol's vocabulary. The rules, and why each
 * is as it is, are in docs/explanation/coherence.md; in short:
 *
 * - A load claims the lease of its key after its look and stores only while it has it; evictions and
 *   writes take the lease away. So an eviction beats every load that began before it.
 * - An entry bears the versions of its cache and tags as they stood before its value was made, and
 *   is one only while they stand. So clearing is removing one key.
 * - A write takes the lease before its method. Where two overlap, neither leaves a value.
 * - In strict mode a write raises a guard before its method: nothing is stored until it has left.
 */

/** What is asked of one key. */
export interface Ask {
  /** The encoded key. */
  readonly text: string;
  /** The tags that are known before the value is. */
  readonly tags: readonly string[];
  /** The value will name more of them. */
  readonly lateTags?: boolean;
  /** Looks and changes nothing: no time to idle is renewed, and what cannot be read stays. */
  readonly peeks?: boolean;
  /** `'shared'`: what is found is not copied into memory. */
  readonly only?: Tier | undefined;
}

/** What is asked of many keys: an array, or what makes each where it is needed. */
export interface Asks {
  readonly length: number;
  /** What all have in common, where they differ in their keys alone. */
  readonly like?: Pick<Ask, 'tags' | 'lateTags'>;
  at(place: number): Ask | undefined;
}

/** The versions that stood at one moment. Two are equal where their stamps are. */
export interface Versions {
  readonly stamp: string;
  /** Of the cache, then of the tags asked for, then the tag epoch where late tags are expected. */
  readonly tokens: readonly string[];
}

/** What a look saw beside the entry, for the claim and the store that follow. */
export interface View {
  /** Undefined where one is missing, or pending. */
  readonly versions: Versions | undefined;
}

/** What stands under a key, whose versions hold: one that expired, too. */
export interface Look {
  readonly entry?: Entry | undefined;
  /** Where there is no entry. */
  readonly miss?: MissReason | undefined;
  /** Those of an entry that is there and no longer valid. */
  readonly tags?: readonly string[] | undefined;
  /** The bytes could not be read. They were removed. */
  readonly error?: CacheSerializationError | undefined;
  readonly view: View;
}

/** The right to store one value under one key, for as long as nothing invalidates it. */
export interface Lease {
  readonly text: string;
  /** Unguessable. */
  readonly token: string;
  /** Those the entry will bear; undefined where nothing can be stored. */
  readonly versions: Versions | undefined;
  readonly tags: readonly string[];
  /** A load's, a write's, or a strict write's. */
  readonly kind: 'load' | 'write' | 'guard';
  /** What keeps it alive, where something has to. */
  readonly renewal?: { end(): Promise<unknown> | undefined };
}

export type Claim =
  | { readonly kind: 'won'; readonly lease: Lease }
  /** A load is under way; `waits` where its value is worth waiting for. */
  | { readonly kind: 'held'; readonly token: string; readonly waits: boolean }
  /** Something else stands there than was seen: look again. */
  | { readonly kind: 'changed' }
  /** A write is under way: load, and store nothing. */
  | { readonly kind: 'barred' };

/** How a claim is made. */
export interface ClaimOptions {
  readonly token: string;
  /** The token of a load of this process that began under other versions: its lease is taken over. */
  readonly replaced?: string | undefined;
}

/** One entry to be stored under an encoded key. */
export interface StoreWrite {
  readonly text: string;
  readonly entry: Entry;
  /** How long it is kept from now, in milliseconds: its life, and the time it may serve stale. */
  readonly lifeMs: number;
  /** Tags that it bears under these versions, whatever they are now. */
  readonly inherited?: ReadonlyMap<string, string | undefined>;
  /** `'memory'`: the shared tier orders it as any other, and does not keep it; `'shared'`: memory does not. */
  readonly only?: Tier | undefined;
}

/** What of a write may be stored for: a value whose key was not known when it was made. */
export interface Unkeyed {
  readonly versions: Versions | undefined;
  readonly tags: readonly string[];
  /** The cache's write epoch before the method. */
  readonly epoch: string | undefined;
}

/** What a strict write keeps others from storing: entries, or all of the cache. */
export type Guarded =
  | { readonly texts: readonly string[] }
  /** `restore`: entries that were there before are valid again afterwards. */
  | { readonly everything: true; readonly restore: boolean };

/** A strict write under way. */
export interface Guard {
  /** Second phase: removes what was guarded, and lets others store again. How many entries were removed. */
  lift(): Promise<number>;
  /** The second phase cannot be had: the guard ends by itself, and what it guarded is invalid then. */
  lapse(): void;
}

/**
 * The tier a cache lives in, on the encoded keys of this one cache. Every method rejects with a
 * `CacheError` alone: `CacheUnavailableError`, `CacheTimeoutError`, or `CacheSerializationError` for
 * a value that cannot be stored.
 */
export interface CacheStore {
  /**
   * Where a caller notes that its look is not sent yet; emptied when it is. Whoever asks for the same
   * before that may take part in that call. One note, not one a key: a crowd asks for one.
   */
  readonly unsent?: { note: { readonly text: string } | undefined };
  /** `late` is told what came after the caller was told that it comes too late. */
  look(ask: Ask, late?: (look: Look) => void): Promise<Look>;
  /** In the order asked, in one round trip; the error for what could not be looked up among them. Does not reject. */
  lookMany(asks: Asks): Promise<(Look | CacheError)[]>;
  /** After a look. */
  claim(ask: Ask, view: View, options: ClaimOptions): Promise<Claim>;
  /** Stores and gives the lease up. False where it was lost. */
  keep(lease: Lease, write: StoreWrite): Promise<boolean>;
  /** In one round trip; an answer per write, the error for a value that cannot be stored among them. */
  keepMany(
    writes: readonly (readonly [Lease, StoreWrite])[],
  ): Promise<(boolean | CacheSerializationError)[]>;
  /** Gives a lease up unused; nobody needs the answer. `mark`: the next load is not worth waiting for. */
  release(lease: Lease, mark: boolean): Promise<unknown>;
  /** The versions for a value that is loaded without a lease: those that were seen, made where there were none. */
  versionsOf(ask: Ask, view: View): Promise<Versions | undefined>;
  /** Whether a load may be joined by a call that saw these versions after it began. */
  isCurrent(lease: Lease, view: View): boolean | Promise<boolean>;

  /** Before a method whose result will be written; `guarded` in strict mode. */
  begin(ask: Ask, guarded: boolean): Promise<Lease>;
  /** Before a method whose result will name the key. */
  beginUnkeyed(tags: readonly string[], lateTags: boolean): Promise<Unkeyed>;
  /** After it: its lease, which stores nothing where another write came between. */
  keyed(unkeyed: Unkeyed, text: string): Promise<Lease>;
  /** After the method: stores, or removes what is there. False where the lease was lost, the error where the tier refused the value; nothing is there then. */
  finish(lease: Lease, write: StoreWrite | undefined): Promise<boolean | CacheError>;
  /** The method brought nothing to be stored: what is there stays. */
  abandon(lease: Lease): Promise<void>;

  /** Stores values that nothing orders. */
  putMany(writes: readonly StoreWrite[]): Promise<(boolean | CacheSerializationError)[]>;
  /** Stores where nothing valid is, and answers with undefined then, else with what is there. */
  putIfAbsent(ask: Ask, write: StoreWrite): Promise<Look | undefined>;

  /** How many entries were there. Acknowledged, or rejected. */
  evict(texts: readonly string[]): Promise<number>;
  /** In bounded steps; the loads in flight for matching keys lose their leases. */
  evictMatching(glob: Glob): Promise<number>;
  /** How many entries were there, as far as that is known. */
  clear(): Promise<number>;
  guard(guarded: Guarded): Promise<Guard>;
  /** What stands under the key, for {@link Cache.explain}. */
  inspect(ask: Ask): Promise<Inspection>;
}

/** A key's state in the tier. */
export interface Inspection {
  readonly look: Look;
  /** The full key, as the tier has it. */
  readonly key: string;
  readonly lease: 'none' | 'load' | 'write' | 'strict write' | 'unstored load';
  /** The version of the cache, then of each tag of the entry and of the ask; undefined where there is none. */
  readonly versions: Readonly<Record<string, string | undefined>>;
}

const nothing: View = { versions: undefined };

/** Where there is nothing to be guarded. */
export const noGuard: Guard = { lift: async () => 0, lapse: () => undefined };

/** Stands in where caching is off: nothing is found, and nothing may be stored. */
export const noStore: CacheStore = {
  look: async () => ({ miss: 'absent', view: nothing }),
  lookMany: async ({ length }) => Array.from({ length }, () => ({ miss: 'absent', view: nothing })),
  claim: async () => ({ kind: 'barred' }),
  keep: async () => false,
  keepMany: async (writes) => writes.map(() => false),
  release: async () => undefined,
  versionsOf: async () => undefined,
  isCurrent: () => false,
  begin: async ({ text, tags }) => ({ text, tags, token: '', versions: undefined, kind: 'write' }),
  beginUnkeyed: async (tags) => ({ tags, versions: undefined, epoch: undefined }),
  keyed: async ({ tags }, text) => ({ text, tags, token: '', versions: undefined, kind: 'write' }),
  finish: async () => false,
  abandon: async () => undefined,
  putMany: async (writes) => writes.map(() => false),
  putIfAbsent: async () => undefined,
  evict: async () => 0,
  evictMatching: async () => 0,
  clear: async () => 0,
  guard: async () => noGuard,
  inspect: async ({ text }) => ({
    look: { miss: 'absent', view: nothing },
    key: text,
    lease: 'none',
    versions: {},
  }),
};
