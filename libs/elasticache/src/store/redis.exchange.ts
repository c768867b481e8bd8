import { plainError, plainReason, withAdvice } from '../connection/plain.reason.js';
import type { RedisClient } from '../connection/redis.client.js';
import { isDemoted, type RedisConnection } from '../connection/redis.connection.js';
import {
  type CacheError,
  CacheTimeoutError,
  CacheUnavailableError,
} from '../errors/cache.errors.js';
import { type Breaker, noBreaker } from '../resilience/circuit.breaker.js';
import type { Deadline } from '../resilience/deadline.js';

/** One that the server has to which something is sent; undefined where it is sent to a node, or to none. */
type Key = string | undefined;

type Send<T> = (client: RedisClient) => Promise<T>;

/** What bounds and keeps away the exchanges of one cache. */
export interface RedisExchangeParts {
  readonly where: string;
  readonly connection: RedisConnection;
  /** Of `timeouts.store`. */
  readonly deadline: Deadline;
  /** The ways to the servers, by a key that each has; default one that is always open. */
  readonly links?: Links;
}

/** What an exchange asks of the way to a server. */
export interface Links {
  of(key: string): { readonly breaker: Breaker; waitOf(ms: number): Deadline };
}
type Link = ReturnType<Links['of']>;

/** What a read waits for at least; else a fifth of `timeouts.store`. */
const SHORTEST_READ_MS = 50;

/** Between two attempts of what must be acknowledged. */
const AGAIN_MS = 20;

/** Replies that say "not now". */
const NOT_NOW = /^(TRYAGAIN|LOADING|CLUSTERDOWN|MASTERDOWN|READONLY)/;

/**
 * Talks to Redis within `timeouts.store`, and says in the library's own errors what went wrong.
 * While a server's breaker is open nothing is sent to it, and nobody waits; only what must be
 * acknowledged is tried until nothing was heard for as long as it may wait itself. Each method is
 * told a key that the server has: on a cluster, of the slot that all keys of what is sent are in.
 */
export class RedisExchange {
  private readonly links: Links;
  private readonly unlinked: Link;
  private readonly readMs: number;

  constructor(private readonly parts: RedisExchangeParts) {
    const { deadline, links } = parts;
    this.unlinked = { breaker: noBreaker, waitOf: () => deadline };
    this.links = links ?? { of: () => this.unlinked };
    this.readMs = readWaitOf(deadline.ms);
  }

  /** Whether keys of different slots must travel apart. */
  get isCluster(): boolean {
    return this.parts.connection.isCluster;
  }

  /** Whether what is sent would reach the server that has the key. What is not connected begins to be. */
  isOpenTo(key: string): boolean {
    const { connection } = this.parts;
    connection.start();
    return connection.isReady && this.linkTo(key).breaker.isClosed;
  }

  run<T>(key: Key, send: Send<T>): Promise<T> {
    const link = this.linkTo(key);
    return link.breaker.isClosed
      ? this.bounded(send, { link, deadline: this.parts.deadline })
      : this.kept(link);
  }

  /**
   * For what its caller can go on without, and so waits less for. `late` is told what comes after
   * that. The very first connection is waited for as long as anything is: an application that starts
   * has its cache.
   */
  read<T>(key: Key, send: Send<T>, late?: (value: T) => void): Promise<T> {
    const { connection, deadline } = this.parts;
    const link = this.linkTo(key);
    if (!link.breaker.isClosed) return this.kept(link);
    const wait = connection.isReady ? link.waitOf(this.readMs) : deadline;
    return this.bounded(send, { link, deadline: wait, late });
  }

  /** Goes out where there is a connection, whatever the breaker says: for what puts right what was sent on it before. */
  mend<T>(key: Key, send: Send<T>): Promise<T> {
    const link = this.linkTo(key);
    const maySend = link.breaker.isClosed || this.parts.connection.isReady;
    return maySend
      ? this.bounded(send, { link, deadline: link.waitOf(this.readMs) })
      : this.kept(link);
  }

  /** Repeats, while there is time, what was not acknowledged: for what may be done twice. */
  insist<T>(key: Key, send: Send<T>): Promise<T> {
    const { connection, deadline } = this.parts;
    const link = this.linkTo(key);
    if (link.breaker.openForMs >= deadline.ms) return this.kept(link);
    let failure: unknown;
    let isOver = false;
    const attempts = async (): Promise<T> => {
      for (;;) {
        try {
          return await connection.exchange(send);
        } catch (error) {
          watch(link, error);
          this.leaveIfDemoted(error);
          if (isOver || !isPassing(error)) throw error;
          failure = error;
        }
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS).unref());
        if (isOver) throw failure;
      }
    };
    const expired = () => {
      isOver = true;
      return failure === undefined ? this.late(link, deadline) : this.unavailable(failure);
    };
    const work = attempts().then((value) => heard(link, value));
    return deadline.bound(work, expired, (error) => this.unavailable(error));
  }

  /** What the caller is told of an error, be it the reply to a part of what was sent. */
  unavailable(error: unknown): CacheError {
    this.leaveIfDemoted(error);
    const params = { where: this.parts.where, problem: withAdvice(plainReason(error)) };
    return new CacheUnavailableError('CACHE_UNAVAILABLE', params, plainError(error));
  }

  private leaveIfDemoted(error: unknown): void {
    if (isDemoted(error)) this.parts.connection.renew();
  }

  private bounded<T>(send: Send<T>, { link, deadline, late }: Bounds<T>): Promise<T> {
    let isLate = false;
    const work = this.parts.connection.exchange(send).then((value) => {
      heard(link, value);
      if (isLate) late?.(value);
      return value;
    });
    const expired = () => {
      isLate = true;
      return this.late(link, deadline);
    };
    return deadline.bound(work, expired, (error) => {
      watch(link, error);
      return this.unavailable(error);
    });
  }

  /** A single server is the one that is meant, whatever is sent. */
  private linkTo(key: Key): Link {
    return key === undefined && this.isCluster ? this.unlinked : this.links.of(key ?? '');
  }

  private kept<T>(link: Link): Promise<T> {
    return Promise.reject(this.away(link));
  }

  private away({ breaker: { state } }: Link): CacheError {
    const why = state.kind === 'closed' ? '' : `${withAdvice(state.why)}; `;
    const problem = `${why}nothing is sent until it answers again`;
    return new CacheUnavailableError('CACHE_UNAVAILABLE', { where: this.parts.where, problem });
  }

  /** The breaker may open by it, and end the wait of others, who were not late themselves. */
  private late(link: Link, { ms }: Deadline): CacheError {
    if (!link.breaker.isClosed) return this.away(link);
    link.breaker.failed(`no answer within ${ms} ms`);
    const { where, deadline } = this.parts;
    return new CacheTimeoutError('CACHE_TIMEOUT', { where, ms, bound: deadline.ms });
  }
}

interface Bounds<T> {
  readonly link: Link;
  readonly deadline: Deadline;
  readonly late?: ((value: T) => void) | undefined;
}

/** How long a read waits where `timeouts.store` is so long. */
export function readWaitOf(storeMs: number): number {
  return Math.min(storeMs, Math.max(SHORTEST_READ_MS, storeMs / 5));
}

function heard<T>({ breaker }: Link, value: T): T {
  breaker.succeeded();
  return value;
}

/** A command that was refused was answered. */
function watch({ breaker }: Link, error: unknown): void {
  if (isReply(error)) breaker.succeeded();
  else breaker.failed(plainReason(error));
}

/** Whether an exchange failed by what the server said, and not by its silence. */
export function wasRefused(error: unknown): error is CacheError {
  const { cause } = error as CacheError;
  return cause !== undefined && isReply(cause);
}

function isReply(error: unknown): boolean {
  return (error as Error).name === 'ReplyError';
}

/** A reply was refused for good; a lost connection comes back. */
function isPassing(error: unknown): boolean {
  return !isReply(error) || NOT_NOW.test((error as Error).message);
}
