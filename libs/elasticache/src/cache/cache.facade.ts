import type { CacheEntry, Entry, Tier } from '../entry/cache.entry.js';
import { CacheError } from '../errors/cache.errors.js';
import { Glob } from '../key/glob.js';
import { encodeKey, type Key } from '../key/key.encoding.js';
import type { Duration } from '../time/duration.js';
import type { Cache, CacheStats, LoadOptions, PutOptions } from './cache.js';
import type { Loaded } from './in.flight.js';
import type { KeepOptions } from './entry.maker.js';
import type { NamedCache } from './named.cache.js';
import { readThrough } from './read.through.js';
import { readManyThrough } from './read.through.many.js';

/**
 * A cache as the application sees it: typed keys in front of the encoded ones. The cache behind it
 * is looked up at its first use, so that it may be injected before every module has had its say.
 */
export class CacheFacade<K extends Key = Key, V = unknown> implements Cache<K, V> {
  private resolved: NamedCache | undefined;

  constructor(
    readonly name: string,
    private readonly resolve: (name: string) => NamedCache,
  ) {}

  /** Not async: a hit in memory is answered in this turn. */
  get(key: K): Promise<V | undefined> {
    try {
      const text = this.textOf(key);
      const entry = this.named.findInMemory(text);
      return entry === undefined ? this.getShared(text) : Promise.resolve(this.valueOf(entry));
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  async getEntry(key: K): Promise<CacheEntry<V> | undefined> {
    const text = this.textOf(key);
    const inMemory = this.named.findInMemory(text);
    const entry = inMemory ?? (await this.named.findShared(text));
    if (entry === undefined) return undefined;
    const tier: Tier = inMemory === undefined ? 'shared' : 'memory';
    const { createdAt, expiresAt } = entry;
    return { value: this.valueOf(entry), createdAt, expiresAt, tier };
  }

  async getOrLoad<T extends V>(
    key: K,
    load: (signal: AbortSignal) => Promise<T>,
    options: LoadOptions<T> = {},
  ): Promise<T> {
    const { named } = this;
    const target = { cache: named, text: this.textOf(key), options: keepOptions(options) };
    const outcome = await readThrough([target], {
      load: async () => ({ value: await load(named.closing) }),
      shared: named.sharesLoads(options),
      certain: true,
    });
    return outcome.value as T;
  }

  async getMany(keys: Iterable<K>): Promise<Map<K, V>> {
    const asked = [...keys];
    const texts = this.uniqueTexts(asked);
    const entries = await this.named.findMany([...texts.keys()]);
    const values = entries.map((entry) => entry && { value: this.valueOf(entry) });
    return collect(asked, texts, values);
  }

  async getOrLoadMany(
    keys: Iterable<K>,
    load: (missing: K[], signal: AbortSignal) => Promise<Map<K, V>>,
    options: LoadOptions<V> = {},
  ): Promise<Map<K, V>> {
    const { named } = this;
    const asked = [...keys];
    const texts = this.uniqueTexts(asked);
    const keep = keepOptions(options);
    const elements = [...texts.keys()].map((text) => ({ text, options: keep }));
    const firsts = [...texts.values()];
    const batch = { caches: [named], elements, shared: named.sharesLoads(options) };
    const results = await readManyThrough(batch, async (missing) => {
      const missingKeys = missing.map((i) => asked[firsts[i]!.first]!);
      const answer = await load(missingKeys, named.closing);
      if (!(answer instanceof Map)) throw this.noMap();
      // By the keys' texts: a loader that makes its keys from rows answers with equal ones, not the same.
      const values = new Map([...answer].map(([key, value]) => [this.textOf(key), value]));
      const found = missing.flatMap((i) => {
        const { text } = elements[i]!;
        return values.has(text) ? [[i, { value: values.get(text) }] as const] : [];
      });
      return new Map<number, Loaded>(found);
    });
    return collect(asked, texts, results as ({ value: V } | undefined)[]);
  }

  async put(key: K, value: V, options: PutOptions<V> = {}): Promise<void> {
    await this.named.writes.put(this.textOf(key), { value }, keepOptions(options));
  }

  async putIfAbsent(key: K, value: V, options: PutOptions<V> = {}): Promise<V | undefined> {
    const existing = await this.named.putIfAbsent(
      this.textOf(key),
      { value },
      keepOptions(options),
    );
    return existing && this.valueOf(existing);
  }

  async putMany(entries: Iterable<readonly [K, V]>, options: PutOptions<V> = {}): Promise<void> {
    const values = new Map<string, V>();
    for (const [key, value] of entries) values.set(this.textOf(key), value);
    await this.named.writes.putMany(values, keepOptions(options));
  }

  async evict(...keys: K[]): Promise<boolean> {
    const texts = this.uniqueTexts(keys);
    return texts.size === 0 || (await this.named.evictions.evict([...texts.keys()])) !== undefined;
  }

  async evictMatching(pattern: Glob | string): Promise<number> {
    const glob = typeof pattern === 'string' ? Glob.literal(pattern, this.where) : pattern;
    return (await this.named.evictions.evictMatching(glob)) ?? 0;
  }

  async clear(): Promise<boolean> {
    return (await this.named.evictions.evictMatching()) !== undefined;
  }

  stats(): CacheStats {
    return this.named.recorder.stats();
  }

  private noMap(): CacheError {
    const problem = 'must answer with a Map of the keys it was given and their values';
    return new CacheError('CACHE_OPTION_VALUE', { where: this.where, option: 'load', problem });
  }

  private get named(): NamedCache {
    return (this.resolved ??= this.resolve(this.name));
  }

  private get where(): string {
    return `cache '${this.name}'`;
  }

  private async getShared(text: string): Promise<V | undefined> {
    const entry = await this.named.findShared(text);
    return entry && this.valueOf(entry);
  }

  private textOf(key: K): string {
    return encodeKey(key, this.where);
  }

  private valueOf(entry: Entry): V {
    return this.named.handOut(entry) as V;
  }

  /** The keys' texts without repetition, each with the place where it was first asked. */
  private uniqueTexts(keys: readonly K[]): Map<string, { first: number }> {
    const texts = new Map<string, { first: number }>();
    for (const [first, key] of keys.entries()) {
      const text = this.textOf(key);
      if (!texts.has(text)) texts.set(text, { first });
    }
    return texts;
  }
}

function keepOptions<V>({ ttl, unless }: LoadOptions<V>): KeepOptions {
  return {
    ttl: ttl === undefined ? undefined : ({ value }) => durationOf(ttl, value as V),
    unless: unless === undefined ? undefined : ({ value }) => unless(value as V),
  };
}

function durationOf<V>(ttl: Duration | ((value: V) => Duration), value: V): Duration {
  return typeof ttl === 'function' ? ttl(value) : ttl;
}

/** The values by the keys asked, in their order; a key asked twice is there once. */
function collect<K, V>(
  asked: readonly K[],
  texts: ReadonlyMap<string, { first: number }>,
  found: readonly ({ value: V } | undefined)[],
): Map<K, V> {
  const values = new Map<K, V>();
  for (const [i, { first }] of [...texts.values()].entries()) {
    const entry = found[i];
    if (entry !== undefined) values.set(asked[first]!, entry.value);
  }
  return values;
}
