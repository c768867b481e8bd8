import type { RedisClient } from '../connection/redis.client.js';
import { bySlot, chunks } from './slots.js';

export type Bytes = Buffer | null;

/** What stands under a key, and the versions that stand beside it. */
export interface Read {
  readonly bytes: Bytes;
  readonly versions: readonly Bytes[];
}

/** A key and the version keys that go with it. */
interface Asked {
  readonly key: string;
  readonly versions: readonly string[];
}

interface Exchange {
  readonly isCluster: boolean;
  run<T>(send: (client: RedisClient) => Promise<T>): Promise<T>;
}

interface Pending {
  readonly key: string | undefined;
  readonly versions: readonly string[];
  readonly arrived: (read: Read) => void;
  readonly failed: (error: unknown) => void;
}

/** A key's place: the MGET it is part of, and its index there. */
interface Place {
  readonly sending: Promise<Bytes[]>;
  readonly index: number;
}

/** Reads that one MGET serves: bounds the time the server spends on it, and lets it begin while the next are written. */
const MOST_READS = 32;

/** Of one call that asks for many. */
const MOST_OF_ONE_CALL = 128;

/**
 * The reads asked for in one turn of the event loop go out together, as MGET, each key once: one
 * write to the socket and one deadline for all of them is half the price, and the version of a cache
 * is read once for all its entries. Reads are merged only while unsent: what was asked for and what
 * was evicted in the same turn keep no order, but a read only ever comes later than it was asked
 * for, and so never sees an older value. On a cluster there is one MGET a slot.
 */
export class ReadBatch {
  private pending: Pending[] = [];

  constructor(
    private readonly exchange: Exchange,
    /** Told that what was asked for is about to be sent. */
    private readonly onSend: () => void = () => undefined,
  ) {}

  /** What is made of what stands under a key and under its version keys; an array of keys given again is looked at once a turn. */
  get<T = Read>(
    key: string | undefined,
    versions: readonly string[],
    make: (read: Read) => T | Promise<T> = asIs,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const arrived = (read: Read) => {
        try {
          resolve(make(read));
        } catch (error) {
          reject(error as Error);
        }
      };
      this.add({ key, versions, arrived, failed: reject });
    });
  }

  /** What stands under many keys, all different, and their version keys: in commands of their own. */
  async getMany(asked: readonly Asked[]): Promise<Read[]> {
    if (this.exchange.isCluster) {
      return Promise.all(asked.map(({ key, versions }) => this.get(key, versions)));
    }
    const parts = chunks(asked, MOST_OF_ONE_CALL).map((part) => this.fetchAll(part));
    return (await Promise.all(parts)).flat();
  }

  /** What stands under version keys alone. */
  versions(keys: readonly string[]): Promise<readonly Bytes[]> {
    return keys.length === 0 ? Promise.resolve([]) : this.get(undefined, keys, versionsOf);
  }

  private add(read: Pending): void {
    if (this.pending.push(read) === 1) process.nextTick(() => this.send());
  }

  private send(): void {
    const reads = this.pending;
    this.pending = [];
    this.onSend();
    if (this.exchange.isCluster) return this.sendApart(reads);
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
          arrived({ bytes: key === undefined ? null : at(key), versions: known.get(versions)! });
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
      Promise.all(parts).then(
        ([bytes, ...rest]) => arrived({ bytes: bytes!, versions: rest }),
        failed,
      );
    }
  }

  private async fetchAll(asked: readonly Asked[]): Promise<Read[]> {
    const keys = asked.map(({ key }) => key);
    const lists = new Map<readonly string[], readonly Bytes[]>();
    for (const { versions } of asked) lists.set(versions, []);
    const indices = new Map<string, number>();
    for (const list of lists.keys()) {
      for (const key of list) if (!indices.has(key)) indices.set(key, keys.push(key) - 1);
    }
    const found = await this.fetch(keys);
    for (const list of lists.keys()) {
      lists.set(
        list,
        list.map((key) => found[indices.get(key)!]!),
      );
    }
    return asked.map(({ versions }, i) => ({ bytes: found[i]!, versions: lists.get(versions)! }));
  }

  private fetch(keys: string[]): Promise<Bytes[]> {
    return this.exchange.run((client) =>
      keys.length > 1 ? client.mgetBuffer(keys) : client.getBuffer(keys[0]!).then((one) => [one]),
    );
  }
}

function versionsOf({ versions }: Read): readonly Bytes[] {
  return versions;
}

function asIs<T>(read: Read): T {
  return read as T;
}
