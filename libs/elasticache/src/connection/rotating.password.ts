import type { Clock } from '../time/clock.js';
import type { Random } from '../time/jitter.js';

interface RotatingPasswordParts {
  readonly source: () => string | Promise<string>;
  readonly clock: Clock;
  readonly random: Random;
  /** Told why no password could be had, before it is tried again. */
  readonly onFailure: (error: unknown) => void;
}

/** A token of AWS lives 15 minutes: one that old may not be accepted any more. */
const OLD_AFTER_MS = 10 * 60_000;

/** Between two renewals; a fifth more or less, so that processes started together part. */
const RENEW_MS = 5 * 60_000;

/** A source that hangs is asked again: what it waits for may have been lost while the process stood still. */
const ANSWER_MS = 5_000;

/** As AWS's own token manager tries: from 100 ms, doubled up to 5 s. */
const MOST_ATTEMPTS = 8;
const FIRST_DELAY_MS = 100;
const MOST_DELAY_MS = 5_000;

/**
 * A password that is another one each time it is asked for. ioredis takes a text when it is made, for
 * all connections to come; but what is no text it makes one of when it sends it. So this object stands
 * in its place, and whoever connects sees to it first that it holds a fresh one.
 */
export class RotatingPassword {
  /** So that nothing which shows objects shows it. */
  #known = '';
  private knownAt = Number.NEGATIVE_INFINITY;
  private asking: Promise<string> | undefined;
  private renewal: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(private readonly parts: RotatingPasswordParts) {}

  /** What is sent. */
  toString(): string {
    return this.#known;
  }

  /** Before a connection: waits for one that is not old. Does not fail: the server will say that the old one is wrong. */
  async ready(): Promise<void> {
    const age = this.parts.clock.now() - this.knownAt;
    if (age >= 0 && age < OLD_AFTER_MS) return;
    await this.fresh().catch(() => undefined); // told already
  }

  /** The server refuses the one it was given: the next connection needs another. */
  outdate(): void {
    this.knownAt = Number.NEGATIVE_INFINITY;
  }

  /** A new one, the same for all who ask meanwhile. */
  fresh(): Promise<string> {
    return (this.asking ??= this.ask().finally(() => {
      this.asking = undefined;
      this.renewLater();
    }));
  }

  /** From now on it is renewed no more. */
  close(): void {
    this.closed = true;
    clearTimeout(this.renewal);
  }

  private async ask(): Promise<string> {
    const { source, clock, onFailure } = this.parts;
    for (let attempt = 1; ; attempt++) {
      try {
        this.#known = checked(await inTime(source()));
        this.knownAt = clock.now();
        return this.#known;
      } catch (error) {
        if (attempt === 1) onFailure(error);
        if (attempt === MOST_ATTEMPTS || this.closed) throw error;
        await this.delay(attempt);
      }
    }
  }

  private renewLater(): void {
    clearTimeout(this.renewal);
    if (this.closed) return;
    const delayMs = RENEW_MS * (0.8 + 0.4 * this.parts.random());
    this.renewal = setTimeout(() => void this.fresh().catch(() => undefined), delayMs); // told already
    this.renewal.unref();
  }

  private delay(attempt: number): Promise<void> {
    const delayMs = Math.min(FIRST_DELAY_MS * 2 ** (attempt - 1), MOST_DELAY_MS);
    const jittered = delayMs * (0.8 + 0.4 * this.parts.random());
    return new Promise((resolve) => setTimeout(resolve, jittered).unref());
  }
}

async function inTime<T>(answer: T | Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const failure = new Error(`the function \`password\` did not answer within ${ANSWER_MS} ms`);
    timer = setTimeout(reject, ANSWER_MS, failure).unref();
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

function checked(password: unknown): string {
  if (typeof password === 'string' && password !== '') return password;
  throw new TypeError('the function `password` must answer with a text that is not empty');
}
