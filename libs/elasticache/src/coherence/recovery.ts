import { primariesByPlace, type RedisClient } from '../connection/redis.client.js';
import type { RedisConnection } from '../connection/redis.connection.js';
import { ServerRuns } from '../connection/server.runs.js';
import type { BreakerState } from '../resilience/circuit.breaker.js';
import type { Deadline } from '../resilience/deadline.js';
import type { Clock } from '../time/clock.js';
import type { Random } from '../time/jitter.js';
import { WatchedServer } from './watched.server.js';
import { ALONE, WatchedServers } from './watched.servers.js';

export interface RecoveryParts {
  readonly connection: RedisConnection;
  readonly clock: Clock;
  readonly random: Random;
  /** How soon a server must answer to be used again. */
  readonly patience: Deadline;
  /** Of the server at a place; of a single one that is nowhere else, `''`. */
  readonly onChange: (state: BreakerState, place: string) => void;
  readonly onMade: () => void;
  /** What keeps a client of ours from connecting. */
  readonly onFailure: (why: string) => void;
  /** Told before anything is read from it: another server answers, which may have forgotten what was acknowledged. */
  readonly onReborn: () => void;
  /** Told once: it cannot be known whether another server answers. */
  readonly onUnknown: () => void;
}

/** Why a breaker opens by a connection that is gone. */
export const LOST = 'the connection was lost';

/**
 * How servers go out of use and come back, each by itself. One is out as soon as its connection is
 * lost or it answers no more; it is in again when it answers in time, and is known to be the one
 * that answered before, or not.
 */
export class Recovery {
  readonly servers: WatchedServers;
  private readonly runs = new ServerRuns();
  private isTold = false;

  constructor(private readonly parts: RecoveryParts) {
    const { connection } = parts;
    this.servers = new WatchedServers(connection, (place) => this.watch(place));
    if (!connection.isCluster) this.servers.at(ALONE);
    connection.watch({
      made: () => this.made(),
      lost: () => {
        for (const { link } of this.servers.all.values()) link.breaker.open(LOST);
      },
      failed: parts.onFailure,
      moved: () => this.compareAll(),
    });
    if (connection.isReady) this.compareAll();
  }

  /** Whether nothing is out of use. */
  get isUp(): boolean {
    return [...this.servers.all.values()].every(({ link }) => link.breaker.isClosed);
  }

  private watch(place: string): WatchedServer {
    if (place !== ALONE) this.compare(place).catch(() => undefined);
    return new WatchedServer({
      ...this.parts,
      onChange: (state) => this.parts.onChange(state, place),
      send: (send) => this.send(send),
      compare: () => this.compare(place),
    });
  }

  private made(): void {
    this.parts.onMade();
    this.compareAll();
    for (const server of this.servers.all.values()) server.made();
  }

  private async compare(place: string): Promise<void> {
    const { onReborn, onUnknown } = this.parts;
    const run = await this.send(async (client) => {
      const node = primariesByPlace(client).get(place);
      // By another name than that of its slots, or no more in use: the next refresh tells.
      return node === undefined ? 'unchanged' : this.runs.compare(place, node);
    });
    if (run === 'another') onReborn();
    if (run !== 'unknown' || this.isTold) return;
    this.isTold = true;
    onUnknown();
  }

  /** Of connections in use: who cannot be asked now is asked when it has been out of use. */
  private compareAll(): void {
    const all = this.send(async (client) => {
      const places = [...primariesByPlace(client).keys()];
      await Promise.allSettled(places.map((place) => this.compare(place)));
      this.settle(places);
    });
    all.catch(() => undefined);
  }

  /** Whoever has no slots any more is asked for nothing. */
  private settle(places: readonly string[]): void {
    this.runs.settle(places);
    for (const [place, { link }] of this.servers.all) {
      if (places.includes(place) || link.breaker.isClosed || this.parts.connection.isOwner(place))
        continue;
      this.servers.forget(place);
      this.parts.onChange({ kind: 'closed', failures: 0 }, place);
    }
  }

  private send<T>(send: (client: RedisClient) => Promise<T>): Promise<T> {
    const { connection } = this.parts;
    return connection.isReady
      ? connection.exchange(send)
      : Promise.reject(new Error('not connected'));
  }
}
