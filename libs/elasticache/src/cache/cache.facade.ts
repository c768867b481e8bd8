import { CacheTransaction } from '../coherence/cache.transaction.js';
import type { CacheEntry, Entry } from '../entry/cache.entry.js';
import { CacheError } from '../errors/cache.errors.js';
import { CacheContext, checkedName } from '../identity/cache.context.js';
import { Glob } from '../key/glob.js';
import { encodeKey, type Key } from '../key/key.encoding.js';
import { isShort } from '../key/key.layout.js';
import { plainTag } from '../key/tag.names.js';
import type { Duration } from '../time/duration.js';
import type { Ask } from '../store/cache.store.js';
import type {
  AllTenants,
  Cache,
  CacheExplanation,
  CacheStats,
  LoadOptions,
  PutOptions,
} from './cache.js';
import type { CacheFamily } from './cache.family.js';
import type { KeepOptions } from './entry.maker.js';
import { explain } from './explanation.js';
import type { Loaded } from './flight.js';
import { freshnessFor } from './freshness.options.js';
import type { NamedCache } from './named.cache.js';
import { onlyTier, tierProblem } from './operation.tiers.js';
import { readOne } from './read.through.js';
import type { Batch } from './read.load.many.js';
import { readManyThrough } from './read.through.many.js';
import { mergedTags, tagsFault } from './tags.js';
import { AsksAlike, lookForPlainHits, NOT_LOOKED_UP } from './plain.hits.js';
import { evictInUnit, putInUnit, putManyInUnit } from './unit.writes.js';

/** The same for all calls without options: nothing is made of them. */
const NO_OPTIONS = {};

interface Unique<K> {
  readonly unique: readonly K[];
  readonly texts: string[];
  readonly places?: readonly number[];
}

interface FacadeParts {
  readonly familyOf: () => CacheFamily;
  /** Of all scopes. */
  readonly evictTags: (tags: readonly string[]) => Promise<boolean>;
  /** False where patterns find nothing. */
  readonly hasReadableKeys?: boolean;
  /** Whose entries it shows; default the running code's. */
  readonly tenant?: string;
}

/**
 * A cache as the application sees it: typed keys in front of the encoded ones. The cache behind it
 * is looked up at its first use, so that it may be injected before every module has had its say.
 */
export class CacheFacade<K extends Key = Key, V = unknown> implements Cache<K, V> {
  private resolved: CacheFamily | undefined;

  constructor(
    readonly name: string,
    private readonly parts: FacadeParts,
  ) {}

  /** Not async: a hit in memory is answered in this turn. */
  get(key: K): Promise<V | undefined> {
    try {
      const text = isShort(key) ? key : this.textOf(key);
      const entry = this.named.findInMemory(text);
      if (entry !== undefined) return Promise.resolve(this.named.handOutHit(entry) as V);
      return this.getShared(String(text));
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /** Expired entries are shown, too, as long as they are kept. */
  async getEntry(key: K): Promise<CacheEntry<V> | undefined> {
    const { named } = this;
    const ask = this.askOf(key);
    const inMemory = named.findInMemory(ask.text);
    const tier = inMemory === undefined ? named.kind : 'memory';
    const found = inMemory ? undefined : await named.findShared(ask, {}, (finding) => finding);
    const entry = inMemory ?? found?.entry;
    if (entry === undefined) return undefined;
    const stale = found?.freshness === 'stale';
    if (stale) named.recorder.hit(ask.text, tier);
    const { createdAt, expiresAt, tags = [] } = entry;
    return {
      value: this.valueOf(entry),
      createdAt,
      expiresAt,
      tags: tags.map(plainTag),
      tier,
      stale,
    };
  }

  async getOrLoad<T extends V>(
    key: K,
    load: (signal: AbortSignal) => Promise<T>,
    options: LoadOptions<T> = NO_OPTIONS,
  ): Promise<T> {
    const { named } = this;
    const target = {
      cache: named,
      ask: this.askOf(key, options),
      options: this.keepOptions(options),
    };
    const outcome = await readOne(target, {
      load: async (_flight, _cache, signal = named.closing) => ({
        value: await this.onBehalf(() => load(signal)),
      }),
      sharing: named.sharingOf(options),
      certain: true,
    });
    return outcome.value as T;
  }

  async getMany(keys: Iterable<K>): Promise<Map<K, V>> {
    const { named } = this;
    const asked = [...keys];
    const { texts, unique, places } = this.uniqueTexts(asked);
    const { tags } = named;
    const found = places
      ? NOT_LOOKED_UP
      : await lookForPlainHits(named, new AsksAlike(texts, { tags }));
    if (found.values) return new Map(asked.map((key, i) => [key, found.values![i] as V]));
    const asks = texts.map((text) => ({ text, tags }));
    const findings = await named.findMany(asks, {}, found.looks);
    for (const [i, { freshness }] of findings.entries()) {
      if (freshness === 'stale') named.recorder.miss(texts[i]!, 'expired');
    }
    const values = new Map<K, V>();
    for (const [a, key] of asked.entries()) {
      const i = places?.[a] ?? a;
      const { entry, freshness } = findings[i]!;
      if (entry === undefined || freshness === 'stale') continue;
      const value = this.valueOf(entry);
      values.set(key, unique[i] === key ? value : (named.copyForJoiner(value) as V));
    }
    return values;
  }

  async getOrLoadMany(
    keys: Iterable<K>,
    load: (missing: K[], signal: AbortSignal) => Promise<Map<K, V>>,
    options: LoadOptions<V> = {},
  ): Promise<Map<K, V>> {
    const { named } = this;
    const asked = [...keys];
    const { texts, unique, places } = this.uniqueTexts(asked);
    const keep = this.keepOptions(options);
    const asks = texts.map((text) => this.askFor(text, options));
    const sharing = named.sharingOf(options);
    const batch: Batch = { parts: [{ cache: named, asks, optionsOf: () => keep }], sharing };
    const results = await readManyThrough(batch, async (missing, { signal }) => {
      const missingKeys = missing.map((i) => unique[i]!);
      const answer = await this.onBehalf(() => load(missingKeys, signal));
      if (!(answer instanceof Map)) throw this.noMap();
      // By the keys' texts: a loader that makes its keys from rows answers with equal ones, not the same.
      const values = new Map([...answer].map(([key, value]) => [this.textOf(key), value]));
      const found = missing.flatMap((i) => {
        const { text } = asks[i]!;
        return values.has(text) ? [[i, { value: values.get(text) }] as const] : [];
      });
      return new Map<number, Loaded>(found);
    });
    const loaded = new Map<K, V>();
    for (const [a, key] of asked.entries()) {
      const i = places?.[a] ?? a;
      const result = results[i];
      if (result === undefined) continue;
      loaded.set(key, (unique[i] === key ? result.value : named.copyForJoiner(result.value)) as V);
    }
    return loaded;
  }

  async put(key: K, value: V | (() => Promise<V> | V), options: PutOptions<V> = {}): Promise<void> {
    const { named } = this;
    const ask = this.askOf(key, options);
    const keep = this.keepOptions(options);
    if (typeof value === 'function') return this.putMade(ask, value as () => Promise<V> | V, keep);
    return putManyInUnit(named, [{ ask, loaded: { value }, options: keep }]);
  }

  async putIfAbsent(key: K, value: V, options: PutOptions<V> = {}): Promise<V | undefined> {
    const { named } = this;
    if (options.shared === false) {
      const problem = 'cannot be false: whether there is an entry is for Redis to tell';
      throw new CacheError('CACHE_OPTION_VALUE', { where: this.where, option: 'shared', problem });
    }
    const ask = this.askOf(key, options);
    if (CacheTransaction.current()?.conceals(named, ask.text, ask.tags) || named.isPending(ask)) {
      await this.put(key, value, options); // what is there is gone, or will be when the unit commits
      return undefined;
    }
    const existing = named.refuses(value)
      ? (await named.find(ask)).entry
      : await named.writes.putIfAbsent(ask, { value }, this.keepOptions(options));
    return existing && this.valueOf(existing);
  }

  async putMany(entries: Iterable<readonly [K, V]>, options: PutOptions<V> = {}): Promise<void> {
    const values = new Map<string, V>();
    for (const [key, value] of entries) values.set(this.textOf(key), value);
    const keep = this.keepOptions(options);
    const puts = [...values].map(([text, value]) => ({
      ask: this.askFor(text, options),
      loaded: { value },
      options: keep,
    }));
    return putManyInUnit(this.named, puts);
  }

  async evict(...keys: K[]): Promise<boolean> {
    const { texts } = this.uniqueTexts(keys);
    return texts.length === 0 || (await evictInUnit(this.named, { texts })) !== undefined;
  }

  async evictMatching(pattern: Glob | string): Promise<number> {
    const glob = typeof pattern === 'string' ? Glob.literal(pattern, this.where) : pattern;
    if (glob.exact === undefined && this.parts.hasReadableKeys === false) {
      throw new CacheError('CACHE_PATTERN', { where: this.where });
    }
    return (await evictInUnit(this.named, glob)) ?? 0;
  }

  async clear(): Promise<boolean> {
    return (await evictInUnit(this.named, 'everything')) !== undefined;
  }

  async explain(key: K): Promise<CacheExplanation> {
    return explain(this.named, this.askOf(key));
  }

  stats(): CacheStats {
    return this.named.recorder.stats();
  }

  private async putMade(ask: Ask, make: () => Promise<V> | V, keep: KeepOptions): Promise<void> {
    const { named } = this;
    const put = await named.beginPut(ask);
    let value: V;
    try {
      value = await this.onBehalf(make);
    } catch (error) {
      await put.abandon();
      throw error;
    }
    if (put.unit !== undefined) {
      return putInUnit(named, put, { text: ask.text, loaded: { value }, options: keep });
    }
    const unstorable = await put.store(ask.text, { value }, keep);
    if (unstorable !== undefined) throw unstorable;
  }

  private noMap(): CacheError {
    const problem = 'must answer with a Map of the keys it was given and their values';
    return new CacheError('CACHE_OPTION_VALUE', { where: this.where, option: 'load', problem });
  }

  forTenant(tenant: string): Cache<K, V> {
    if (this.family.kind === 'global')
      throw new CacheError('CACHE_NO_TENANTS', { where: this.where });
    checkedName(tenant, 'tenant', 'forTenant');
    return new CacheFacade<K, V>(this.name, { ...this.parts, tenant });
  }

  forAllTenants(): AllTenants {
    const { family } = this;
    const { only } = family;
    return {
      clear: () => (only === undefined ? family.clear() : this.clear()),
      evictTags: (...tags) => this.parts.evictTags(tags),
      stats: () => (only === undefined ? family.stats() : only.recorder.stats()),
    };
  }

  private get family(): CacheFamily {
    return (this.resolved ??= this.parts.familyOf());
  }

  private get named(): NamedCache {
    const { family } = this;
    const { tenant } = this.parts;
    return family.only ?? (tenant === undefined ? family.current() : family.ofTenant(tenant));
  }

  /** Runs what is the application's: for another tenant, so that what it reads is that one's, too. */
  private onBehalf<R>(work: () => R): R {
    const { tenant } = this.parts;
    return tenant === undefined
      ? work()
      : CacheContext.run({ ...CacheContext.current(), tenant }, work);
  }

  private get where(): string {
    return `cache '${this.name}'`;
  }

  /** An expired entry is a miss: nothing loads it anew. */
  private getShared(text: string): Promise<V | undefined> {
    const { named } = this;
    return named.findShared({ text, tags: named.tags }, {}, ({ entry, freshness }) => {
      if (freshness === 'stale') named.recorder.miss(text, 'expired');
      return entry === undefined || freshness === 'stale' ? undefined : this.valueOf(entry);
    });
  }

  private askOf(key: K, options: PutOptions<never> = {}): Ask {
    return this.askFor(this.textOf(key), options);
  }

  private askFor(text: string, options: LoadOptions<never> = {}): Ask {
    const ask = this.taggedAsk(text, options);
    const only = onlyTier(options);
    if (only === undefined) return ask;
    const problem = tierProblem(options, this.named.policy.tiers);
    if (problem === undefined) return { ...ask, only };
    throw new CacheError('CACHE_OPTION_VALUE', { where: this.where, option: 'shared', problem });
  }

  private taggedAsk(text: string, { tags }: Pick<PutOptions<never>, 'tags'>): Ask {
    const { named } = this;
    if (tags === undefined) return { text, tags: named.tags };
    if (typeof tags === 'function') return { text, tags: named.tags, lateTags: true };
    const problem = tagsFault(tags);
    if (problem === undefined) return { text, tags: mergedTags(named.tags, named.nameTags(tags)) };
    throw new CacheError('CACHE_OPTION_VALUE', { where: this.where, option: 'tags', problem });
  }

  private keepOptions<T>(options: LoadOptions<T>): KeepOptions {
    const { ttl, unless, tags } = options;
    if (options === NO_OPTIONS) return NO_OPTIONS as KeepOptions;
    const as = <R>(work: () => R) => this.onBehalf(work);
    return {
      ttl: ttl === undefined ? undefined : ({ value }) => as(() => durationOf(ttl, value as T)),
      unless: unless === undefined ? undefined : ({ value }) => as(() => unless(value as T)),
      lateTags: typeof tags === 'function' ? ({ value }) => as(() => tags(value as T)) : undefined,
      freshness: freshnessFor(options, this.named.policy.freshness, this.where),
      only: onlyTier(options),
    };
  }

  private textOf(key: K): string {
    return encodeKey(key, this.where);
  }

  private valueOf(entry: Entry): V {
    return this.named.handOut(entry) as V;
  }

  /** The keys without repetition, their texts, and where each given key's is among them: at its own place, if none is repeated. */
  private uniqueTexts(keys: readonly K[]): Unique<K> {
    // No two of these have one text, and numbers are cheaper to tell apart than texts are.
    const isUnique = keys.every(isPlain) && new Set(keys).size === keys.length;
    if (isUnique) return { unique: keys, texts: keys.map((key) => this.textOf(key)) };
    const unique: K[] = [];
    const known = new Map<string, number>();
    const places = keys.map((key) => {
      const text = this.textOf(key);
      const place = known.get(text) ?? unique.push(key) - 1;
      known.set(text, place);
      return place;
    });
    return { unique, texts: [...known.keys()], places };
  }
}

function isPlain(key: Key): boolean {
  return typeof key === 'number' || typeof key === 'string';
}

function durationOf<V>(ttl: Duration | ((value: V) => Duration), value: V): Duration {
  return typeof ttl === 'function' ? ttl(value) : ttl;
}
