import type { BorneTags, Entry } from '../entry/cache.entry.js';
import { CacheSerializationError } from '../errors/cache.errors.js';
import type { Glob } from '../key/glob.js';
import { boundedText } from '../key/key.layout.js';
import { plainTag } from '../key/tag.names.js';
import type {
  Ask,
  Asks,
  CacheStore,
  Claim,
  ClaimOptions,
  Guard,
  Guarded,
  Inspection,
  Lease,
  Look,
  StoreWrite,
  Unkeyed,
  View,
} from '../store/cache.store.js';
import { newToken } from '../store/token.js';
import type { Clock } from '../time/clock.js';
import type { MemoryTier } from './memory.tier.js';
import type { MemoryVersions } from './memory.versions.js';
import type { RemovalCause } from './removals.js';

export interface MemoryStoreParts {
  readonly tier: MemoryTier;
  readonly versions: MemoryVersions;
  readonly clock: Clock;
}

/** What stands beside an entry: whose load or write is under way. */
interface Held {
  readonly kind: 'load' | 'write';
  readonly token: string;
}

interface MemoryView extends View {
  readonly count: number;
  readonly entry: Entry | undefined;
}

interface MemoryLease extends Lease {
  /** Evictions of tags when its value began to be made. */
  readonly count: number;
  readonly lateTags: boolean;
}

/**
 * The protocol where one process's memory is the only tier: leases are tokens in a map, and an
 * eviction that finds one takes it away, in the turn in which it is called. Strict mode adds nothing
 * here: a process that dies takes its entries with it.
 */
export class MemoryStore implements CacheStore {
  private readonly held = new Map<string, Held>();
  /** Counts the writes, for those that learn their key from the result. */
  private epoch = 0;

  constructor(private readonly parts: MemoryStoreParts) {}

  async look(ask: Ask): Promise<Look> {
    return this.lookNow(ask);
  }

  async lookMany(asks: Asks): Promise<Look[]> {
    return Array.from({ length: asks.length }, (_, place) => this.lookNow(asks.at(place)!));
  }

  async claim(ask: Ask, view: View, { token, replaced }: ClaimOptions): Promise<Claim> {
    const key = boundedText(ask.text);
    const held = this.held.get(key);
    if (held?.kind === 'write') return { kind: 'barred' };
    if (held !== undefined && held.token !== replaced) {
      return { kind: 'held', token: held.token, waits: true };
    }
    if (this.lookNow(ask).entry !== (view as MemoryView).entry) return { kind: 'changed' };
    this.held.set(key, { kind: 'load', token });
    return { kind: 'won', lease: this.leaseOf(ask, token, 'load') };
  }

  async keep(lease: Lease, write: StoreWrite): Promise<boolean> {
    return this.keepNow(lease, write);
  }

  async keepMany(writes: readonly (readonly [Lease, StoreWrite])[]) {
    return each(writes, ([lease, write]) => this.keepNow(lease, write));
  }

  async release(lease: Lease): Promise<void> {
    if (this.holds(lease)) this.held.delete(boundedText(lease.text));
  }

  async versionsOf(_: Ask, { versions }: View) {
    return versions;
  }

  isCurrent(lease: Lease, view: View): boolean {
    const { count, lateTags, tags } = lease as MemoryLease;
    const { versions } = this.parts;
    if (lateTags && (view as MemoryView).count !== count) return false;
    return versions.evictedSince(tags, count) === undefined;
  }

  async begin(ask: Ask): Promise<Lease> {
    return this.take(ask);
  }

  async beginUnkeyed(tags: readonly string[]): Promise<Unkeyed> {
    return { tags, versions: this.versionsNow(), epoch: String(this.epoch) };
  }

  async keyed({ tags, versions, epoch }: Unkeyed, text: string): Promise<Lease> {
    const lease = this.take({ text, tags });
    const count = Number(versions!.tokens[0]);
    return {
      ...lease,
      count,
      versions: epoch === String(this.epoch) ? versions : undefined,
    } as Lease;
  }

  async finish(lease: Lease, write: StoreWrite | undefined): Promise<boolean> {
    this.epoch++;
    const isStored = this.holds(lease) && write !== undefined;
    this.remove(lease.text, isStored ? 'replaced' : 'explicit');
    return isStored && this.store(lease, write);
  }

  abandon(lease: Lease): Promise<void> {
    return this.release(lease);
  }

  async putMany(writes: readonly StoreWrite[]) {
    this.epoch++;
    return each(writes, (write) => this.putNow(write));
  }

  async putIfAbsent(ask: Ask, write: StoreWrite): Promise<Look | undefined> {
    const look = this.lookNow(ask);
    if (look.entry !== undefined && look.entry.expiresAt > this.parts.clock.now()) return look;
    this.epoch++;
    this.putNow(write);
    return undefined;
  }

  async evict(texts: readonly string[]): Promise<number> {
    this.epoch++;
    return texts.filter((text) => this.remove(text)).length;
  }

  async evictMatching(glob: Glob): Promise<number> {
    this.epoch++;
    for (const key of this.held.keys()) if (glob.matches(key)) this.held.delete(key);
    return this.parts.tier.deleteMatching(glob);
  }

  async clear(): Promise<number> {
    this.epoch++;
    this.held.clear();
    return this.parts.tier.deleteMatching();
  }

  async guard(guarded: Guarded): Promise<Guard> {
    return {
      lift: async () => {
        if ('texts' in guarded) return this.evict(guarded.texts);
        return guarded.restore ? 0 : this.clear();
      },
      lapse: () => undefined,
    };
  }

  async inspect(ask: Ask): Promise<Inspection> {
    const lease = this.held.get(boundedText(ask.text))?.kind ?? 'none';
    return { look: this.lookNow({ ...ask, peeks: true }), key: ask.text, lease, versions: {} };
  }

  private lookNow({ text, peeks = false }: Ask): Look {
    const { tier, versions, clock } = this.parts;
    const found = tier.peek(text, clock.now(), !peeks);
    const isEvicted = found !== undefined && 'evicted' in found;
    const entry = isEvicted ? undefined : found;
    const view: MemoryView = { count: versions.now, versions: this.versionsNow(), entry };
    if (entry !== undefined) return { view, entry };
    if (!isEvicted) return { view, miss: 'absent' };
    return { view, miss: `tag ${plainTag(found.evicted)}`, tags: found.tags };
  }

  private versionsNow() {
    const count = String(this.parts.versions.now);
    return { stamp: count, tokens: [count] };
  }

  private leaseOf({ text, tags, lateTags = false }: Ask, token: string, kind: Lease['kind']) {
    const count = this.parts.versions.now;
    const lease: MemoryLease = {
      text,
      token,
      tags,
      kind,
      count,
      lateTags,
      versions: this.versionsNow(),
    };
    return lease;
  }

  /** Takes the lease for a write from whoever has it. */
  private take(ask: Ask): MemoryLease {
    const lease = this.leaseOf(ask, newToken(), 'write');
    this.held.set(boundedText(ask.text), { kind: 'write', token: lease.token });
    return lease;
  }

  private holds({ text, token }: Lease): boolean {
    return this.held.get(boundedText(text))?.token === token;
  }

  private keepNow(lease: Lease, write: StoreWrite): boolean {
    if (!this.holds(lease)) return false;
    this.held.delete(boundedText(lease.text));
    return this.store(lease, write);
  }

  /** Stores what no tag it bears was evicted of since its value began to be made. */
  private store(lease: Lease, write: StoreWrite): boolean {
    const { count } = lease as MemoryLease;
    const { tier, versions, clock } = this.parts;
    if (lease.versions === undefined) return false;
    if (versions.evictedSince(write.entry.tags ?? [], count) !== undefined) return false;
    if (write.inherited !== undefined) {
      const borne = versioned(write.inherited);
      write.entry.borne = () => borne;
    }
    return tier.set(write, count, clock.now());
  }

  private putNow(write: StoreWrite): boolean {
    const { tier, versions, clock } = this.parts;
    this.held.delete(boundedText(write.text));
    return tier.set(write, versions.now, clock.now());
  }

  /** The entry, and the lease of whoever has it. */
  private remove(text: string, cause?: RemovalCause): boolean {
    this.held.delete(boundedText(text));
    return this.parts.tier.delete(text, cause);
  }
}

/** Those of entries in Redis, for entries in Redis that are made of this one. */
function versioned(inherited: NonNullable<StoreWrite['inherited']>): BorneTags {
  return [...inherited].flatMap(([tag, version]) =>
    version === undefined ? [] : [[tag, version] as const],
  );
}

/** What each came to; a value that cannot be stored does not keep the others out. */
function each<T>(
  items: readonly T[],
  store: (item: T) => boolean,
): (boolean | CacheSerializationError)[] {
  return items.map((item) => {
    try {
      return store(item);
    } catch (error) {
      if (error instanceof CacheSerializationError) return error;
      throw error;
    }
  });
}
