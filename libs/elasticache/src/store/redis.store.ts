import type { EntryCodec } from '../codec/entry.codec.js';
import type { PipelineReply, RedisClient } from '../connection/redis.client.js';
import type { RedisConnection } from '../connection/redis.connection.js';
import {
  type CacheError,
  CacheSerializationError,
  CacheTimeoutError,
  CacheUnavailableError,
} from '../errors/cache.errors.js';
import type { Glob } from '../key/glob.js';
import type { KeyLayout } from '../key/key.layout.js';
import type { Deadline } from '../resilience/deadline.js';
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

/** Keys looked at by one SCAN; bounds the time the server spends on each step. */
const SCAN_COUNT = 500;

/** Entries of one cache on one Redis or Valkey node. Every key has a lifetime. */
export class RedisStore implements CacheStore {
  constructor(private readonly parts: RedisStoreParts) {}

  async get(text: string): Promise<Found> {
    const { layout, idleMs } = this.parts;
    const key = layout.entry(text);
    const bytes = await this.exchange((client) =>
      idleMs === undefined ? client.getBuffer(key) : getAndTouch(client, key, idleMs),
    );
    return bytes === null ? undefined : this.decode(text, bytes);
  }

  async getMany(texts: readonly string[]): Promise<Found[]> {
    if (texts.length === 0) return [];
    const keys = texts.map((text) => this.parts.layout.entry(text));
    const found = await this.exchange((client) => this.fetchMany(client, keys));
    const entries: Found[] = [];
    for (const [i, bytes] of found.entries()) {
      entries.push(bytes === null ? undefined : await this.decode(texts[i]!, bytes));
    }
    return entries;
  }

  async set(write: StoreWrite): Promise<boolean> {
    const bytes = await this.encode(write);
    if (!write.wanted()) return false;
    const key = this.parts.layout.entry(write.text);
    await this.exchange((client) => client.set(key, bytes, 'PX', this.life(write)));
    return true;
  }

  async setMany(writes: readonly StoreWrite[]): Promise<(boolean | CacheSerializationError)[]> {
    const encoded = await Promise.all(writes.map((write) => this.tryEncode(write)));
    const commands: (string | Buffer | number)[][] = [];
    const outcomes = writes.map((write, i) => {
      const bytes = encoded[i]!;
      if (bytes instanceof CacheSerializationError) return bytes;
      if (!write.wanted()) return false;
      commands.push(['set', this.parts.layout.entry(write.text), bytes, 'PX', this.life(write)]);
      return true;
    });
    if (commands.length > 0) await this.exchange((client) => pipelined(client, commands));
    return outcomes;
  }

  async setIfAbsent(write: StoreWrite): Promise<Found> {
    const bytes = await this.encode(write);
    const key = this.parts.layout.entry(write.text);
    const stored = await this.exchange((client) =>
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
    return Math.min(ttlMs, this.parts.idleMs ?? ttlMs);
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

  private async decode(text: string, bytes: Buffer): Promise<Found> {
    try {
      return await this.parts.codec.decode(bytes, this.where);
    } catch (error) {
      if (!(error instanceof CacheSerializationError)) throw error;
      await this.delete([text]);
      return error;
    }
  }

  private get where(): string {
    return `cache '${this.parts.cache}'`;
  }

  private exchange<T>(send: (client: RedisClient) => Promise<T>): Promise<T> {
    const { connection, deadline } = this.parts;
    return deadline.bound(
      connection.exchange(send),
      () => new CacheTimeoutError('CACHE_TIMEOUT', { where: this.where, ms: deadline.ms }),
      (error) => this.unavailable(error),
    );
  }

  private unavailable(error: unknown): CacheError {
    // ioredis hangs the command on its errors, and with it the bytes of the value and passwords.
    if (error instanceof Error && 'command' in error) delete error.command;
    const problem = error instanceof Error ? error.message : String(error);
    return new CacheUnavailableError(
      'CACHE_UNAVAILABLE',
      { where: this.where, problem: problem.slice(0, 200) },
      error,
    );
  }
}

async function getAndTouch(client: RedisClient, key: string, idleMs: number) {
  return (await client.callBuffer('GETEX', key, 'PX', idleMs)) as Buffer | null;
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
