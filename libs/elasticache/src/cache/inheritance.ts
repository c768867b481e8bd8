import type { Entry, Tier } from '../entry/cache.entry.js';

/** Tags that an entry gets from those it was made of: each with the version it was read under, none where memory is the tier. */
export type Inherited = ReadonlyMap<string, string | undefined>;

/**
 * The tags of the entries that a load was made of. With the versions under which these were read the
 * new entry is one only while they stand: it is invalid from the start where one was evicted since.
 */
export class Inheritance {
  private versions: Map<string, string | undefined> | undefined;
  private isUnknown = false;

  get isEmpty(): boolean {
    return this.versions === undefined && !this.isUnknown;
  }

  /** Of an entry that was read, or a value that was loaded, in a cache of that tier. */
  add({ tags = [], borne }: Pick<Entry, 'tags' | 'borne'>, tier: Tier): void {
    if (tier === 'memory') for (const tag of tags) this.put(tag, undefined);
    else if (tags.length > 0 && borne === undefined) this.spoil();
    else for (const [tag, version] of borne ?? []) this.put(tag, version);
  }

  /** What it was made of bears tags, and nobody knows their versions. */
  spoil(): void {
    this.isUnknown = true;
  }

  addAll({ versions, isUnknown }: Inheritance): void {
    for (const [tag, version] of versions ?? []) this.put(tag, version);
    this.isUnknown ||= isUnknown;
  }

  /** What an entry of a tier gets; `'unknown'` where it must not be stored, as nobody could evict it. */
  in(tier: Tier): Inherited | 'unknown' | undefined {
    if (this.isUnknown) return 'unknown';
    if (tier === 'memory' || this.versions === undefined) return this.versions;
    return new Map([...this.versions].filter(([, version]) => version !== undefined));
  }

  /** The first version counts: what was read under it is no longer true where there is another. */
  private put(tag: string, version: string | undefined): void {
    this.versions ??= new Map();
    if (this.versions.get(tag) === undefined) this.versions.set(tag, version);
  }
}
