import { nextTick } from 'node:process';
import { setImmediate } from 'node:timers';

import type { RedisClient } from '../connection/redis.client.js';
import { bySlot, chunks } from './slots.js';

export type Bytes = Buffer | null;

/** Told what stands under a key, and under the version keys beside it. */
type Make<T> = (bytes: Bytes, versions: readonly Bytes[]) => T | Promise<T>;

export interface Exchange {
  readonly isCluster: boolean;
  read<T>(
    key: string,
    send: (client: RedisClient) => Promise<T>,
    late?: (value: T) => void,
  ): Promise<T>;
}

interface ReadBatchParts {
  readonly exchange: Exchange;
  /** False: every read is sent at once, in a command of its own. */
  readonly gathers?: boolean;
  /** Told that what was asked for is about to be sent. */
  readonly onSend?: () => void;
}

interface Pending {
  readonly key: string | undefined;
  readonly versions: readonly string[];
  readonly arrived: Arrived;
  readonly failed: (error: unknown) => void;
  readonly late: Arrived | undefined;
}

type Arrived = (bytes: Bytes, versions: readonly Bytes[]) => void;

/** A key's place: the MGET it is part of, its answer in time or whenever it comes, and its index there. */
interface Place {
  readonly sending: Promise<Bytes[]>;
  readonly whenever: Promise<Bytes[]>;
  readonly index: number;
}

/** Reads that one MGET serves: bounds the time the server spends on it, and lets it begin while the next are written. */
const MOST_READS = 32;

/**
 * The reads asked for in one turn of the event loop go out together, as MGET, each key once: one
 * write to the socket and one deadline for all of them is half the price, and the version of a cache
 * is read once for all its entries. While others are under way, which the server has to answer first, a
 * read waits for what else this round of the loop brings: the requests that have arrived on other sockets
 * ask with one command, not with one each. Reads are merged only while unsent: what was asked for and what
 * was evicted in the same turn keep no order, but a read only ever comes later than it was asked
 * for, and so never sees an older value. On a cluster there is one MGET a slot.
 */
export class ReadBatch {
  private pending: Pending[] = [];
  /** Commands that are not answered yet. */
  private underWay = 0;

  constructor(private readonly parts: ReadBatchParts) {}

  /**
   * What is made of what stands under a key and under its version keys; an array of keys given again
   * is looked at once a turn. `late` is told of it where it came too late.
   */
  get<T>(
    key: string | undefined,
    versions: readonly string[],
    make: Make<T>,
    late?: (made: T) => void,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const arrived: Arrived = (bytes, found) => {
        try {
          resolve(make(bytes, found));
        } catch (error) {
          reject(error as Error);
        }
      };
      this.add({ key, versions, arrived, failed: reject, late: late && afterAll(make, late) });
    });
  }

  /** What stands under version keys alone. */
  versions(keys: readonly string[]): Promise<readonly Bytes[]> {
    return keys.length === 0
      ? Promise.resolve([])
      : this.get(undefined, keys, (_, versions) => versions);
  }

  private add(read: Pending): void {
    const { gathers = true } = this.parts;
    if (this.pending.push(read) > 1) return;
    if (!gathers) this.send();
    else if (this.underWay === 0) nextTick(() => this.send());
    else setImmediate(() => this.send());
  }

  private send(): void {
    const reads = this.pending;
    this.pending = [];
    this.parts.onSend?.();
    if (this.parts.exchange.isCluster) return this.sendApart(reads);
    for (const part of chunks(reads, MOST_READS)) this.sendTogether(part);
  }

  private sendTogether(reads: readonly Pending[]): void {
    const indices = new Map<string, number>();
    const lists = new Set<readonly string[]>();
    for (const { key, versions } of reads) {
      if (key !== undefined && !indices.has(key)) indices.set(key, indices.size);
      lists.add(versions);
    }
    for (const list of lists) {
      for (const key of list) if (!indices.has(key)) indices.set(key, indices.size);
    }
    const handTo = (which: 'arrived' | 'late') => (found: Bytes[]) => {
      const at = (key: string) => found[indices.get(key)!]!;
      const known = new Map<readonly string[], readonly Bytes[]>();
      for (const list of lists) known.set(list, list.map(at));
      for (const read of reads) {
        const { key, versions } = read;
        read[which]?.(key === undefined ? null : at(key), known.get(versions)!);
      }
    };
    this.fetch([...indices.keys()], handTo('late')).then(handTo('arrived'), (error: unknown) => {
      for (const { failed } of reads) failed(error);
    });
  }

  /** A read waits for the commands that its own keys are in, and fails with them alone. */
  private sendApart(reads: readonly Pending[]): void {
    const keys = reads.flatMap(({ key, versions }) => (key ? [key, ...versions] : versions));
    const groups = bySlot([...new Set(keys)], (key) => key);
    const places = new Map<string, Place>();
    for (const part of groups.flatMap((group) => chunks(group, MOST_READS))) {
      const both = this.fetchWhenever(part);
      for (const [index, key] of part.entries()) places.set(key, { ...both, index });
    }
    const at = async (key: string, which: 'sending' | 'whenever') => {
      const place = places.get(key)!;
      return (await place[which])[place.index]!;
    };
    for (const { key, versions, arrived, failed, late } of reads) {
      const parts = (which: 'sending' | 'whenever') =>
        Promise.all([
          key === undefined ? null : at(key, which),
          ...versions.map((version) => at(version, which)),
        ]);
      parts('sending').then(
        ([bytes, ...rest]) => arrived(bytes!, rest),
        (error: unknown) => {
          failed(error);
          if (late !== undefined)
            void parts('whenever').then(([bytes, ...rest]) => late(bytes!, rest));
        },
      );
    }
  }

  private fetch(keys: string[], late: (found: Bytes[]) => void): Promise<Bytes[]> {
    const fetching = fetch(this.parts.exchange, keys, late);
    const ended = () => this.underWay--;
    this.underWay++;
    fetching.then(ended, ended);
    return fetching;
  }

  private fetchWhenever(keys: string[]): Omit<Place, 'index'> {
    let sending!: Promise<Bytes[]>;
    const whenever = new Promise<Bytes[]>((resolve) => {
      sending = this.fetch(keys, resolve);
      sending.then(resolve, () => undefined); // told to each read that waits for it
    });
    return { sending, whenever };
  }
}

/** Makes what nobody waits for any more. */
function afterAll<T>(make: Make<T>, late: (made: T) => void): Arrived {
  return (bytes, versions) => {
    const making = async () => late(await make(bytes, versions));
    making().catch(() => undefined); // who asked was told of a failure before
  };
}

/**
 * One command for these keys: MGET for one, too, to which what another program has put there in
 * another type is not there. Its answer may be of another question, where bytes were lost on their way.
 */
export function fetch(
  exchange: Exchange,
  keys: string[],
  late?: (found: Bytes[]) => void,
): Promise<Bytes[]> {
  const send = async (client: RedisClient) => {
    const found = await client.mgetBuffer(keys);
    if (found?.length === keys.length && found.every(isBytes)) return found;
    throw new Error('the answer does not fit the question');
  };
  return exchange.read(keys[0]!, send, late);
}

function isBytes(found: unknown): found is Bytes {
  return found === null || Buffer.isBuffer(found);
}

/** What stands under a key, whose life begins anew; as for MGET, what is of another type is not there. */
export function fetchAndTouch(exchange: Exchange, key: string, lifeMs: number): Promise<Bytes> {
  return exchange.read(key, (client) => {
    const reply = client.callBuffer('getex', key, 'px', lifeMs) as Promise<Bytes>;
    return reply.catch((error: Error) => {
      if (error.message.startsWith('WRONGTYPE')) return null;
      throw error;
    });
  });
}
