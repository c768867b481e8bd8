import { CacheError, UnknownCacheError } from '../errors/cache.errors.js';
import type { Key } from '../key/key.encoding.js';
import type { Cache, CacheStats } from './cache.js';
import { CacheFacade } from './cache.facade.js';
import type { NamedCache } from './named.cache.js';
import { tagsFault } from './tags.js';
import type { TagEvictions } from './tag.evictions.js';
import { evictTagsInUnit } from './unit.writes.js';

export interface CacheManagerSettings {
  /** Makes the cache of a name, which is asked once a name. */
  readonly build: (name: string) => NamedCache;
  /** The configured names, in their order. */
  readonly configured: () => readonly string[];
  readonly dynamicCaches: boolean;
  readonly tags: TagEvictions;
}

/**
 * All caches of one application, by name.
 *
 * @example
 * constructor(private readonly manager: CacheManager) {}
 * await this.manager.getCache('articles').evict(7);
 */
export class CacheManager {
  private readonly facades = new Map<string, CacheFacade>();
  private readonly caches = new Map<string, NamedCache>();

  /** @internal Made by the module. */
  constructor(private readonly settings: CacheManagerSettings) {}

  /**
   * The cache of that name, always the same one; made with the defaults where nobody configured it.
   *
   * @throws UnknownCacheError for such a name where `dynamicCaches` is false
   */
  getCache<K extends Key = Key, V = unknown>(name: string): Cache<K, V> {
    this.assertKnown(name);
    return this.facade(name) as unknown as Cache<K, V>;
  }

  /** The configured caches and those made since. */
  get cacheNames(): string[] {
    return [
      ...new Set([...this.settings.configured(), ...this.facades.keys(), ...this.caches.keys()]),
    ];
  }

  /**
   * Evicts every entry that bears one of these tags, in every cache, in one step however many they
   * are. True once acknowledged by every tier; false: it could not be, and was reported.
   *
   * @throws CacheUnavailableError instead of answering false, under `onEvictFailure: 'throw'`
   */
  async evictTags(...tags: readonly string[]): Promise<boolean> {
    const problem = tagsFault(tags);
    if (problem !== undefined) {
      throw new CacheError('CACHE_OPTION_VALUE', { where: 'evictTags', option: 'tags', problem });
    }
    return evictTagsInUnit(tags, this.settings.tags);
  }

  /** Empties every cache of this application; true once all have acknowledged it. */
  async clearAll(): Promise<boolean> {
    const cleared = await Promise.all(this.cacheNames.map((name) => this.getCache(name).clear()));
    return cleared.every(Boolean);
  }

  /** The counters of every cache, by name. */
  stats(): Record<string, CacheStats> {
    return Object.fromEntries(
      this.cacheNames.map((name) => [name, this.named(name).recorder.stats()]),
    );
  }

  /** @internal The cache to be injected: its name need not be known before every module had its say. */
  facade(name: string): CacheFacade {
    let facade = this.facades.get(name);
    if (facade === undefined) {
      facade = new CacheFacade(name, (asked) => this.named(asked));
      this.facades.set(name, facade);
    }
    return facade;
  }

  /** @internal The cache behind the name, on encoded keys. */
  named(name: string): NamedCache {
    let cache = this.caches.get(name);
    if (cache === undefined) {
      this.assertKnown(name);
      this.caches.set(name, (cache = this.settings.build(name)));
    }
    return cache;
  }

  private assertKnown(name: string): void {
    if (this.settings.dynamicCaches || this.settings.configured().includes(name)) return;
    throw new UnknownCacheError(name, this.settings.configured());
  }
}
