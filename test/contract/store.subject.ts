/** A store under test, and what the parts of the suite do with one. */
import type { Entry } from '../../libs/elasticache/src/entry/cache.entry.js';
import type {
  Ask,
  CacheStore,
  Lease,
  Look,
  StoreWrite,
  View,
} from '../../libs/elasticache/src/store/cache.store.js';
import type { TagStore } from '../../libs/elasticache/src/store/tag.store.js';
import { newToken } from '../../libs/elasticache/src/store/token.js';

export interface StoreNames {
  readonly cache?: string;
  readonly namespace?: string;
  readonly version?: string | number;
}

/** A store behind which the suite can reach. */
export interface StoreUnderTest {
  /** Stores of the same names share what they hold: they are those of two processes, where there can be two. */
  open(names: StoreNames): CacheStore;
  /** The tags of the namespace `test`. */
  tags(): TagStore;
  /** Whether a strict write guards anything: in one process's memory there is nothing to be guarded. */
  readonly guards: boolean;
}

export interface Contract {
  readonly under: () => StoreUnderTest;
  /** Names that nothing else uses. */
  readonly fresh: () => StoreNames;
  /** A store of such names. */
  readonly open: () => CacheStore;
}

const MINUTE_MS = 60_000;

let caches = 0;

export function fresh(): StoreNames {
  return { cache: `contract${++caches}` };
}

let tags = 0;

/** A tag that nothing else uses. */
export function freshTag(): string {
  return `tag${++tags}`;
}

export function ask(text: string, ...known: readonly string[]): Ask {
  return { text, tags: known };
}

/** Of a call whose value will name more tags. */
export function lateAsk(text: string, ...known: readonly string[]): Ask {
  return { text, tags: known, lateTags: true };
}

export function entryOf(value: unknown, more: Partial<Entry> = {}): Entry {
  const now = Date.now();
  return { value, createdAt: now, expiresAt: now + MINUTE_MS, ...more };
}

export function writeOf(text: string, value: unknown, ...borne: readonly string[]): StoreWrite {
  const entry = entryOf(value, borne.length > 0 ? { tags: borne } : {});
  return { text, entry, lifeMs: MINUTE_MS };
}

/** An entry as it went in: a tier may keep more with it. */
export function shown(entry: Entry | undefined): Entry | undefined {
  if (entry === undefined) return undefined;
  const { value, createdAt, expiresAt, emissions, tags: borne = [] } = entry;
  return {
    value,
    createdAt,
    expiresAt,
    ...(emissions && { emissions }),
    ...(borne.length > 0 && { tags: borne }),
  };
}

/** What a look finds: the value, or nothing. */
export async function valueOf(store: CacheStore, asked: Ask | string): Promise<unknown> {
  const { entry } = await store.look(typeof asked === 'string' ? ask(asked) : asked);
  return entry?.value;
}

/** A load's claim after a look of its own. */
export async function claimOf(store: CacheStore, asked: Ask, replaced?: string) {
  const { view } = await store.look(asked);
  return store.claim(asked, view, { token: newToken(), replaced });
}

/** The lease of a load that has just begun. */
export async function loadOf(store: CacheStore, asked: Ask | string): Promise<Lease> {
  const claim = await claimOf(store, typeof asked === 'string' ? ask(asked) : asked);
  if (claim.kind !== 'won') throw new Error(`the claim was not won, but ${claim.kind}`);
  return claim.lease;
}

/** Loads and stores. */
export async function fill(
  store: CacheStore,
  asked: Ask | string,
  value: unknown = 'old',
): Promise<void> {
  const { text, tags: known } = typeof asked === 'string' ? ask(asked) : asked;
  const lease = await loadOf(store, asked);
  if (!(await store.keep(lease, writeOf(text, value, ...known)))) {
    throw new Error('the load was not stored');
  }
}

/** Looks and claims at once, as a call that found nothing. */
export function claimAfter(store: CacheStore, asked: Ask, { view }: Look | { view: View }) {
  return store.claim(asked, view, { token: newToken() });
}

/** What stands under many keys, all of which could be looked up. */
export async function looksAt(store: CacheStore, asks: readonly Ask[]): Promise<Look[]> {
  return (await store.lookMany(asks)).map((look) => {
    if (look instanceof Error) throw look;
    return look;
  });
}
