import type { Bus } from '../coherence/bus.js';
import { type CacheError, CacheSerializationError } from '../errors/cache.errors.js';
import type { Glob } from '../key/glob.js';
import type { KeyNaming } from '../key/names.js';
import type { Invalidation } from '../memory/near.caches.js';
import type { NearTier } from '../memory/near.tier.js';
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

/** Whatever was invalidated before this count was so before the value was made. */
interface Counted {
  readonly count: number;
}

/**
 * The shared tier with copies in this process's memory. What is read and what is loaded is copied;
 * what is written is not, until it is read, but where memory alone is to keep it. An invalidation is
 * acknowledged by the shared tier, then by the bus, and then our own copies go: in any other order a
 * read that comes in between could take in again what was just removed.
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

  async lookMany(asks: Asks): Promise<(Look | CacheError)[]> {
    const { shared, near, clock } = this.parts;
    const { count } = near;
    const looks = await shared.lookMany(asks);
    const now = clock.now();
    return looks.map((look, i) =>
      look instanceof Error ? look : this.filled(asks.at(i)!, look, count, now),
    );
  }

  async claim(ask: Ask, view: View, options: ClaimOptions): Promise<Claim> {
    const { count } = this.parts.near;
    const claim = await this.parts.shared.claim(ask, view, options);
    if (claim.kind !== 'won') return claim;
    const lease: Lease & Counted = { ...claim.lease, count };
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

  release(lease: Lease, mark: boolean): Promise<unknown> {
    return this.parts.shared.release(lease, mark);
  }

  versionsOf(ask: Ask, view: View) {
    return this.parts.shared.versionsOf(ask, view);
  }

  isCurrent(lease: Lease, view: View): boolean | Promise<boolean> {
    return this.parts.shared.isCurrent(lease, view);
  }

  async begin(ask: Ask, guarded: boolean): Promise<Lease> {
    const { shared, near } = this.parts;
    const { count } = near;
    const lease = await shared.begin(ask, guarded);
    if (!guarded) return { ...lease, count } as Lease;
    try {
      return await this.invalidating(async () => lease, [ask.text]);
    } catch (error) {
      void shared.abandon(lease).catch(() => undefined);
      throw error;
    }
  }

  async beginUnkeyed(tags: readonly string[], lateTags: boolean): Promise<Unkeyed> {
    const { count } = this.parts.near;
    const unkeyed: Unkeyed = await this.parts.shared.beginUnkeyed(tags, lateTags);
    return { ...unkeyed, count } as Unkeyed;
  }

  async keyed(unkeyed: Unkeyed, text: string): Promise<Lease> {
    const { count } = unkeyed as Unkeyed & Counted;
    return { ...(await this.parts.shared.keyed(unkeyed, text)), count } as Lease;
  }

  async finish(lease: Lease, write: StoreWrite | undefined) {
    const { shared } = this.parts;
    if (write?.only !== 'memory') {
      return this.invalidating(() => shared.finish(lease, write), [lease.text]);
    }
    const work = () => shared.finish(lease, undefined);
    // A strict writer may die before it tells that it has overtaken this one.
    const isAlone = lease.kind !== 'guard' && lease.versions !== undefined;
    if (!isAlone) return this.invalidating(work, [lease.text]);
    const [isKept] = await this.replaced([write], (lease as Lease & Counted).count, work);
    return isKept!;
  }

  abandon(lease: Lease): Promise<void> {
    return this.parts.shared.abandon(lease);
  }

  putMany(writes: readonly StoreWrite[]) {
    const { shared, near } = this.parts;
    const texts = writes.map(({ text }) => text);
    if (writes[0]?.only !== 'memory') {
      return this.invalidating(() => shared.putMany(writes), texts);
    }
    return this.replaced(writes, near.count, () => shared.evict(texts));
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
    if (look.entry === undefined || ask.only === 'shared') return look;
    const now = asOf ?? this.parts.clock.now();
    const entry = this.parts.near.fill(ask.text, look.entry, count, now);
    return entry === look.entry ? look : { entry, view: look.view };
  }

  private fill(lease: Lease, { text, entry, only }: StoreWrite): void {
    const { near, clock } = this.parts;
    if (only !== 'shared') near.fill(text, entry, (lease as Lease & Counted).count, clock.now());
  }

  /**
   * What the writes replace goes, everywhere, and they stay here alone, unless somebody else
   * invalidated them since they were begun. Nothing can come in between that look and the copies.
   */
  private async replaced(
    writes: readonly StoreWrite[],
    count: number,
    work: () => Promise<unknown>,
  ): Promise<boolean[]> {
    const { near, clock, bus } = this.parts;
    const invalidations = this.invalidations(writes.map(({ text }) => text));
    let kept: boolean[];
    try {
      await told(bus, invalidations, work);
      kept = writes.map(
        ({ text, entry: { tags = [] } }) =>
          near.isUntouched(text, count) && bus.near.tags.evictedSince(tags, count) === undefined,
      );
    } finally {
      dropOwn(bus, invalidations);
    }
    for (const [i, { text, entry }] of writes.entries()) {
      if (kept[i]) near.fill(text, entry, near.count, clock.now());
    }
    return kept;
  }

  private invalidating<T>(work: () => Promise<T>, texts?: readonly string[]): Promise<T> {
    return invalidating(this.parts.bus, this.invalidations(texts), work);
  }

  private invalidations(texts: readonly string[] | undefined): readonly Invalidation[] {
    return this.parts.places.map(({ nameOf, ...place }): Invalidation => {
      if (texts === undefined) return place;
      return { ...place, texts: nameOf === undefined ? texts : texts.map(nameOf) };
    });
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
  try {
    return await told(bus, invalidations, work);
  } finally {
    dropOwn(bus, invalidations);
  }
}

async function told<T>(
  bus: Bus,
  invalidations: readonly Invalidation[],
  work: () => Promise<T>,
): Promise<T> {
  const publish = () => Promise.all(invalidations.map((one) => bus.publish(one)));
  const outcome = await work().catch(async (error: unknown) => {
    const telling = publish();
    // A value that cannot be stored: what it should have replaced is gone, and that is acknowledged.
    if (error instanceof CacheSerializationError) await telling;
    else telling.catch(() => undefined);
    throw error;
  });
  await publish();
  return outcome;
}

function dropOwn({ near }: Bus, invalidations: readonly Invalidation[]): void {
  for (const invalidation of invalidations) near.apply(invalidation);
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
