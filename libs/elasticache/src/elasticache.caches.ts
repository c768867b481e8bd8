import { CacheFamily } from './cache/cache.family.js';
import { CacheRecorder, type RecorderSettings } from './cache/cache.recorder.js';
import { LoadRoom } from './cache/load.runner.js';
import { NamedCache } from './cache/named.cache.js';
import type { SensitiveValues } from './cache/sensitive.values.js';
import { invalidating, type NearPlace, TieredStore } from './cache/tiered.store.js';
import { EntryCodec } from './codec/entry.codec.js';
import type { Sealing } from './codec/sealing.js';
import type { Bus } from './coherence/bus.js';
import type { Journal, PlaceJournal } from './coherence/journal.js';
import type { CacheSettings, MemorySettings } from './elasticache.settings.js';
import type { ScopeResolver } from './identity/scope.resolver.js';
import { KeyLayout, TagLayout } from './key/key.layout.js';
import type { Names } from './key/names.js';
import { GLOBAL, type Scope } from './key/scope.js';
import { MemoryStore } from './memory/memory.store.js';
import {
  BoundedMemoryTier,
  type CopyTier,
  type Memory,
  type MemoryTierSettings,
  noMemory,
} from './memory/memory.tier.js';
import { MemoryVersions } from './memory/memory.versions.js';
import type { NearCaches } from './memory/near.caches.js';
import { NearNames, NearTier } from './memory/near.tier.js';
import { Prefixes, ScopedTier } from './memory/scoped.tier.js';
import type { Deadline } from './resilience/deadline.js';
import { type CacheStore, noStore } from './store/cache.store.js';
import type { LeaseKeeper } from './store/lease.keeper.js';
import type { RedisExchange } from './store/redis.exchange.js';
import type { RedisStoreParts } from './store/redis.parts.js';
import { RedisStore } from './store/redis.store.js';
import { RedisVersions } from './store/redis.versions.js';
import { RotatingStore } from './store/rotating.store.js';
import { ScriptRunner } from './store/script.runner.js';
import { removeMatching } from './store/version.scan.js';
import type { Clock } from './time/clock.js';

/** What the caches of one application have in common. */
export interface CacheSurroundings {
  readonly namespace: string;
  readonly clock: Clock;
  readonly isEnabled: boolean;
  readonly onError: RecorderSettings['onError'];
  readonly realm: object;
  readonly closing: AbortSignal;
  readonly scopes: ScopeResolver;
  /** How things are called outside of this process: those in use, then those that were. */
  readonly names: readonly [Names, ...Names[]];
  readonly sealing: Sealing | undefined;
  readonly sensitive: SensitiveValues | undefined;
  readonly keeper: LeaseKeeper;
  /** Of tags, in the caches that live in memory alone. */
  readonly versions: MemoryVersions;
  readonly near: NearCaches;
  readonly bus: Bus | undefined;
  /** Of the shared tier's failed invalidations. */
  readonly journal: Journal | undefined;
  readonly exchange: (where: string, storeMs: number) => RedisExchange;
  /** Undefined where there is nothing but the primary. */
  readonly replicas: (where: string, storeMs: number) => RedisExchange | undefined;
  readonly deadlineOf: (ms: number) => Deadline;
}

interface Tiers {
  readonly memory: Memory;
  readonly store: CacheStore;
}

const noTiers: Tiers = { memory: noMemory, store: noStore };

/** Puts together one cache in all its scopes, which have its bounds in common and nothing else. */
export class CacheBuilder {
  private readonly codec: EntryCodec;
  private readonly room: LoadRoom | undefined;
  private readonly prefixes = new Prefixes();
  private readonly kind: CacheFamily['kind'];
  private tier: BoundedMemoryTier | undefined;
  private known: RedisVersions | undefined;

  constructor(
    private readonly name: string,
    private readonly settings: CacheSettings,
    private readonly around: CacheSurroundings,
  ) {
    const { tier, policy, scope } = settings;
    const { isEnabled, scopes } = around;
    this.kind = isEnabled ? (scope ?? scopes.defaultKind) : 'global';
    const { sealing } = around;
    this.codec = new EntryCodec(tier.kind === 'shared' ? { ...tier.codec, sealing } : {});
    this.room = policy.loads && new LoadRoom(policy.loads);
  }

  build(): CacheFamily {
    const { name, kind, settings, around } = this;
    const family: CacheFamily = new CacheFamily(name, {
      kind,
      tier: settings.tier.kind,
      policy: settings.policy,
      scopes: around.scopes,
      build: (scope) =>
        this.member(scope, around.isEnabled ? this.tiers(scope) : noTiers, () => family.of(scope)),
      forget: (scope) => around.near.remove(name, this.segmentOf(scope)),
      unscoped: () => this.member({}, noTiers),
      clearShared: () => this.clearShared(),
      recorder: this.recorder({}, this.removals),
      journal: around.journal,
    });
    return family;
  }

  private member(scope: Scope, tiers: Tiers, current?: () => NamedCache): NamedCache {
    const { name, settings, around, room } = this;
    const { policy, tier } = settings;
    const { namespace, clock, realm, closing } = around;
    const isOff = tiers === noTiers;
    const { tenant } = scope;
    return new NamedCache(name, {
      policy: isOff ? { ...policy, strict: false } : policy,
      ...tiers,
      tier: tier.kind,
      realm,
      place: {
        namespace,
        version: tier.kind === 'shared' ? `${tier.version}` : '1',
        scope: this.segmentOf(scope),
      },
      tenant,
      nameTags: around.names[0].tagsIn(this.tagScope(around.names[0], scope)),
      room,
      sensitive: around.sensitive,
      recorder: this.recorder(scope, this.kind === 'global' ? this.removals : undefined),
      journal: current && this.journal(scope, current),
      clock,
      random: Math.random,
      patience: around.deadlineOf(policy.waitMs),
      limit: policy.loadMs === undefined ? undefined : around.deadlineOf(policy.loadMs),
      closing,
    });
  }

  /** A scope that was forgotten meanwhile has another store than the one whose eviction failed. */
  private journal(scope: Scope, current: () => NamedCache): PlaceJournal | undefined {
    const { name, settings, around } = this;
    if (settings.tier.kind === 'memory') return undefined;
    const place = { cache: name, scope: this.segmentOf(scope), store: () => current().store };
    return around.journal?.at(place);
  }

  /** Of what all scopes have in common. */
  private readonly removals = () => this.tier?.removals;

  private recorder(scope: Scope, removals?: RecorderSettings['removals']): CacheRecorder {
    const { namespace, onError, names } = this.around;
    const { nameOf } = this.placeOf(names[0], scope);
    return new CacheRecorder({ namespace, cache: this.name, nameOf, onError, removals });
  }

  private segmentOf(scope: Scope): string {
    return this.around.names[0].scope(scope);
  }

  /** A scope of the cache as it is called outside of this process. */
  private placeOf(
    names: Names,
    of: Scope,
  ): Required<Pick<NearPlace, 'cache' | 'scope'>> & NearPlace {
    const place = { cache: this.name, scope: names.scope(of) };
    return { ...place, nameOf: names.keysIn(place) };
  }

  private tiers(scope: Scope): Tiers {
    const { settings, around, codec, where } = this;
    const { tier, policy } = settings;
    const { clock, versions } = around;
    const { refreshAhead } = policy.freshness;
    if (tier.kind === 'memory') {
      const { idleMs } = policy;
      const memory = this.view({ ...tier.memory, idleMs, refreshAhead, versions, where });
      return { memory, store: new MemoryStore({ tier: memory, versions, clock }) };
    }
    const copy = (value: unknown) => codec.copy(value, where);
    const shared = this.redisStore(scope, tier);
    if (tier.memory === undefined) return { memory: { ...noMemory, copy }, store: shared };
    const isCustom = typeof tier.codec.serializer === 'object';
    const near = this.nearTier(scope, tier.memory, isCustom ? copy : undefined);
    const places = around.names.map((names) => nearPlaceOf(this.placeOf(names, scope)));
    const parts = { places, shared, near, bus: around.bus!, clock };
    return { memory: near, store: new TieredStore(parts) };
  }

  /** The part of the cache's memory that is a scope's. */
  private view(settings: MemoryTierSettings): CopyTier {
    this.tier ??= new BoundedMemoryTier(settings);
    return this.kind === 'global' ? this.tier : new ScopedTier(this.tier, this.prefixes);
  }

  private nearTier(
    scope: Scope,
    settings: MemorySettings,
    copy: MemoryTierSettings['copy'],
  ): NearTier {
    const { name, where, around } = this;
    const { near, bus } = around;
    const { refreshAhead } = this.settings.policy.freshness;
    const { maxStalenessMs } = settings;
    const versions = near.tags;
    const tier = this.view({ ...settings, refreshAhead, copy, idleMs: undefined, versions, where });
    const { nameOf } = this.placeOf(around.names[0], scope);
    const forget = (text: string) => void tier.delete(text, 'size');
    const nearTier = new NearTier({
      tier,
      others: bus!,
      keys: new MemoryVersions(near.sequence),
      maxStalenessMs,
      names: nameOf && new NearNames(nameOf, { most: settings.maxEntries, forget }),
    });
    near.add(name, nearTier, this.segmentOf(scope));
    bus!.follow(maxStalenessMs);
    return nearTier;
  }

  private redisStore(
    scope: Scope,
    tier: Extract<CacheSettings['tier'], { kind: 'shared' }>,
  ): RedisStore {
    const { name, around, settings, codec, where } = this;
    const { namespace, keeper, clock } = around;
    const { version, batching, storeTimeoutMs } = tier;
    const exchange = around.exchange(where, storeTimeoutMs);
    const replicas = tier.readsReplicas ? around.replicas(where, storeTimeoutMs) : undefined;
    const partsBy = (names: Names): RedisStoreParts => ({
      cache: name,
      exchange,
      replicas,
      layout: new KeyLayout({ namespace, version, ...this.placeOf(names, scope) }),
      tags: new TagLayout(namespace, this.tagScope(names, scope)),
      codec,
      keeper,
      clock,
      idleMs: settings.policy.idleMs,
      batching,
      versions: this.versions(exchange),
    });
    const [current, ...older] = around.names;
    if (older.length === 0) return new RedisStore(partsBy(current));
    const stores = older.map((names) => new RedisStore(partsBy(names)));
    return new RotatingStore(partsBy(current), stores);
  }

  private async clearShared(): Promise<void> {
    const { name, settings, around, where } = this;
    const { tier } = settings;
    if (tier.kind === 'memory') return;
    const { bus, namespace } = around;
    const exchange = around.exchange(where, tier.storeTimeoutMs);
    const versions = this.versions(exchange);
    const pattern = new TagLayout(namespace).versionsOf(name);
    const work = () => removeMatching({ exchange, versions }, [[], pattern]);
    if (tier.memory === undefined) return work();
    return invalidating(bus!, [{ cache: name, everywhere: true }], work);
  }

  private versions(exchange: RedisExchange): RedisVersions {
    return (this.known ??= new RedisVersions(new ScriptRunner(exchange), this.around.clock));
  }

  private tagScope(names: Names, scope: Scope): string {
    return names.scope(this.around.scopes.ofTags(scope));
  }

  private get where(): string {
    return `cache '${this.name}'`;
  }
}

function nearPlaceOf({ scope, ...place }: NearPlace): NearPlace {
  return scope === GLOBAL ? place : { ...place, scope: scope! };
}
