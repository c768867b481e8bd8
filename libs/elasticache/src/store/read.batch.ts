import type { RedisClient } from '../connection/redis.client.js';

type Bytes = Buffer | null;
type Exchange = <T>(send: (client: RedisClient) => Promise<T>) => Promise<T>;

interface Read {
  readonly key: string;
  readonly resolve: (bytes: Bytes) => void;
  readonly reject: (error: unknown) => void;
}

/** Keys of one MGET; bounds the time the server spends on it. */
const MOST_KEYS = 100;

/**
 * The reads asked for in one turn of the event loop go out together, as MGET: one write to the
 * socket and one deadline for all of them is half the price. A single one waits for nobody and
 * stays a GET. What was asked for and what was evicted in the same turn keep no order, but a read
 * only ever comes later than it was asked for, and so never sees an older value.
 */
export class ReadBatch {
  private reads: Read[] = [];

  constructor(private readonly exchange: Exchange) {}

  get(key: string): Promise<Bytes> {
    return new Promise((resolve, reject) => {
      if (this.reads.push({ key, resolve, reject }) === 1) process.nextTick(() => this.send());
    });
  }

  private send(): void {
    const reads = this.reads;
    this.reads = [];
    for (let i = 0; i < reads.length; i += MOST_KEYS) this.sendSome(reads.slice(i, i + MOST_KEYS));
  }

  private sendSome(reads: readonly Read[]): void {
    const keys = reads.map(({ key }) => key);
    const found: Promise<Bytes[]> = this.exchange((client) =>
      keys.length > 1 ? client.mgetBuffer(keys) : client.getBuffer(keys[0]!).then((one) => [one]),
    );
    found.then(
      (all) => reads.forEach(({ resolve }, i) => resolve(all[i]!)),
      (error: unknown) => reads.forEach(({ reject }) => reject(error)),
    );
  }
}
