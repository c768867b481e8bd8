import type { Entry, Tier } from '../entry/cache.entry.js';
import type { Versions } from '../store/cache.store.js';

/** Tags that an entry gets from those it was made of: each with the version it was read under, none where memory is the tier. */
export type Inherited = ReadonlyMap<string, string | undefined>;

/** What an entry bears, as far as that is known. */
type Borne = Pick<Entry, 'tags' | 'borne'>;

/** Where a cache's tags are: in one application, in one of its tiers. */
export interface TagSource {
  /** Tags of one application say nothing to another's. */
  readonly realm: object;
  readonly tier: Tier;
}

/**
 * The tags of the entries that a load was made of. With the versions under which these were read the
 * new entry is one only while they stand: it is invalid from the start where one was evicted since.
 */
export class Inheritance {
  private realms: Map<object, Map<string, string | undefined> | 'unknown'> | undefined;

  get isEmpty(): boolean {
    return this.realms === undefined;
  }

  /** Of an entry that was read, or a value that was loaded. */
  add({ tags = [], borne }: Borne, { realm, tier }: TagSource): void {
    const isUnknown = tier === 'shared' && tags.length > 0 && borne === undefined;
    if (isUnknown) return this.spoil(realm);
    if (tier === 'memory') for (const tag of tags) this.put(realm, tag, undefined);
    for (const [tag, version] of borne?.() ?? []) this.put(realm, tag, version);
  }

  /** What it was made of bears tags, and nobody knows their versions. */
  spoil(realm: object): void {
    (this.realms ??= new Map()).set(realm, 'unknown');
  }

  addAll({ realms }: Inheritance): void {
    for (const [realm, versions] of realms ?? []) {
      if (versions === 'unknown') this.spoil(realm);
      else for (const [tag, version] of versions) this.put(realm, tag, version);
    }
  }

  /** What an entry gets; `'unknown'` where it must not be stored, as nobody could evict it. */
  in({ realm, tier }: TagSource): Inherited | 'unknown' | undefined {
    const versions = this.realms?.get(realm);
    if (versions === undefined || versions === 'unknown' || tier === 'memory') return versions;
    return new Map([...versions].filter(([, version]) => version !== undefined));
  }

  /** What was read under two versions is not true as a whole. */
  private put(realm: object, tag: string, version: string | undefined): void {
    this.realms ??= new Map();
    let versions = this.realms.get(realm);
    if (versions === 'unknown') return;
    if (versions === undefined) this.realms.set(realm, (versions = new Map()));
    const known = versions.get(tag);
    if (known === undefined) versions.set(tag, version);
    else if (version !== undefined && version !== known) this.spoil(realm);
  }
}

/** The tags of a value that is no entry, with the versions that stood before it was loaded. */
export function seenTags(tags: readonly string[], versions: Versions | undefined): Borne {
  const { tokens = [] } = versions ?? {};
  if (tokens.length <= tags.length) return { tags };
  return { tags, borne: () => tags.map((tag, i) => [tag, tokens[1 + i]!] as const) };
}
