import type { EntryCodec } from '../codec/entry.codec.js';
import { plainError, plainReason } from '../connection/plain.reason.js';
import type { PipelineReply, RedisClient } from '../connection/redis.client.js';
import type { RedisConnection } from '../connection/redis.connection.js';
import type { Entry } from '../entry/cache.entry.js';
import {
  type CacheError,
  CacheSerializationError,
  CacheTimeoutError,
  CacheUnavailableError,
} from '../errors/cache.errors.js';
import type { Glob } from '../key/glob.js';
import type { KeyLayout } from '../key/key.layout.js';
import type { Deadline } from '../resilience/deadline.js';
import { ReadBatch } from './read.batch.js';
import type { CacheStore, Found, StoreWrite } from './cache.store.js';

export interface RedisStoreParts {
  readonly cache: string;
  readonly connection: RedisConnection;
  readonly layout: KeyLayout;
  readonly codec: EntryCodec;
  readonly deadline: Deadline;
  /** Time to idle: each read renews the key's life on the server to this many milliseconds. */
  readonly idleMs: number | undefined;
}

type Decoded = Entry | CacheSerializationError;

/** Keys looked at by one SCAN; bounds the time the server spends on each step. */
const SCAN_COUNT = 500;

/** Entries of one cache on one Redis or Valkey node. Every key has a lifetime. */
export class RedisStore implements CacheStore {
  private readonly where: string;
  private readonly reads = new ReadBatch((send) => this.exchange(send));

  constructor(private readonly parts: RedisStoreParts) {
    this.where = `cache '${parts.cache}'`;
  }

  async get(text: string): Promise<Found> {
    const { layout, idleMs } = this.parts;
    const key = layout.entry(text);
    const bytes = await (idleMs === undefined
      ? this.reads.get(key)
      : this.exchange((client) => getAndTouch(client, key, idleMs)));
    if (bytes === null) return undefined;
    const decoded = this.decode(bytes);
    const found = decoded instanceof Promise ? await decoded : decoded;
    if (found instanceof CacheSerializationError) await this.discard([text]);
    return found;
  }

  async getMany(texts: readonly string[]): Promise<Found[]> {
    if (texts.length === 0) return [];
    const keys = texts.map((text) => this.parts.layout.entry(text));
    const found = await this.exchange((client) => this.fetchMany(client, keys));
    const entries = await Promise.all(
      found.map(async (bytes) => (bytes ? this.decode(bytes) : undefined)),
    );
    await this.discard(texts.filter((_, i) => entries[i] instanceof CacheSerializationError));
    return entries;
  }

  async set(write: StoreWrite): Promise<boolean> {
    const bytes = await this.encode(write);
    const key = this.parts.layout.entry(write.text);
    return this.store(async (client) => {
      if (!write.wanted()) return false;
      await client.set(key, bytes, 'PX', this.life(write));
      return true;
    });
  }

  async setMany(writes: readonly StoreWrite[]): Promise<(boolean | CacheSerializationError)[]> {
    const encoded = await Promise.all(writes.map((write) => this.tryEncode(write)));
    if (!encoded.some(Buffer.isBuffer)) return encoded as CacheSerializationError[];
    return this.store(async (client) => {
      const commands: (string | Buffer | number)[][] = [];
      const outcomes = writes.map((write, i) => {
        const bytes = encoded[i]!;
        if (bytes instanceof CacheSerializationError) return bytes;
        if (!write.wanted()) return false;
        commands.push(['set', this.parts.layout.entry(write.text), bytes, 'PX', this.life(write)]);
        return true;
      });
      if (commands.length > 0) await pipelined(client, commands);
      return outcomes;
    });
  }

  async setIfAbsent(write: StoreWrite): Promise<Found> {
    const bytes = await this.encode(write);
    const key = this.parts.layout.entry(write.text);
    const stored = await this.store((client) =>
      client.callBuffer('SET', key, bytes, 'PX', this.life(write), 'NX'),
    );
    if (stored !== null) return undefined;
    // Gone between the two commands: the place is free.
    return (await this.get(write.text)) ?? this.setIfAbsent(write);
  }

  async delete(texts: readonly string[]): Promise<number> {
    if (texts.length === 0) return 0;
    const keys = texts.map((text) => this.parts.layout.entry(text));
    return this.exchange((client) => client.unlink(keys));
  }

  async deleteMatching(glob?: Glob): Promise<number> {
    const { layout } = this.parts;
    const pattern = layout.pattern(glob);
    let removed = 0;
    let cursor = '0';
    do {
      const [next, keys] = await this.exchange((client) => scan(client, cursor, pattern));
      const owned = keys.filter((key) => layout.owns(key, glob));
      if (owned.length > 0) removed += await this.exchange((client) => client.unlink(owned));
      cursor = next;
    } while (cursor !== '0');
    return removed;
  }

  private fetchMany(client: RedisClient, keys: string[]): Promise<(Buffer | null)[]> {
    const { idleMs } = this.parts;
    if (idleMs === undefined) return client.mgetBuffer(keys);
    return Promise.all(keys.map((key) => getAndTouch(client, key, idleMs)));
  }

  private life({ ttlMs }: StoreWrite): number {
    return Math.ceil(Math.min(ttlMs, this.parts.idleMs ?? ttlMs));
  }

  private encode({ entry }: StoreWrite): Buffer | Promise<Buffer> {
    return this.parts.codec.encode(entry, this.where);
  }

  private async tryEncode(write: StoreWrite): Promise<Buffer | CacheSerializationError> {
    try {
      return await this.encode(write);
    } catch (error) {
      if (error instanceof CacheSerializationError) return error;
      throw error;
    }
  }

  /** A promise only where there is something to decompress. */
  private decode(bytes: Buffer): Decoded | Promise<Decoded> {
    try {
      const entry = this.parts.codec.decode(bytes, this.where);
      return entry instanceof Promise ? entry.catch(undecodable) : entry;
    } catch (error) {
      return undecodable(error);
    }
  }

  /** Removes what could not be read. That error is told; if this fails, the next read tries again. */
  private async discard(texts: readonly string[]): Promise<void> {
    await this.delete(texts).catch(() => undefined);
  }

  /**
   * An exchange that is called off when its time is over before there was a connection: a value that
   * is stored late could bring back one that was evicted meanwhile. An eviction may come late.
   */
  private store<T>(send: (client: RedisClient) => Promise<T>): Promise<T> {
    let isLate = false;
    const sendInTime = async (client: RedisClient) => {
      if (isLate) throw new Error('too late to be sent');
      return send(client);
    };
    return this.exchange(sendInTime, () => (isLate = true));
  }

  private exchange<T>(
    send: (client: RedisClient) => Promise<T>,
    onExpiry?: () => void,
  ): Promise<T> {
    const { connection, deadline } = this.parts;
    const expired = () => {
      onExpiry?.();
      return new CacheTimeoutError('CACHE_TIMEOUT', { where: this.where, ms: deadline.ms });
    };
    return deadline.bound(connection.exchange(send), expired, (error) => this.unavailable(error));
  }

  private unavailable(error: unknown): CacheError {
    const params = { where: this.where, problem: plainReason(error) };
    return new CacheUnavailableError('CACHE_UNAVAILABLE', params, plainError(error));
  }
}

function undecodable(error: unknown): CacheSerializationError {
  if (error instanceof CacheSerializationError) return error;
  throw error;
}

async function getAndTouch(client: RedisClient, key: string, idleMs: number) {
  return (await client.callBuffer('GETEX', key, 'PX', Math.ceil(idleMs))) as Buffer | null;
}

async function scan(client: RedisClient, cursor: string, pattern: string) {
  const reply = await client.callBuffer('SCAN', cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT);
  const [next, keys] = reply as [Buffer, Buffer[]];
  return [next.toString(), keys.map(String)] as const;
}

async function pipelined(client: RedisClient, commands: (string | Buffer | number)[][]) {
  const replies: PipelineReply[] = (await client.pipeline(commands).exec()) ?? [];
  for (const [error] of replies) if (error) throw error;
}
