/** Stores on a real Redis, each made as the module makes one, for the specs of this folder. */
import { expect } from '@jest/globals';
import { EntryCodec } from '../../libs/elasticache/src/codec/entry.codec.js';
import type { ConnectionOptions } from '../../libs/elasticache/src/connection/connection.options.js';
import type { RedisClient } from '../../libs/elasticache/src/connection/redis.client.js';
import { RedisConnection } from '../../libs/elasticache/src/connection/redis.connection.js';
import { KeyLayout, leaseOf, TagLayout } from '../../libs/elasticache/src/key/key.layout.js';
import { Deadline } from '../../libs/elasticache/src/resilience/deadline.js';
import { LeaseKeeper } from '../../libs/elasticache/src/store/lease.keeper.js';
import { RedisExchange } from '../../libs/elasticache/src/store/redis.exchange.js';
import { RedisStore } from '../../libs/elasticache/src/store/redis.store.js';
import { RedisVersions } from '../../libs/elasticache/src/store/redis.versions.js';
import { ScriptRunner } from '../../libs/elasticache/src/store/script.runner.js';
import { RedisTags, type TagStore } from '../../libs/elasticache/src/store/tag.store.js';
import { systemClock } from '../../libs/elasticache/src/time/clock.js';
import type { RedisServer } from '../support/redis.server.js';
import type { StoreNames, StoreUnderTest } from './store.subject.js';

/** Nothing of the contract is a matter of time: a busy machine is no outage. */
const STORE_TIMEOUT_MS = 20_000;

export interface Connected extends StoreUnderTest {
  open(names: StoreNames, idleMs?: number): RedisStore;
  close(): Promise<void>;
}

/** On the client that is handed in, or on one of the library's own for the URL. */
export async function connect(
  target: RedisClient | ConnectionOptions | string,
): Promise<Connected> {
  const settings = { random: Math.random };
  const connection = await RedisConnection.open(target, settings);
  connection.start();
  const deadline = new Deadline(STORE_TIMEOUT_MS, systemClock);
  const exchangeOf = (where: string) => new RedisExchange({ where, connection, deadline });
  return {
    guards: true,
    open(names, idleMs) {
      const { cache = 'cache', namespace = 'test' } = names;
      return new RedisStore({
        cache,
        idleMs,
        exchange: exchangeOf(`cache '${cache}'`),
        layout: layoutOf(names),
        tags: new TagLayout(namespace),
        codec: new EntryCodec(),
        keeper: new LeaseKeeper(), // of another process than that of any other store
        clock: systemClock,
      });
    },
    tags(): TagStore {
      const exchange = exchangeOf('tags');
      const versions = new RedisVersions(new ScriptRunner(exchange), systemClock);
      const layout = new TagLayout('test');
      return new RedisTags({ layout, versions, exchange, keeper: new LeaseKeeper() });
    },
    async close() {
      await connection.close();
      if (typeof target === 'object' && 'disconnect' in target) target.disconnect();
    },
  };
}

export function layoutOf({
  namespace = 'test',
  version = 1,
  cache = 'cache',
}: StoreNames): KeyLayout {
  return new KeyLayout({ namespace, version, cache });
}

export function entryKey(names: StoreNames, text: string): string {
  return layoutOf(names).entry(text);
}

export function leaseKey(names: StoreNames, text: string): string {
  return leaseOf(entryKey(names, text));
}

export const tagEpochKey = new TagLayout('test').epoch;

export function tagKey(tag: string): string {
  return new TagLayout('test').version(tag);
}

/** Of the many keys that a contract leaves on a server none may stay for ever. */
export async function expectLifetimes(
  servers: readonly RedisServer[],
  moreThan = 100,
): Promise<void> {
  for (const server of servers) {
    const keys = await server.keys();
    expect(keys.length).toBeGreaterThan(moreThan);
    const lifetimes = await Promise.all(keys.map((key) => server.command('PTTL', key)));
    expect(keys.filter((_key, i) => Number(lifetimes[i]) === -1)).toEqual([]);
  }
}
