import { channel, type Channel } from 'node:diagnostics_channel';

/** Why a lookup brought nothing. */
export type MissReason =
  /** Nothing is stored. */
  | 'absent'
  /** Stored, and past its life. */
  | 'expired'
  /** Stored before the cache was cleared. */
  | 'cleared'
  /** Stored before that tag was evicted. */
  | `tag ${string}`
  /** Stored bytes that cannot be read. */
  | 'undecodable'
  /** The load before did not store its value: an eviction or a write came first. */
  | 'lost its lease'
  /** An invalidation of it has failed here and waits to be made up for: what is stored may be out of date. */
  | 'eviction pending'
  /** A transaction of the caller has changed it. */
  | 'changed in this transaction'
  /** The condition of the operation was false: nothing was looked up. */
  | 'condition';

/** What every event of a cache names. Values are never published. */
export interface CacheEvent {
  readonly namespace: string;
  readonly cache: string;
}

/** The events of the library, by the last part of their channel's name: `nestjs-elasticache:hit` and so on. */
export interface CacheEvents {
  hit: CacheEvent & { readonly key: string; readonly tier: 'memory' | 'shared' };
  miss: CacheEvent & { readonly key: string; readonly reason: MissReason };
  /** An expired copy was handed out. */
  stale: CacheEvent & { readonly key: string; readonly tier: 'memory' | 'shared' };
  /** A caller got the result of a load that another call of this process had begun. */
  coalesced: CacheEvent & { readonly key: string };
  load: CacheEvent & {
    readonly key: string;
    readonly durationMs: number;
    readonly failed: boolean;
  };
  put: CacheEvent & { readonly key: string; readonly ttlMs: number };
  /** Entries removed by an invalidation; `key` where it was of one key. */
  evict: CacheEvent & { readonly key?: string; readonly removed: number };
  error: CacheEvent & { readonly operation: string; readonly code: string; readonly key?: string };
  /** The circuit breaker of a server has changed; `why` where it is not closed. */
  breaker: {
    readonly namespace: string;
    readonly state: 'closed' | 'open' | 'half-open';
    readonly why?: string;
    /** Which, of a cluster. */
    readonly server?: string;
  };
  /** Invalidations that had failed were made up for. */
  replay: { readonly namespace: string; readonly invalidations: number };
}

/**
 * The channels of `node:diagnostics_channel`, for metrics and tracing. Publishing costs nothing
 * while nobody subscribes: look at `hasSubscribers` before making the payload.
 */
export const cacheChannels: Readonly<Record<keyof CacheEvents, Channel>> = {
  hit: channel('nestjs-elasticache:hit'),
  miss: channel('nestjs-elasticache:miss'),
  stale: channel('nestjs-elasticache:stale'),
  coalesced: channel('nestjs-elasticache:coalesced'),
  load: channel('nestjs-elasticache:load'),
  put: channel('nestjs-elasticache:put'),
  evict: channel('nestjs-elasticache:evict'),
  error: channel('nestjs-elasticache:error'),
  breaker: channel('nestjs-elasticache:breaker'),
  replay: channel('nestjs-elasticache:replay'),
};

/** Publishes on a channel whose `hasSubscribers` the caller has looked at. */
export function publish<E extends keyof CacheEvents>(event: E, payload: CacheEvents[E]): void {
  cacheChannels[event].publish(payload);
}
