import type { Guard } from '../store/cache.store.js';
import type { TagStore } from '../store/tag.store.js';
import type { MemoryVersions } from './memory.versions.js';

/** The tags of the caches that live in this process's memory. */
export class MemoryTags implements TagStore {
  constructor(private readonly versions: MemoryVersions) {}

  async evict(tags: readonly string[]): Promise<void> {
    this.versions.evict(tags);
  }

  async guard(tags: readonly string[]): Promise<Guard> {
    return {
      lift: async () => {
        this.versions.evict(tags);
        return 0;
      },
      lapse: () => undefined,
    };
  }

  /** Of what stands under which name only the invalidations are known: whatever bears a tag is invalid. */
  async evictEverywhere(): Promise<void> {
    this.versions.evictAll();
  }
}
