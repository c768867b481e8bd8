import type { EntryCodec } from '../codec/entry.codec.js';
import type { EntryVersions } from '../codec/entry.versions.js';
import { type KeyLayout, leaseOf, type TagLayout } from '../key/key.layout.js';
import type { Clock } from '../time/clock.js';
import type { StoreWrite } from './cache.store.js';
import type { LeaseKeeper } from './lease.keeper.js';
import type { RedisExchange } from './redis.exchange.js';
import type { RedisVersions } from './redis.versions.js';

/** What a store of one cache is made of. */
export interface RedisStoreParts {
  readonly cache: string;
  readonly exchange: RedisExchange;
  /** Where entries are read that may be out of date; default nowhere. */
  readonly replicas?: RedisExchange | undefined;
  readonly layout: KeyLayout;
  readonly tags: TagLayout;
  readonly codec: EntryCodec;
  readonly keeper: LeaseKeeper;
  readonly clock: Clock;
  /** Time to idle: each read renews the key's life on the server to this many milliseconds. */
  readonly idleMs: number | undefined;
  /** Whether the single reads of one turn of the event loop travel together; default true. */
  readonly batching?: boolean;
  /** Those of the cache in all its scopes; default of its own. */
  readonly versions?: RedisVersions;
}

/** The key of an entry, and of its lease. */
export function keysOf(layout: KeyLayout, text: string): [entry: string, lease: string] {
  const key = layout.entry(text);
  return [key, leaseOf(key)];
}

/** An entry as the server keeps it: its bytes, and its life in milliseconds. A promise only where it is compressed. */
export function sealed(
  { codec, idleMs, cache, layout }: RedisStoreParts,
  { text, entry, lifeMs }: StoreWrite,
  versions: EntryVersions,
): Sealed | Promise<Sealed> {
  const life = Math.ceil(Math.min(lifeMs, idleMs ?? lifeMs));
  const bytes = codec.encode(
    { entry, versions, ...(codec.seals && { key: layout.entry(text) }) },
    `cache '${cache}'`,
  );
  return bytes instanceof Promise ? bytes.then((made): Sealed => [made, life]) : [bytes, life];
}

export type Sealed = [bytes: Buffer, lifeMs: number];
