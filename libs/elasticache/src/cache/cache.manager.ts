import { CacheError, UnknownCacheError } from '../errors/cache.errors.js';
import type { Key } from '../key/key.encoding.js';
import type { AllTenants, Cache, CacheStats } from './cache.js';
import { CacheFacade } from './cache.facade.js';
import type { CacheFamily } from './cache.family.js';
import type { TagNaming } from '../key/names.js';
import { tagsFault } from './tags.js';
import type { TagEvictions } from './tag.evictions.js';
import { evictTagsInUnit } from './unit.writes.js';

export interface CacheManagerSettings {
  /** Makes the cache of a name, which is asked once a name. */
  readonly build: (name: string) => CacheFamily;
  /** The configured names, in their order. */
  readonly configured: () => readonly string[];
  readonly dynamicCaches: boolean;
  readonly tags: TagEvictions;
  /** The names, within the library, of tags in the scopes that the running code may evict. */
  readonly nameTags: TagNaming;
  /** Whether keys can be looked for by a pattern. */
  readonly hasReadableKeys: boolean;
  /** What the tags themselves are called, whatever their scope. */
  readonly nameTagsEverywhere: TagNaming;
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
  private readonly families = new Map<string, CacheFamily>();

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
      ...new Set([...this.settings.configured(), ...this.facades.keys(), ...this.families.keys()]),
    ];
  }

  /**
   * Evicts every entry that bears one of these tags, in every cache, in one step however many they
   * are: of the current tenant, and of caches that belong to everybody. True once acknowledged by
   * every tier; false: it could not be, and was reported.
   *
   * @throws CacheUnavailableError instead of answering false, under `onEvictFailure: 'throw'`
   * @throws TenantRequiredError where no tenant is known, and one is required
   */
  async evictTags(...tags: readonly string[]): Promise<boolean> {
    const { tags: evictions, nameTags } = this.settings;
    return evictTagsInUnit(nameTags(checkedTags(tags)), evictions);
  }

  /** Empties every cache of this application, for the current tenant; true once all have acknowledged it. */
  async clearAll(): Promise<boolean> {
    const cleared = await Promise.all(this.cacheNames.map((name) => this.getCache(name).clear()));
    return cleared.every(Boolean);
  }

  /** The counters of every cache, by name, for the current tenant. */
  stats(): Record<string, CacheStats> {
    return this.byName((name) => this.getCache(name).stats());
  }

  /**
   * What concerns all tenants and users at once.
   *
   * @example
   * await manager.forAllTenants().evictTags('prices');
   */
  forAllTenants(): AllTenants<Record<string, CacheStats>> {
    return {
      clear: async () => {
        const all = this.cacheNames.map((name) => this.getCache(name).forAllTenants().clear());
        return (await Promise.all(all)).every(Boolean);
      },
      evictTags: (...tags) => this.evictTagsEverywhere(tags),
      stats: () => this.byName((name) => this.getCache(name).forAllTenants().stats()),
    };
  }

  private async evictTagsEverywhere(tags: readonly string[]): Promise<boolean> {
    const { tags: evictions, nameTagsEverywhere } = this.settings;
    return evictions.evictEverywhere(nameTagsEverywhere(checkedTags(tags)));
  }

  private byName(statsOf: (name: string) => CacheStats): Record<string, CacheStats> {
    return Object.fromEntries(this.cacheNames.map((name) => [name, statsOf(name)]));
  }

  /** @internal The cache to be injected: its name need not be known before every module had its say. */
  facade(name: string): CacheFacade {
    let facade = this.facades.get(name);
    if (facade === undefined) {
      const evictTags = (tags: readonly string[]) => this.evictTagsEverywhere(tags);
      const { hasReadableKeys } = this.settings;
      const familyOf = () => this.family(name);
      facade = new CacheFacade(name, { familyOf, evictTags, hasReadableKeys });
      this.facades.set(name, facade);
    }
    return facade;
  }

  /** @internal The cache behind the name, in all its scopes. */
  family(name: string): CacheFamily {
    let family = this.families.get(name);
    if (family === undefined) {
      this.assertKnown(name);
      this.families.set(name, (family = this.settings.build(name)));
    }
    return family;
  }

  private assertKnown(name: string): void {
    if (this.settings.dynamicCaches || this.settings.configured().includes(name)) return;
    throw new UnknownCacheError(name, this.settings.configured());
  }
}

function checkedTags(tags: readonly string[]): readonly string[] {
  const problem = tagsFault(tags);
  if (problem === undefined) return tags;
  throw new CacheError('CACHE_OPTION_VALUE', { where: 'evictTags', option: 'tags', problem });
}
