import type { EntryVersions } from '../codec/entry.versions.js';
import type { Entry } from '../entry/cache.entry.js';
import type { KeyLayout, TagLayout } from '../key/key.layout.js';
import type { CacheSerializationError } from '../errors/cache.errors.js';
import type { MissReason } from '../events/cache.events.js';
import type { Ask, Lease, Look, StoreWrite, Versions, View } from './cache.store.js';
import { SEEN_BYTES } from './lua.scripts.js';
import type { Bytes, ReadBatch } from './read.batch.js';
import { type RedisVersions, tokenOf } from './redis.versions.js';

export type Tagged = Pick<Ask, 'tags' | 'lateTags'>;

/** What one look brought, and the view it is for the claim that follows: one object, as most looks are hits. */
export class RedisLook implements Look, View {
  entry: Entry | undefined;
  miss: MissReason | undefined;
  tags: readonly string[] | undefined;
  error: CacheSerializationError | undefined;
  /** Those that were made where some were missing. */
  made: Versions | undefined;

  constructor(
    readonly ask: Ask,
    /** What stands under the key; null, too, where it was removed because it could not be read. */
    public bytes: Bytes,
    readonly versionBytes: readonly Bytes[],
  ) {}

  get view(): View {
    return this;
  }

  get versions(): Versions | undefined {
    return this.made ?? versionsOf(this.versionBytes.map(tokenOf));
  }

  /** What a claim compares: an entry stored since has other times, or another version. */
  get seen(): Buffer | '' {
    return this.bytes?.subarray(0, SEEN_BYTES) ?? '';
  }

  found(entry: Entry, borne: Entry['borne']): this {
    if (borne !== undefined) entry.borne = borne;
    this.entry = entry;
    return this;
  }

  missed(reason: MissReason): this {
    this.miss = reason;
    return this;
  }
}

/** Which versions the entries of one cache bear, and how they are read. */
export class RedisStamps {
  private readonly untagged: readonly string[];
  /** Those last asked for: most operations ask with one and the same list of tags, call by call. */
  private last: { readonly ask: Tagged; readonly keys: readonly string[] } | undefined;

  constructor(
    private readonly parts: {
      readonly layout: KeyLayout;
      readonly tags: TagLayout;
      readonly reads: ReadBatch;
      readonly versions: RedisVersions;
    },
  ) {
    this.untagged = [parts.layout.version];
  }

  /** The version keys of the cache, of the tags and, where late ones are expected, of the tag epoch. */
  keysOf(ask: Tagged): readonly string[] {
    const { tags, lateTags } = ask;
    if (tags.length === 0 && !lateTags) return this.untagged;
    const { last } = this;
    if (last?.ask.tags === tags && last.ask.lateTags === lateTags) return last.keys;
    const epoch = lateTags ? [this.parts.tags.epoch] : [];
    const keys = [this.parts.layout.version, ...this.keysOfTags(tags), ...epoch];
    this.last = { ask, keys };
    return keys;
  }

  keysOfTags(tags: readonly string[]): readonly string[] {
    return tags.map((tag) => this.parts.tags.version(tag));
  }

  /** The versions as they stand, made where there are none; undefined where one is pending. */
  async current(ask: Tagged, found?: readonly Bytes[]): Promise<Versions | undefined> {
    const keys = this.keysOf(ask);
    const seen = found ?? (await this.parts.reads.versions(keys));
    const tokens = seen.map(tokenOf);
    const missing = keys.filter((_, i) => seen[i] === null || isForeign(seen[i]!));
    if (missing.length > 0) {
      const made = await this.parts.versions.ensure(missing);
      for (const [m, key] of missing.entries()) tokens[keys.indexOf(key)] = made[m];
    }
    return versionsOf(tokens);
  }

  /**
   * What an entry made under a lease bears; undefined where a tag it names only now was evicted
   * meanwhile. A promise only where there is such a tag.
   */
  of(
    { versions, tags }: Lease,
    { entry, inherited }: Pick<StoreWrite, 'entry' | 'inherited'>,
  ): EntryVersions | undefined | Promise<EntryVersions | undefined> {
    if (versions === undefined) return undefined;
    if (entry.tags === undefined) return { cache: versions.tokens[0]!, tags: [] };
    const [cache, ...tokens] = versions.tokens as [string, ...string[]];
    const known = tags.map((tag, i) => [tag, tokens[i]!] as const);
    for (const [tag, version] of inherited ?? []) {
      const at = tags.indexOf(tag);
      if (at < 0) known.push([tag, version!]);
      else if (tokens[at] !== version) return undefined; // evicted between the two looks
    }
    const late = entry.tags.filter((tag) => !tags.includes(tag) && !inherited?.has(tag));
    const epoch = tokens[tags.length];
    // With an epoch, what was inherited may be a tag that the value names, too.
    if (late.length === 0 && (epoch === undefined || inherited === undefined)) {
      return { cache, tags: known };
    }
    if (epoch === undefined) return undefined;
    return this.late(late, epoch).then((added) => added && { cache, tags: [...known, ...added] });
  }

  /**
   * Whether the versions that a lease was given for still stood when somebody looked. Those of tags that
   * only the lease's call has named are looked at now.
   */
  stands(
    { versions, tags }: Lease,
    { ask, versions: seen }: RedisLook,
  ): boolean | Promise<boolean> {
    if (versions === undefined || seen === undefined) return false;
    const { tokens, stamp } = versions;
    if (seen.stamp === stamp) return true;
    const known = new Map(this.keysOf(ask).map((key, i) => [key, seen.tokens[i]]));
    const keys = this.keysOf({ tags, lateTags: tokens.length > tags.length + 1 });
    const isMoved = keys.some((key, i) => known.has(key) && known.get(key) !== tokens[i]);
    const unseen = keys.flatMap((key, i) => (known.has(key) ? [] : [i]));
    if (isMoved || unseen.length === 0) return !isMoved;
    return this.parts.reads.versions(unseen.map((i) => keys[i]!)).then(
      (found) => unseen.every((i, u) => tokenOf(found[u]!) === tokens[i]),
      () => false, // what cannot be seen is not believed
    );
  }

  /** Lets the versions an entry bears outlive it. */
  extend({ cache, tags }: EntryVersions, lifeMs: number): void {
    const { versions, layout } = this.parts;
    versions.extend(layout.version, cache, lifeMs);
    const keys = tags.length === 0 ? [] : this.keysOfTags(tags.map(([tag]) => tag));
    for (const [i, key] of keys.entries()) versions.extend(key, tags[i]![1], lifeMs);
  }

  /** The tags' versions first, then the epoch, which every eviction of a tag moves before it removes a version. */
  private async late(tags: readonly string[], epoch: string) {
    const keys = this.keysOfTags(tags);
    const found = (await this.parts.reads.versions(keys)).map(tokenOf);
    const missing = keys.filter((_, i) => found[i] === undefined);
    if (missing.length > 0) {
      const made = await this.parts.versions.ensure(missing);
      for (const [m, key] of missing.entries()) found[keys.indexOf(key)] = made[m];
    }
    const [now] = await this.parts.reads.versions([this.parts.tags.epoch]);
    if (tokenOf(now!) !== epoch || found.includes(undefined)) return undefined;
    return tags.map((tag, i) => [tag, found[i]!] as const);
  }
}

/** What stands in a version's place and is none, nor pending. */
function isForeign(bytes: Buffer): boolean {
  return tokenOf(bytes) === undefined && bytes[0] !== 0x21;
}

function versionsOf(tokens: readonly (string | undefined)[]): Versions | undefined {
  if (tokens.includes(undefined)) return undefined;
  return { stamp: tokens.join(''), tokens: tokens as readonly string[] };
}
