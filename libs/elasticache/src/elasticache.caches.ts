import { CacheFamily } from './cache/cache.family.js';
import { CacheRecorder, type RecorderSettings } from './cache/cache.recorder.js';
import { LoadRoom } from './cache/load.runner.js';
import { NamedCache } from './cache/named.cache.js';
import { namingOf } from './cache/tags.js';
import { invalidating, TieredStore } from './cache/tiered.store.js';
import { EntryCodec } from './codec/entry.codec.js';
import type { Bus } from './coherence/bus.js';
import type { CacheSettings, MemorySettings } from './elasticache.settings.js';
import type { ScopeResolver } from './identity/scope.resolver.js';
import { KeyLayout, TagLayout } from './key/key.layout.js';
import { GLOBAL, type Scope, scopeSegment } from './key/scope.js';
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
import { NearTier } from './memory/near.tier.js';
import { Prefixes, ScopedTier } from './memory/scoped.tier.js';
import type { Deadline } from './resilience/deadline.js';
import { type CacheStore, noStore } from './store/cache.store.js';
import type { LeaseKeeper } from './store/lease.keeper.js';
import type { RedisExchange } from './store/redis.exchange.js';
import { RedisStore } from './store/redis.store.js';
import { RedisVersions } from './store/redis.versions.js';
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
  readonly keeper: LeaseKeeper;
  /** Of tags, in the caches that live in memory alone. */
  readonly versions: MemoryVersions;
  readonly near: NearCaches;
  readonly bus: Bus | undefined;
  readonly exchange: (where: string, storeMs: number) => RedisExchange;
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

  constructor(
    private readonly name: string,
    private readonly settings: CacheSettings,
    private readonly around: CacheSurroundings,
  ) {
    const { tier, policy, scope } = settings;
    const { isEnabled, scopes } = around;
    this.kind = isEnabled ? (scope ?? scopes.defaultKind) : 'global';
    this.codec = new EntryCodec(tier.kind === 'shared' ? tier.codec : {});
    this.room = policy.loads && new LoadRoom(policy.loads);
  }

  build(): CacheFamily {
    const { name, kind, settings, around } = this;
    return new CacheFamily(name, {
      kind,
      policy: settings.policy,
      scopes: around.scopes,
      build: (scope) => this.member(scope, around.isEnabled ? this.tiers(scope) : noTiers),
      forget: (scope) => around.near.remove(name, scopeSegment(scope)),
      unscoped: () => this.member({}, noTiers),
      clearShared: () => this.clearShared(),
      recorder: this.recorder(),
    });
  }

  private member(scope: Scope, tiers: Tiers): NamedCache {
    const { name, settings, around, room } = this;
    const { policy, tier } = settings;
    const { namespace, clock, realm, closing } = around;
    const isOff = tiers === noTiers;
    const { tenant } = scope;
    return new NamedCache(name, {
      policy: isOff ? { ...policy, singleFlight: false, strict: false } : policy,
      ...tiers,
      tier: tier.kind,
      realm,
      place: {
        namespace,
        version: tier.kind === 'shared' ? `${tier.version}` : '1',
        scope: scopeSegment(scope),
      },
      tenant,
      nameTags: namingOf(tagScope(scope)),
      room,
      recorder: this.recorder(),
      clock,
      random: Math.random,
      patience: around.deadlineOf(policy.waitMs),
      closing,
    });
  }

  private recorder(): CacheRecorder {
    const { namespace, onError } = this.around;
    return new CacheRecorder({ namespace, cache: this.name, onError });
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
    const segment = scopeSegment(scope);
    const place = { cache: this.name, ...(segment !== GLOBAL && { scope: segment }) };
    return {
      memory: near,
      store: new TieredStore({ ...place, shared, near, bus: around.bus!, clock }),
    };
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
    const nearTier = new NearTier({
      tier: this.view({
        ...settings,
        refreshAhead,
        copy,
        idleMs: undefined,
        versions: near.tags,
        where,
      }),
      others: bus!,
      keys: new MemoryVersions(near.sequence),
      maxStalenessMs,
    });
    near.add(name, nearTier, scopeSegment(scope));
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
    return new RedisStore({
      cache: name,
      exchange: around.exchange(where, storeTimeoutMs),
      layout: new KeyLayout({ namespace, version, cache: name, scope: scopeSegment(scope) }),
      tags: new TagLayout(namespace, tagScope(scope)),
      codec,
      keeper,
      clock,
      idleMs: settings.policy.idleMs,
      batching,
    });
  }

  private async clearShared(): Promise<void> {
    const { name, settings, around, where } = this;
    const { tier } = settings;
    if (tier.kind === 'memory') return;
    const { bus, namespace, clock } = around;
    const exchange = around.exchange(where, tier.storeTimeoutMs);
    const versions = new RedisVersions(new ScriptRunner(exchange), clock);
    const pattern = new TagLayout(namespace).versionsOf(name);
    const work = () => removeMatching({ exchange, versions }, [[], pattern]);
    if (tier.memory === undefined) return work();
    return invalidating(bus!, { cache: name, everywhere: true }, work);
  }

  private get where(): string {
    return `cache '${this.name}'`;
  }
}

/** A tag is a tenant's, whoever of its users has entries that bear it. */
export function tagScope({ tenant }: Scope): string {
  return scopeSegment(tenant === undefined ? {} : { tenant });
}
