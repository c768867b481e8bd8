import type { RedisClient } from '../connection/redis.client.js';
import type { CircuitBreakerParts } from '../resilience/circuit.breaker.js';
import type { Deadline } from '../resilience/deadline.js';
import { Link } from '../resilience/link.js';

export interface WatchedServerParts extends Pick<
  CircuitBreakerParts,
  'clock' | 'random' | 'onChange'
> {
  /** How soon it must answer to be used again. */
  readonly patience: Deadline;
  readonly send: <T>(send: (client: RedisClient) => Promise<T>) => Promise<T>;
  /** Sees who answers, before anything is read from it. */
  readonly compare: () => Promise<void>;
}

/** Replies of a server that is there, and serves nothing yet. */
const NOT_YET = /^(LOADING|MASTERDOWN|CLUSTERDOWN)/;

/** One server, which is asked by itself whether it works while it is out of use. */
export class WatchedServer {
  readonly link: Link;
  /** One that it has: what is asked for goes where that is. Nothing, where there is one server. */
  key: string | undefined;
  /** One question that no answer came to yet; a server that hangs is not sent more of them. */
  private asked: Promise<unknown> | undefined;
  private readonly late = () => new Error('no answer in time');

  constructor(private readonly parts: WatchedServerParts) {
    this.link = new Link({ ...parts, probe: () => this.probe() });
  }

  /** There is a connection again. */
  made(): void {
    this.asked = undefined;
    this.link.breaker.ask();
  }

  /** Passed by an answer in time, to a question that was asked since: what hung may not be over. */
  private async probe(): Promise<void> {
    if (this.asked !== undefined) await this.inTime(this.asked);
    await this.inTime((this.asked = this.ask()));
    await this.inTime(this.parts.compare());
  }

  /** An answer that comes too late is the occasion to ask again. */
  private ask(): Promise<unknown> {
    const { key } = this;
    const answer = this.parts.send((client) =>
      (key === undefined ? client.callBuffer('ping') : client.callBuffer('exists', key)).catch(
        (error: Error) => {
          if (error.name !== 'ReplyError' || NOT_YET.test(error.message)) throw error;
        },
      ),
    );
    answer.then(
      () => {
        this.forget(answer);
        this.link.breaker.succeeded();
      },
      () => this.forget(answer),
    );
    return answer;
  }

  private forget(answer: Promise<unknown>): void {
    if (this.asked === answer) this.asked = undefined;
  }

  private inTime<T>(work: Promise<T>): Promise<T> {
    return this.parts.patience.bound(work, this.late, (error) => error);
  }
}
