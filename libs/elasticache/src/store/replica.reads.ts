import type { Clock } from '../time/clock.js';
import type { Look } from './cache.store.js';
import { type Bytes, ReadBatch } from './read.batch.js';
import type { RedisExchange } from './redis.exchange.js';

interface ReplicaReadsParts {
  /** With the replicas. */
  readonly exchange: RedisExchange;
  /** What the primary is asked for. */
  readonly primary: ReadBatch;
  readonly clock: Clock;
  readonly batching: boolean;
}

/** `peeks`: of bytes of a replica, which say nothing about what the primary has. */
type Make<T> = (bytes: Bytes, versions: readonly Bytes[], peeks?: boolean) => T | Promise<T>;

const NONE: readonly string[] = [];

/**
 * Reads entries from replicas and their versions from the primary, at the same time. So a replica that is
 * behind may still have what was evicted by its key, but nothing that was cleared or whose tag was evicted.
 * Only an entry that is valid and alive counts: of anything else, of a miss above all, the primary is asked.
 */
export class ReplicaReads {
  private readonly entries: ReadBatch;

  constructor(private readonly parts: ReplicaReadsParts) {
    this.entries = new ReadBatch({ exchange: parts.exchange, gathers: parts.batching });
  }

  async get<T extends Look>(
    key: string,
    versions: readonly string[],
    make: Make<T>,
    late?: (made: T) => void,
  ): Promise<T> {
    const { exchange, primary, clock } = this.parts;
    if (!exchange.isOpenTo(key)) return primary.get(key, versions, make, late);
    const reading = this.entries.get(key, NONE, (bytes) => bytes).catch(() => null);
    const [bytes, found] = await Promise.all([reading, primary.versions(versions)]);
    if (bytes !== null) {
      const look = await make(bytes, found, true);
      if (look.entry !== undefined && look.entry.expiresAt > clock.now()) return look;
    }
    return primary.get(key, versions, make, late);
  }
}
