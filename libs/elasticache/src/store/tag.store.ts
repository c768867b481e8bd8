import type { TagLayout } from '../key/key.layout.js';
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
    const { layout, versions, exchange } = this.parts;
    const keys = tags.map((tag) => layout.version(tag));
    if (!exchange.isCluster) return versions.remove([layout.epoch, ...keys]);
    await versions.remove([layout.epoch]);
    await versions.remove(keys);
  }

  /** The epoch is guarded, too: a load that learns its tags from the result cannot store meanwhile. */
  guard(tags: readonly string[]): Promise<Guard> {
    const { layout, versions, keeper } = this.parts;
    const keys = [layout.epoch, ...tags.map((tag) => layout.version(tag))];
    return suspend({ versions, keeper, keys, restore: false });
  }
}
