import { plainError, plainReason } from '../connection/plain.reason.js';
import type { RedisClient } from '../connection/redis.client.js';
import type { RedisConnection } from '../connection/redis.connection.js';
import {
  type CacheError,
  CacheTimeoutError,
  CacheUnavailableError,
} from '../errors/cache.errors.js';
import type { Deadline } from '../resilience/deadline.js';

type Send<T> = (client: RedisClient) => Promise<T>;

/** Between two attempts of what must be acknowledged. */
const AGAIN_MS = 20;

/** Replies that say "not now". */
const NOT_NOW = /^(TRYAGAIN|LOADING|CLUSTERDOWN|MASTERDOWN)/;

/** Talks to Redis within `timeouts.store`, and says in the library's own errors what went wrong. */
export class RedisExchange {
  constructor(
    private readonly parts: {
      readonly where: string;
      readonly connection: RedisConnection;
      readonly deadline: Deadline;
    },
  ) {}

  /** Whether keys of different slots must travel apart. */
  get isCluster(): boolean {
    return this.parts.connection.isCluster;
  }

  run<T>(send: Send<T>): Promise<T> {
    const { connection, deadline } = this.parts;
    return deadline.bound(
      connection.exchange(send),
      () => this.late(),
      (error) => this.unavailable(error),
    );
  }

  /** Repeats, while there is time, what was not acknowledged: for what may be done twice. */
  insist<T>(send: Send<T>): Promise<T> {
    let failure: unknown;
    let isOver = false;
    const attempts = async (): Promise<T> => {
      for (;;) {
        try {
          return await this.parts.connection.exchange(send);
        } catch (error) {
          if (isOver || !isPassing(error)) throw error;
          failure = error;
        }
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS).unref());
        if (isOver) throw failure;
      }
    };
    const expired = () => {
      isOver = true;
      return failure === undefined ? this.late() : this.unavailable(failure);
    };
    return this.parts.deadline.bound(attempts(), expired, (error) => this.unavailable(error));
  }

  unavailable(error: unknown): CacheError {
    const params = { where: this.parts.where, problem: plainReason(error) };
    return new CacheUnavailableError('CACHE_UNAVAILABLE', params, plainError(error));
  }

  private late(): CacheError {
    const { where, deadline } = this.parts;
    return new CacheTimeoutError('CACHE_TIMEOUT', { where, ms: deadline.ms });
  }
}

/** A reply was refused for good; a lost connection comes back. */
function isPassing(error: unknown): boolean {
  const { name, message } = error as Error;
  return name !== 'ReplyError' || NOT_NOW.test(message);
}
