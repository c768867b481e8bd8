import type { Bus } from '../coherence/bus.js';
import { type CacheError, CacheSerializationError } from '../errors/cache.errors.js';
import type { Glob } from '../key/glob.js';
import type { KeyNaming } from '../key/names.js';
import type { Invalidation } from '../memory/near.caches.js';
import type { NearTier } from '../memory/near.tier.js';
import type {
  Ask,
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
import type { TagStore } from '../store/tag.store.js';
import type { Clock } from '../time/clock.js';

export interface TieredStoreParts {
  /** Where other processes have copies: the cache and its scope, by each name that these go by. */
  readonly places: readonly NearPlace[];
  readonly shared: CacheStore;
  readonly near: NearTier;
  readonly bus: Bus;
  readonly clock: Clock;
}

/** A cache in one scope, as invalidations name it. */
export interface NearPlace {
  readonly cache: string;
  /** Default the global one. */
  readonly scope?: string;
  /** What keys are called; default by themselves. */
  readonly nameOf?: KeyNaming | undefined;
}

/** A lease with what its value needs to be copied into memory. */
interface CountedLease extends Lease {
  readonly count: number;
}

/**
 * The shared tier with copies in this process's memory. What is read and what is loaded is copied;
 * what is written is not, until it is read. An invalidation is acknowledged by the shared tier, then
 * by the bus, and then our own copies go: in any other order a read that comes in between could take
 * in again what was just removed.
 */
export class TieredStore implements CacheStore {
  readonly unsent?: NonNullable<CacheStore['unsent']>;

  constructor(private readonly parts: TieredStoreParts) {
    const { unsent } = parts.shared;
    if (unsent !== undefined) this.unsent = unsent;
  }

  look(ask: Ask): Promise<Look> {
    const { shared, near } = this.parts;
    const { count } = near;
    const fill = (look: Look) => this.filled(ask, look, count);
    return shared.look(ask, fill).then(fill);
  }

  async lookMany(asks: readonly Ask[]): Promise<(Look | CacheError)[]> {
    const { shared, near, clock } = this.parts;
    const { count } = near;
    const looks = await shared.lookMany(asks);
    const now = clock.now();
    return looks.map((look, i) =>
      look instanceof Error ? look : this.filled(asks[i]!, look, count, now),
    );
  }

  async claim(ask: Ask, view: View, options: ClaimOptions): Promise<Claim> {
    const { count } = this.parts.near;
    const claim = await this.parts.shared.claim(ask, view, options);
    if (claim.kind !== 'won') return claim;
    const lease: CountedLease = { ...claim.lease, count };
    return { kind: 'won', lease };
  }

  async keep(lease: Lease, write: StoreWrite): Promise<boolean> {
    const isKept = await this.parts.shared.keep(lease, write);
    if (isKept) this.fill(lease, write);
    return isKept;
  }

  async keepMany(writes: readonly (readonly [Lease, StoreWrite])[]) {
    const outcomes = await this.parts.shared.keepMany(writes);
    for (const [i, [lease, write]] of writes.entries()) {
      if (outcomes[i] === true) this.fill(lease, write);
    }
    return outcomes;
  }

  release(lease: Lease, mark: boolean): Promise<void> {
    return this.parts.shared.release(lease, mark);
  }

  versionsOf(ask: Ask, view: View) {
    return this.parts.shared.versionsOf(ask, view);
  }

  isCurrent(lease: Lease, view: View): boolean | Promise<boolean> {
    return this.parts.shared.isCurrent(lease, view);
  }

  async begin(ask: Ask, guarded: boolean): Promise<Lease> {
    const { shared } = this.parts;
    const lease = await shared.begin(ask, guarded);
    if (!guarded) return lease;
    try {
      return await this.invalidating(async () => lease, [ask.text]);
    } catch (error) {
      void shared.abandon(lease).catch(() => undefined);
      throw error;
    }
  }

  beginUnkeyed(tags: readonly string[], lateTags: boolean): Promise<Unkeyed> {
    return this.parts.shared.beginUnkeyed(tags, lateTags);
  }

  keyed(unkeyed: Unkeyed, text: string): Promise<Lease> {
    return this.parts.shared.keyed(unkeyed, text);
  }

  finish(lease: Lease, write: StoreWrite | undefined) {
    return this.invalidating(() => this.parts.shared.finish(lease, write), [lease.text]);
  }

  abandon(lease: Lease): Promise<void> {
    return this.parts.shared.abandon(lease);
  }

  putMany(writes: readonly StoreWrite[]) {
    const texts = writes.map(({ text }) => text);
    return this.invalidating(() => this.parts.shared.putMany(writes), texts);
  }

  /** Nobody's copy is wrong where nothing was stored. */
  async putIfAbsent(ask: Ask, write: StoreWrite): Promise<Look | undefined> {
    const look = await this.parts.shared.putIfAbsent(ask, write);
    return look ?? this.invalidating(async () => undefined, [write.text]);
  }

  async evict(texts: readonly string[]): Promise<number> {
    if (texts.length === 0) return 0;
    return this.invalidating(() => this.parts.shared.evict(texts), texts);
  }

  /** Of the copies all go: a pattern is for those who have the keys. */
  evictMatching(glob: Glob): Promise<number> {
    return this.invalidating(() => this.parts.shared.evictMatching(glob));
  }

  clear(): Promise<number> {
    return this.invalidating(() => this.parts.shared.clear());
  }

  async guard(guarded: Guarded): Promise<Guard> {
    const texts = 'texts' in guarded ? guarded.texts : undefined;
    const guard = await this.parts.shared.guard(guarded);
    return toldGuard(guard, (work) => this.invalidating(work, texts));
  }

  inspect(ask: Ask): Promise<Inspection> {
    return this.parts.shared.inspect(ask);
  }

  private filled(ask: Ask, look: Look, count: number, asOf?: number): Look {
    if (look.entry === undefined) return look;
    const now = asOf ?? this.parts.clock.now();
    const entry = this.parts.near.fill(ask.text, look.entry, count, now);
    return entry === look.entry ? look : { entry, view: look.view };
  }

  private fill(lease: Lease, { text, entry }: StoreWrite): void {
    const { near, clock } = this.parts;
    near.fill(text, entry, (lease as CountedLease).count, clock.now());
  }

  private invalidating<T>(work: () => Promise<T>, texts?: readonly string[]): Promise<T> {
    const { bus, places } = this.parts;
    const invalidations = places.map(({ nameOf, ...place }): Invalidation => {
      if (texts === undefined) return place;
      return { ...place, texts: nameOf === undefined ? texts : texts.map(nameOf) };
    });
    return invalidating(bus, invalidations, work);
  }
}

/** The tags of the shared tier, where there are copies of what bears them. */
export class TieredTags implements TagStore {
  constructor(
    private readonly parts: {
      readonly shared: TagStore;
      readonly bus: Bus;
      /** Whether any cache has copies; not only of those in use here. */
      readonly isNeeded: () => boolean;
    },
  ) {}

  evict(tags: readonly string[]): Promise<void> {
    return this.invalidating(() => this.parts.shared.evict(tags), tags);
  }

  async guard(tags: readonly string[]): Promise<Guard> {
    const guard = await this.parts.shared.guard(tags);
    return toldGuard(guard, (work) => this.invalidating(work, tags));
  }

  evictEverywhere(tags: readonly string[]): Promise<void> {
    const { bus, isNeeded, shared } = this.parts;
    const work = () => shared.evictEverywhere(tags);
    return isNeeded() ? invalidating(bus, [{ everyTag: true }], work) : work();
  }

  private invalidating<T>(work: () => Promise<T>, tags: readonly string[]): Promise<T> {
    const { bus, isNeeded } = this.parts;
    return isNeeded() ? invalidating(bus, [{ tags }], work) : work();
  }
}

/**
 * The shared tier, then the bus, then our own copies. Where the shared tier failed nobody knows what
 * it did: all are told as far as that can be had, but nobody waits for it.
 */
export async function invalidating<T>(
  bus: Bus,
  invalidations: readonly Invalidation[],
  work: () => Promise<T>,
): Promise<T> {
  const publish = () => Promise.all(invalidations.map((one) => bus.publish(one)));
  try {
    const outcome = await work().catch(async (error: unknown) => {
      const telling = publish();
      // A value that cannot be stored: what it should have replaced is gone, and that is acknowledged.
      if (error instanceof CacheSerializationError) await telling;
      else telling.catch(() => undefined);
      throw error;
    });
    await publish();
    return outcome;
  } finally {
    for (const invalidation of invalidations) bus.near.apply(invalidation);
  }
}

/** A guard whose phases both reach the copies, too. */
async function toldGuard(
  guard: Guard,
  invalidating: <T>(work: () => Promise<T>) => Promise<T>,
): Promise<Guard> {
  try {
    await invalidating(async () => undefined);
  } catch (error) {
    guard.lapse();
    throw error;
  }
  return {
    lift: () => invalidating(() => guard.lift()),
    lapse: () => guard.lapse(),
  };
}
