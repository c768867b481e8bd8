import type { Tier } from '../entry/cache.entry.js';
import { type FreshnessPolicy, staleWindowMs } from '../entry/freshness.js';
import { CacheError, evaluated } from '../errors/cache.errors.js';
import type { Ask, StoreWrite } from '../store/cache.store.js';
import type { Clock } from '../time/clock.js';
import { type Duration, parseDuration } from '../time/duration.js';
import { type Random, shortened } from '../time/jitter.js';
import type { CachePolicy } from './cache.policy.js';
import type { Loaded } from './flight.js';
import type { Inherited } from './inheritance.js';
import type { SensitiveValues } from './sensitive.values.js';
import type { TagNaming } from '../key/names.js';
import { mergedTags, MOST_TAGS, tagsFault } from './tags.js';

/** How one operation differs from what the cache does by itself. */
export interface KeepOptions {
  readonly ttl?: ((loaded: Loaded) => Duration | undefined) | undefined;
  /** The lifetime was announced, or is another's: jitter must not shorten it. */
  readonly isExact?: boolean;
  readonly unless?: ((loaded: Loaded) => boolean) | undefined;
  /** Tags that only the value names. */
  readonly lateTags?: ((loaded: Loaded) => readonly string[]) | undefined;
  /** How this operation takes expired entries, where not as the cache does. */
  readonly freshness?: FreshnessPolicy | undefined;
  /** The one tier that it is left with, where it goes without the other. */
  readonly only?: Tier | undefined;
  /** The decorated method, for error reports. */
  readonly method?: string | undefined;
}

/** A value on its way to become an entry. */
export interface Made {
  readonly ask: Pick<Ask, 'text' | 'tags'>;
  readonly loaded: Loaded;
  readonly options: KeepOptions;
}

export interface EntryMakerParts {
  readonly policy: CachePolicy;
  readonly clock: Clock;
  readonly random: Random;
  /** Names the cache in errors. */
  readonly where: string;
  /** Whose entries these are. */
  readonly tenant?: string | undefined;
  /** What must not be cached, where there is such. */
  readonly sensitive?: SensitiveValues | undefined;
  /** The names, within the library, of tags that the application names. */
  readonly nameTags: TagNaming;
}

/** Decides whether a value becomes an entry, with which tags, and for how long. */
export class EntryMaker {
  constructor(private readonly parts: EntryMakerParts) {}

  /** Whether the cache keeps no null and undefined, and this is one; or it holds what must not be cached. */
  refuses(value: unknown, { method = this.parts.where }: KeepOptions): boolean {
    const { policy, sensitive } = this.parts;
    if (policy.nulls === 'refused' && isNull(value)) return true;
    return sensitive !== undefined && sensitive.refuses(value, method);
  }

  /**
   * The entry to be written, or undefined for what is not to be stored.
   *
   * @throws CacheError where a function of the application fails
   */
  make({ ask, loaded, options }: Made, inherited?: Inherited): StoreWrite | undefined {
    if (
      loaded.unshared ||
      this.refuses(loaded.value, options) ||
      this.isRuledOut(loaded, options)
    ) {
      return undefined;
    }
    const { policy, clock, random } = this.parts;
    const { text } = ask;
    const jitter = options.isExact ? 0 : policy.jitter;
    const ttlMs = shortened(this.lifetimeMs(text, loaded, options), jitter, random);
    const createdAt = clock.now();
    const own = this.tagsOf({ ask, loaded, options });
    const tags = inherited ? this.withInherited(own, inherited, options) : own;
    const { emissions } = loaded;
    const entry = {
      value: this.storable(loaded.value, options),
      createdAt,
      expiresAt: createdAt + ttlMs,
      ...(emissions && { emissions }),
      ...(tags.length > 0 && { tags }),
    };
    const lifeMs = ttlMs + staleWindowMs(options.freshness ?? policy.freshness);
    const { only } = options;
    return { text, entry, lifeMs, ...(inherited && { inherited }), ...(only && { only }) };
  }

  private storable(value: unknown, { method = this.parts.where }: KeepOptions): unknown {
    const { sensitive } = this.parts;
    return sensitive === undefined ? value : sensitive.stripped(value, method);
  }

  private isRuledOut(loaded: Loaded, { unless, method = this.parts.where }: KeepOptions): boolean {
    return unless !== undefined && evaluated(method, 'unless', () => unless(loaded));
  }

  private tagsOf({ ask, loaded, options }: Made): readonly string[] {
    const { lateTags, method: where = this.parts.where } = options;
    if (lateTags === undefined) return ask.tags;
    const late = evaluated(where, 'tags', () => lateTags(loaded));
    const problem = tagsFault(late);
    if (problem === undefined) return mergedTags(ask.tags, this.parts.nameTags(late));
    throw new CacheError('CACHE_OPTION_VALUE', { where, option: 'tags', problem });
  }

  private withInherited(
    own: readonly string[],
    inherited: Inherited,
    { method: where = this.parts.where }: KeepOptions,
  ): readonly string[] {
    const tags = mergedTags(own, [...inherited.keys()]);
    if (tags.length <= MOST_TAGS) return tags;
    const problem = `must name at most ${MOST_TAGS} tags, those of the entries it was made of included`;
    throw new CacheError('CACHE_OPTION_VALUE', { where, option: 'tags', problem });
  }

  private lifetimeMs(text: string, loaded: Loaded, options: KeepOptions): number {
    const { value } = loaded;
    const { policy, tenant } = this.parts;
    const { nulls, ttl } = policy;
    if (isNull(value) && typeof nulls === 'number') return nulls;
    const where = options.method ?? this.parts.where;
    const chosen = evaluated(where, 'ttl', () => {
      const own = options.ttl?.(loaded);
      return (
        own ??
        (typeof ttl === 'function'
          ? ttl({ key: text, value, ...(tenant !== undefined && { tenant }) })
          : ttl)
      );
    });
    const ttlMs = parseDuration(chosen);
    if (ttlMs !== undefined) return ttlMs;
    const problem = 'answered with something that is not a positive duration';
    throw new CacheError('CACHE_OPTION_VALUE', { where, option: 'ttl', problem });
  }
}

function isNull(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}
