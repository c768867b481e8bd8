import type { TagLayout } from '../key/key.layout.js';
import { GLOBAL } from '../key/scope.js';
import { scopeOfTag, tagName } from '../key/tag.names.js';
import { type Guard, noGuard } from './cache.store.js';
import type { LeaseKeeper } from './lease.keeper.js';
import type { RedisExchange } from './redis.exchange.js';
import { suspend } from './redis.guards.js';
import type { RedisVersions } from './redis.versions.js';
import { removeMatching } from './version.scan.js';

/** The tags of a namespace, in one tier, by their names within the library. */
export interface TagStore {
  /** Whatever bears one of them is invalid. Acknowledged, or rejected. */
  evict(tags: readonly string[]): Promise<void>;
  /** First phase of a strict eviction. */
  guard(tags: readonly string[]): Promise<Guard>;
  /** As `evict`, whatever the scope: the tags as the application knows them. */
  evictEverywhere(tags: readonly string[]): Promise<void>;
}

/** Stands in where there is no shared tier. */
export const noTags: TagStore = {
  evict: async () => undefined,
  guard: async () => noGuard,
  evictEverywhere: async () => undefined,
};

/**
 * Evicting a tag is removing its version, in one command however many entries bear it. The tag
 * epoch goes first: a load that learns its tags from the result reads the epoch, loads, reads the
 * tags' versions and then the epoch again; whatever was evicted meanwhile, it finds one of them moved.
 */
export class RedisTags implements TagStore {
  constructor(
    private readonly parts: {
      readonly layout: TagLayout;
      readonly versions: RedisVersions;
      readonly exchange: RedisExchange;
      readonly keeper: LeaseKeeper;
    },
  ) {}

  async evict(tags: readonly string[]): Promise<void> {
    const { versions, exchange } = this.parts;
    const { epochs, keys } = this.keysOf(tags);
    if (!exchange.isCluster) return versions.remove([...epochs, ...keys]);
    await versions.remove(epochs);
    await versions.remove(keys);
  }

  async evictEverywhere(tags: readonly string[]): Promise<void> {
    const { versions, exchange, layout } = this.parts;
    const names = tags.map((tag) => tagName(tag, GLOBAL));
    const { epochs, keys } = this.keysOf(names);
    await removeMatching({ exchange, versions }, [epochs, layout.epochsEverywhere]);
    for (const [i, tag] of tags.entries()) {
      await removeMatching({ exchange, versions }, [[keys[i]!], layout.everywhere(tag)]);
    }
  }

  /** The epoch is guarded, too: a load that learns its tags from the result cannot store meanwhile. */
  guard(tags: readonly string[]): Promise<Guard> {
    const { versions, keeper } = this.parts;
    const { epochs, keys } = this.keysOf(tags);
    return suspend({ versions, keeper, keys: [...epochs, ...keys], restore: false });
  }

  private keysOf(tags: readonly string[]) {
    const { layout } = this.parts;
    const scopes = new Set(tags.map((tag) => scopeOfTag(tag).scope));
    return {
      epochs: [...scopes].map((scope) => layout.epochOf(scope)),
      keys: tags.map((tag) => layout.version(tag)),
    };
  }
}
