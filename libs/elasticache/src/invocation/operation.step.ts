import type { KeepOptions } from '../cache/entry.maker.js';
import type { Loaded } from '../cache/flight.js';
import { type FreshnessOptions, freshnessFor } from '../cache/freshness.options.js';
import type { CacheFamily } from '../cache/cache.family.js';
import type { NamedCache } from '../cache/named.cache.js';
import type { TagNaming } from '../key/names.js';
import { mergedTags, tagsFault } from '../cache/tags.js';
import { onlyTier, type TierOptions, tierProblem } from '../cache/operation.tiers.js';
import type { Tier } from '../entry/cache.entry.js';
import {
  CacheConfigurationError,
  CacheError,
  evaluated,
  optionFailure,
} from '../errors/cache.errors.js';
import { Glob, globOf } from '../key/glob.js';
import { defaultKey, encodeKey, type Key } from '../key/key.encoding.js';
import { isShort, type ShortKey } from '../key/key.layout.js';
import type { Ask } from '../store/cache.store.js';
import { type Duration, parseDuration } from '../time/duration.js';
import {
  type CacheEvictOptions,
  type CacheResolver,
  type CacheableManyOptions,
  FromResult,
  type KeyGenerator,
  type OfArguments,
  type OfResult,
  type OperationKind,
  type OptionsByKind,
  type Tags,
} from './cache.operation.js';
import { assertOneScope } from './one.scope.js';

/** One call of a decorated method. */
export interface Call {
  readonly self: object;
  readonly args: readonly unknown[];
}

/** What an operation needs beside its own options, from its class and its application. */
export interface StepSettings {
  /** `@Cacheable on ArticlesService.findOne`, for messages. */
  readonly where: string;
  /** `ArticlesService.findOne`, for reports. */
  readonly method: string;
  readonly methodName: string;
  readonly cacheNames: readonly string[];
  readonly cacheResolver: CacheResolver | undefined;
  readonly keyGenerator: KeyGenerator | undefined;
  readonly familyNamed: (name: string) => CacheFamily;
  /** The names, within the library, of tags that the running code may evict. */
  readonly nameTags: TagNaming;
}

/** What one eviction removes: the entry of an encoded key, those that match, all, or those that bear a tag. */
export type Evicted =
  | { readonly texts: readonly string[] }
  | Glob
  | 'everything'
  | { readonly tags: readonly string[] };

/**
 * One operation of one method, ready to be evaluated call by call. Everything that does not need
 * the result is evaluated before the method: a method that changes its arguments changes no key,
 * and an option that fails does so before anything has happened.
 */
export class Step<K extends OperationKind = OperationKind> {
  readonly where: string;
  readonly method: string;
  /** Where every call has the same ones. */
  readonly families: readonly CacheFamily[] | undefined;
  /** Here, since options have as many shapes as there are operations. */
  private readonly ownKey: unknown;
  private readonly isDefaultKeyed: boolean;
  private readonly fixedCaches: readonly NamedCache[] | undefined;
  private readonly plainKeep: KeepOptions;
  /** The one tier that it is left with. */
  private readonly only: Tier | undefined;
  private readonly constantTags = new WeakMap<NamedCache, readonly string[]>();

  constructor(
    readonly kind: K,
    readonly options: OptionsByKind[K],
    private readonly settings: StepSettings,
  ) {
    this.where = settings.where;
    this.method = settings.method;
    this.ownKey = (options as { key?: unknown }).key;
    this.isDefaultKeyed = this.ownKey === undefined && settings.keyGenerator === undefined;
    this.only = onlyTier(this.tierOptions);
    const { only } = this;
    this.plainKeep = { method: settings.method, ttl: constantTtl(options), ...(only && { only }) };
    if (settings.cacheResolver === undefined) {
      this.families = this.ofOneScope(settings.cacheNames.map(settings.familyNamed));
      for (const { policy } of this.families) {
        const message = tierProblem(this.tierOptions, policy.tiers);
        if (message === undefined) continue;
        throw new CacheConfigurationError([{ path: `${settings.where}: shared`, message }]);
      }
      const only = this.families.flatMap((family) => family.only ?? []);
      if (only.length === this.families.length) this.fixedCaches = only;
    }
  }

  /** @throws TenantRequiredError where one of them keeps tenants apart, and nobody knows whose the call is */
  caches(call: Call, families = this.familiesOf(call)): readonly NamedCache[] {
    return this.fixedCaches ?? families.map((family) => family.current(this.where));
  }

  /** Asks the `cacheResolver`, where there is one. */
  familiesOf(call: Call): readonly CacheFamily[] {
    return this.families ?? this.resolveCaches(call);
  }

  /** Whether the operation applies to a call, as far as the arguments tell. */
  applies(call: Call): boolean {
    const { condition } = this.options;
    if (condition === undefined || condition instanceof FromResult) return true;
    return this.asBoolean('condition', () => condition.apply(call.self, [...call.args]));
  }

  /** Whether it applies, now that there is a result. */
  appliesTo(call: Call, result: unknown): boolean {
    const { condition } = this.options;
    if (!(condition instanceof FromResult)) return true;
    return this.asBoolean('condition', () => this.ofResult(condition, call, result));
  }

  /** The encoded key, or undefined where it needs the result. */
  text(call: Call): string | undefined {
    return this.ownKey instanceof FromResult
      ? undefined
      : String(this.shortKey(call.self, call.args));
  }

  /** The same where the arguments tell it; a whole number stays one, so that a hit in memory makes no text of it. */
  shortKey(self: object, args: readonly unknown[]): ShortKey {
    return this.isDefaultKeyed ? keyOf(args, this.where) : this.namedKey(self, args);
  }

  private namedKey(self: object, args: readonly unknown[]): ShortKey {
    const { ownKey } = this;
    if (ownKey === undefined) return this.generatedKey({ self, args });
    const key =
      typeof ownKey === 'function'
        ? this.keyBy(ownKey as OfArguments<unknown>, self, args)
        : ownKey;
    return isShort(key) ? key : this.encode(key);
  }

  textOf(call: Call, result: unknown): string {
    const key = this.ownKey as FromResult;
    return this.encode(this.evaluate('key', () => this.ofResult(key, call, result)));
  }

  /** What a call asks of a cache about one key: with the tags that are known before the result is. */
  ask(call: Call, text: string, cache: NamedCache): Ask {
    const tags = this.knownTags(call, cache);
    const { only } = this;
    if (only !== undefined) {
      const problem = tierProblem(this.tierOptions, cache.policy.tiers);
      if (problem !== undefined) throw this.wrongValue('shared', problem);
      return { text, tags, lateTags: this.hasLateTags, only };
    }
    return this.hasLateTags ? { text, tags, lateTags: true } : { text, tags };
  }

  private get tierOptions(): TierOptions & FreshnessOptions {
    return this.options as TierOptions & FreshnessOptions;
  }

  /** Whether the result names tags. */
  get hasLateTags(): boolean {
    return (this.options as { tags?: Tags }).tags instanceof FromResult;
  }

  /** Whether all calls know the same tags before the result is there. */
  get hasFixedTags(): boolean {
    return typeof (this.options as { tags?: Tags }).tags !== 'function';
  }

  /** The options of what a call stores in a cache. */
  keepOptionsIn(cache: NamedCache, options: KeepOptions): KeepOptions {
    const freshness = freshnessFor(
      this.options as FreshnessOptions,
      cache.policy.freshness,
      this.where,
    );
    return freshness === undefined ? options : { ...options, freshness };
  }

  private knownTags(call: Call, cache: NamedCache): readonly string[] {
    const { tags } = this.options as { tags?: Tags };
    if (tags === undefined || tags instanceof FromResult) return cache.tags;
    if (typeof tags !== 'function') {
      let merged = this.constantTags.get(cache);
      if (merged === undefined)
        this.constantTags.set(cache, (merged = mergedTags(cache.tags, cache.nameTags(tags))));
      return merged;
    }
    const named = this.asTags(() => tags.apply(call.self, [...call.args]));
    return mergedTags(cache.tags, cache.nameTags(named));
  }

  private asTags(evaluate: () => unknown): readonly string[] {
    const tags = this.evaluate('tags', evaluate);
    const problem = tagsFault(tags);
    if (problem !== undefined) throw this.wrongValue('tags', problem);
    return tags as readonly string[];
  }

  /** The keys of a batch of elements, as `keys` names them; undefined where it does not. */
  namedKeys(call: Call, elements: readonly unknown[]): readonly unknown[] | undefined {
    const { keys } = this.options as CacheableManyOptions;
    if (keys === undefined) return undefined;
    const named = this.evaluate('keys', () => keys.apply(call.self, [...call.args]));
    if (!Array.isArray(named) || named.length !== elements.length) {
      const problem = `must answer with an array of ${elements.length} keys, one per element`;
      throw this.wrongValue('keys', problem);
    }
    return named;
  }

  /** The encoded keys of elements that are named so; undefined where each is generated. */
  shortKeys(named: readonly unknown[]): ShortKey[] | undefined {
    return this.generatesKeys ? undefined : Array.from(named, (key) => this.short(key));
  }

  /** The encoded key of one element that is named so, whatever the other arguments. */
  elementKey(call: Call, named: unknown): ShortKey {
    return this.generatesKeys ? this.generatedKey(call) : this.short(named);
  }

  private get generatesKeys(): boolean {
    const { keys } = this.options as CacheableManyOptions;
    return keys === undefined && this.settings.keyGenerator !== undefined;
  }

  private short(key: unknown): ShortKey {
    return isShort(key) ? key : this.encode(key);
  }

  /** How a result of this call is stored. */
  keepOptions(call: Call): KeepOptions {
    const { ttl, unless, tags } = this.options as {
      ttl?: Duration | OfArguments<Duration> | FromResult<OfResult<Duration>>;
      unless?: OfResult<boolean>;
      tags?: Tags;
    };
    const variesByCall = typeof ttl === 'function' || ttl instanceof FromResult;
    const isLate = tags instanceof FromResult;
    if (!variesByCall && unless === undefined && !isLate) return this.plainKeep;
    return {
      ...this.plainKeep,
      ...(isLate && { lateTags: ({ value }) => this.ofResult(tags, call, value) as string[] }),
      ...(variesByCall ? { ttl: ({ value }) => this.ttlOf(ttl, call, value) } : {}),
      unless:
        unless &&
        (({ value }: Loaded) =>
          this.asBoolean('unless', () => unless.apply(call.self, [value, ...call.args]))),
    };
  }

  /** What an eviction removes, or undefined where that needs the result. */
  evicted(call: Call): Evicted | undefined {
    const { allEntries, pattern, tags } = this.options as CacheEvictOptions;
    if (allEntries) return 'everything';
    if (tags !== undefined) return this.evictedTags(tags, call);
    if (pattern === undefined) return this.keyed(this.text(call));
    if (pattern instanceof FromResult) return undefined;
    if (typeof pattern === 'string') return globOf(pattern);
    if (pattern instanceof Glob) return pattern;
    return this.asGlob(this.evaluate('pattern', () => pattern.apply(call.self, [...call.args])));
  }

  evictedBy(call: Call, result: unknown): Evicted {
    const { pattern, tags } = this.options as CacheEvictOptions;
    if (tags instanceof FromResult)
      return this.named(this.asTags(() => this.ofResult(tags, call, result)));
    if (!(pattern instanceof FromResult)) return { texts: [this.textOf(call, result)] };
    return this.asGlob(this.evaluate('pattern', () => this.ofResult(pattern, call, result)));
  }

  private keyed(text: string | undefined): Evicted | undefined {
    return text === undefined ? undefined : { texts: [text] };
  }

  private evictedTags(tags: Tags, call: Call): Evicted | undefined {
    if (tags instanceof FromResult) return undefined;
    if (typeof tags !== 'function') return this.named(tags);
    return this.named(this.asTags(() => tags.apply(call.self, [...call.args])));
  }

  /** Of the running code's tenant, by the time it asks: the eviction may wait for somebody else's commit. */
  private named(tags: readonly string[]): Evicted {
    return { tags: this.settings.nameTags(tags) };
  }

  /** No closure, which would be made for every hit. */
  private keyBy(key: OfArguments<unknown>, self: object, args: readonly unknown[]): unknown {
    try {
      return key.call(self, ...args);
    } catch (error) {
      throw optionFailure(this.where, 'key', error);
    }
  }

  private generatedKey({ self, args }: Call): string {
    const { keyGenerator, methodName } = this.settings;
    return this.encode(this.evaluate('keyGenerator', () => keyGenerator!(self, methodName, args)));
  }

  private encode(key: unknown): string {
    return encodeKey(key, this.where);
  }

  private resolveCaches({ self, args }: Call): readonly CacheFamily[] {
    const { cacheResolver, cacheNames, methodName, familyNamed } = this.settings;
    const context = { kind: this.kind, target: self, methodName, args, cacheNames };
    const names = this.evaluate('cacheResolver', () => cacheResolver!(context));
    if (!Array.isArray(names) || names.length === 0)
      throw new CacheError('CACHE_NAMES_EMPTY', { where: this.where });
    return this.ofOneScope([...new Set(names)].map(familyNamed));
  }

  /** Of an operation that hands out what it has stored. */
  private ofOneScope(families: readonly CacheFamily[]): readonly CacheFamily[] {
    if (this.kind === 'cacheable' || this.kind === 'many') assertOneScope(this.where, families);
    return families;
  }

  private ttlOf(ttl: OfArguments<Duration> | FromResult, call: Call, result: unknown): Duration {
    return this.evaluate('ttl', () => {
      if (ttl instanceof FromResult) return this.ofResult(ttl, call, result) as Duration;
      return ttl.apply(call.self, [...call.args]);
    });
  }

  private ofResult(option: FromResult, { self, args }: Call, result: unknown): unknown {
    return option.evaluate.apply(self, [result, ...args]);
  }

  private asGlob(pattern: unknown): Glob {
    return pattern instanceof Glob ? pattern : Glob.literal(pattern as Key, this.where);
  }

  private asBoolean(option: string, evaluate: () => unknown): boolean {
    const answer = this.evaluate(option, evaluate);
    if (typeof answer === 'boolean') return answer;
    throw this.wrongValue(option, 'must answer with true or false, and not with a promise of it');
  }

  private evaluate<T>(option: string, evaluate: () => T): T {
    return evaluated(this.where, option, evaluate);
  }

  private wrongValue(option: string, problem: string): CacheError {
    return new CacheError('CACHE_OPTION_VALUE', { where: this.where, option, problem });
  }
}

function keyOf(args: readonly unknown[], where: string): ShortKey {
  const first = args[0];
  return args.length === 1 && isShort(first) ? first : defaultKey(args, where);
}

/** The same function for every call: what a hit does not need is not made for it. */
function constantTtl(options: object): (() => Duration) | undefined {
  const ttl = parseDuration((options as { ttl?: unknown }).ttl);
  return ttl === undefined ? undefined : () => ttl;
}
