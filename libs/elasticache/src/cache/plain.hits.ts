import type { CacheError } from '../errors/cache.errors.js';
import type { ShortKey } from '../key/key.layout.js';
import type { Ask, Asks, Look } from '../store/cache.store.js';
import type { NamedCache } from './named.cache.js';

/** What one look at many keys brought: the values, where each is a plain hit, else what is to be judged one by one. */
export interface Looked {
  readonly values?: unknown[];
  readonly looks?: readonly (Look | CacheError)[];
}

/** Where that is not for one look to tell. */
export const NOT_LOOKED_UP: Looked = {};

/** Asks that are alike but for their keys, each made where it is needed: most hits need none. */
export class AsksAlike implements Asks {
  constructor(
    readonly keys: readonly ShortKey[],
    readonly like: Pick<Ask, 'tags' | 'lateTags'>,
  ) {}

  get length(): number {
    return this.keys.length;
  }

  at(place: number): Ask {
    const { tags, lateTags } = this.like;
    const text = String(this.keys[place]);
    return lateTags ? { text, tags, lateTags } : { text, tags }; // a spread costs a microsecond
  }
}

/**
 * Looks at many keys at once, each there once. Nothing is made for an element but what it takes to read it;
 * nothing is counted unless all are hits, and none may be concealed by a unit of work or an eviction that is
 * to be made up for. None is looked up where there are copies in memory.
 */
export async function lookForPlainHits(cache: NamedCache, asks: AsksAlike): Promise<Looked> {
  const { policy, store, clock, recorder, kind } = cache;
  const [tier, ...others] = policy.tiers;
  if (tier !== 'shared' || others.length > 0 || cache.mayConceal) return NOT_LOOKED_UP;
  const looks = await store.lookMany(asks);
  const now = clock.now();
  const isPlain = (look: Look | CacheError): look is Look =>
    !(look instanceof Error) &&
    look.entry !== undefined &&
    cache.freshnessOf(look.entry, {}, now) === 'fresh';
  if (cache.mayConceal || !looks.every(isPlain)) return { looks };
  return {
    values: looks.map(({ entry }, place) => {
      recorder.hit(asks.keys[place]!, kind);
      return cache.handOut(entry!);
    }),
  };
}
