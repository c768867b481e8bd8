import type { TagLayout } from '../key/key.layout.js';
import { scopeOfTag } from '../key/tag.names.js';
import { type Guard, noGuard } from './cache.store.js';
import type { LeaseKeeper } from './lease.keeper.js';
import type { RedisExchange } from './redis.exchange.js';
import { suspend } from './redis.guards.js';
import type { RedisVersions } from './redis.versions.js';

/** The tags of a namespace, in one tier. */
export interface TagStore {
  /** Whatever bears one of them is invalid. Acknowledged, or rejected. */
  evict(tags: readonly string[]): Promise<void>;
  /** First phase of a strict eviction. */
  guard(tags: readonly string[]): Promise<Guard>;
}

/** Stands in where there is no shared tier. */
export const noTags: TagStore = {
  evict: async () => undefined,
  guard: async () => noGuard,
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
