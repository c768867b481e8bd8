import type { RedisClient } from '../connection/redis.client.js';
import type { Clock } from '../time/clock.js';
import { bySlot, chunks } from './slots.js';

export type Bytes = Buffer | null;

/** Told what stands under a key, and under the version keys beside it. */
type Make<T> = (bytes: Bytes, versions: readonly Bytes[]) => T | Promise<T>;

/** Told of one of many, with its place; `failed` where there is nothing to make it of, or that failed. */
interface MakeMany<T> {
  readonly made: (bytes: Bytes, versions: readonly Bytes[], place: number) => T | Promise<T>;
  readonly failed: (error: unknown) => T;
}

/** What one command of many brought. */
interface Fetched {
  readonly found: readonly Bytes[];
  readonly versionsOf: (list: readonly string[]) => readonly Bytes[];
}

interface Exchange {
  readonly isCluster: boolean;
  run<T>(send: (client: RedisClient) => Promise<T>): Promise<T>;
}

interface ReadBatchParts {
  readonly exchange: Exchange;
  readonly clock: Clock;
  /** False: every read is sent at once, in a command of its own. */
  readonly gathers?: boolean;
  /** Told that what was asked for is about to be sent. */
  readonly onSend?: () => void;
}

interface Pending {
  readonly key: string | undefined;
  readonly versions: readonly string[];
  readonly arrived: (bytes: Bytes, versions: readonly Bytes[]) => void;
  readonly failed: (error: unknown) => void;
}

/** A key's place: the MGET it is part of, and its index there. */
interface Place {
  readonly sending: Promise<Bytes[]>;
  readonly index: number;
}

/** Reads that one MGET serves: bounds the time the server spends on it, and lets it begin while the next are written. */
const MOST_READS = 32;

/** Of a call that asks for many, while others do: fewer commands cost less, and there is work enough meanwhile. */
const MOST_BESIDE_OTHERS = 128;

/** How long a call that asks for many may make values before all is here: longer, and the rest would be late. */
const MOST_MS_AT_ONCE = 5;

/**
 * The reads asked for in one turn of the event loop go out together, as MGET, each key once: one
 * write to the socket and one deadline for all of them is half the price, and the version of a cache
 * is read once for all its entries. Reads are merged only while unsent: what was asked for and what
 * was evicted in the same turn keep no order, but a read only ever comes later than it was asked
 * for, and so never sees an older value. On a cluster there is one MGET a slot.
 */
export class ReadBatch {
  private pending: Pending[] = [];
  /** Calls of {@link getMany} that are not answered. */
  private many = 0;

  constructor(private readonly parts: ReadBatchParts) {}

  /** What is made of what stands under a key and under its version keys; an array of keys given again is looked at once a turn. */
  get<T>(key: string | undefined, versions: readonly string[], make: Make<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const arrived: Pending['arrived'] = (bytes, found) => {
        try {
          resolve(make(bytes, found));
        } catch (error) {
          reject(error as Error);
        }
      };
      this.add({ key, versions, arrived, failed: reject });
    });
  }

  /**
   * The same for many keys, all different, each with its version keys, in commands of their own: one
   * that fails costs its own keys alone. While the server looks up the rest, the first are made.
   */
  async getMany<T>(
    keys: readonly string[],
    versions: readonly (readonly string[])[],
    make: MakeMany<T>,
  ): Promise<T[]> {
    if (this.parts.exchange.isCluster) return this.getEach(keys, versions, make);
    const isAlone = this.many === 0;
    const most = isAlone ? MOST_READS : MOST_BESIDE_OTHERS;
    let until = isAlone ? undefined : Number.NEGATIVE_INFINITY;
    this.many++;
    try {
      const parts: Promise<Fetched>[] = [];
      for (let from = 0; from < keys.length; from += most) {
        parts.push(this.fetchAll(keys.slice(from, from + most), versions.slice(from, from + most)));
      }
      const all = Promise.allSettled(parts);
      const makeOne = makerOf(make);
      const making = parts.map(async (part, p) => {
        const [from, to] = [p * most, Math.min(keys.length, (p + 1) * most)];
        const made: (T | Promise<T>)[] = [];
        try {
          const { found, versionsOf } = await part;
          until ??= this.parts.clock.now() + MOST_MS_AT_ONCE;
          for (let i = from; i < to; i++) {
            if (this.parts.clock.now() > until) {
              await all;
              until = Number.POSITIVE_INFINITY;
            }
            made.push(makeOne(found[i - from]!, versionsOf(versions[i]!), i));
          }
        } catch (error) {
          for (let i = from; i < to; i++) made.push(make.failed(error));
        }
        return made;
      });
      return await settled((await Promise.all(making)).flat());
    } finally {
      this.many--;
    }
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
    if (gathers) process.nextTick(() => this.send());
    else this.send();
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
    this.fetch([...indices.keys()]).then(
      (found) => {
        const at = (key: string) => found[indices.get(key)!]!;
        const known = new Map<readonly string[], readonly Bytes[]>();
        for (const list of lists) known.set(list, list.map(at));
        for (const { key, versions, arrived } of reads) {
          arrived(key === undefined ? null : at(key), known.get(versions)!);
        }
      },
      (error: unknown) => {
        for (const { failed } of reads) failed(error);
      },
    );
  }

  /** A read waits for the commands that its own keys are in, and fails with them alone. */
  private sendApart(reads: readonly Pending[]): void {
    const keys = reads.flatMap(({ key, versions }) => (key ? [key, ...versions] : versions));
    const groups = bySlot([...new Set(keys)], (key) => key);
    const places = new Map<string, Place>();
    for (const part of groups.flatMap((group) => chunks(group, MOST_READS))) {
      const sending = this.fetch(part);
      sending.catch(() => undefined); // told to each read that waits for it
      for (const [index, key] of part.entries()) places.set(key, { sending, index });
    }
    const at = async (key: string) => {
      const { sending, index } = places.get(key)!;
      return (await sending)[index]!;
    };
    for (const { key, versions, arrived, failed } of reads) {
      const own = key === undefined ? Promise.resolve(null) : at(key);
      const parts = [own, ...versions.map(at)];
      Promise.all(parts).then(([bytes, ...rest]) => arrived(bytes!, rest), failed);
    }
  }

  private async getEach<T>(
    keys: readonly string[],
    versions: readonly (readonly string[])[],
    make: MakeMany<T>,
  ): Promise<T[]> {
    const pairs = keys.map((key, i) =>
      this.get(key, versions[i]!, (bytes, found) => [bytes, found] as const),
    );
    const all = await Promise.allSettled(pairs);
    const makeOne = makerOf(make);
    return settled(
      all.map((one, i) =>
        one.status === 'fulfilled' ? makeOne(...one.value, i) : make.failed(one.reason),
      ),
    );
  }

  private async fetchAll(
    asked: readonly string[],
    versions: readonly (readonly string[])[],
  ): Promise<Fetched> {
    const keys = [...asked];
    const lists = new Set(versions);
    const indices = new Map<string, number>();
    for (const list of lists) {
      for (const key of list) if (!indices.has(key)) indices.set(key, keys.push(key) - 1);
    }
    const found = await this.fetch(keys);
    const known = new Map<readonly string[], readonly Bytes[]>();
    for (const list of lists) {
      known.set(
        list,
        list.map((key) => found[indices.get(key)!]!),
      );
    }
    return { found, versionsOf: (list) => known.get(list)! };
  }

  private fetch(keys: string[]): Promise<Bytes[]> {
    return this.parts.exchange.run((client) =>
      keys.length > 1 ? client.mgetBuffer(keys) : client.getBuffer(keys[0]!).then((one) => [one]),
    );
  }
}

/** What cannot be made fails alone. */
function makerOf<T>({ made, failed }: MakeMany<T>): MakeMany<T>['made'] {
  return (bytes, versions, place) => {
    try {
      const one = made(bytes, versions, place);
      return one instanceof Promise ? one.catch(failed) : one;
    } catch (error) {
      return failed(error);
    }
  };
}

/** Waits only where something has to be waited for. */
function settled<T>(made: (T | Promise<T>)[]): T[] | Promise<T[]> {
  const isPending = made.some((one) => one instanceof Promise);
  return isPending ? Promise.all(made) : (made as T[]);
}
