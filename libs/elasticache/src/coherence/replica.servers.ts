import type { RedisConnection } from '../connection/redis.connection.js';
import type { Deadline } from '../resilience/deadline.js';
import type { BreakerState } from '../resilience/circuit.breaker.js';
import type { Link } from '../resilience/link.js';
import { slotOf } from '../store/slots.js';
import type { Clock } from '../time/clock.js';
import type { Random } from '../time/jitter.js';
import { WatchedServer } from './watched.server.js';

export interface ReplicaServersParts {
  /** With the replicas. */
  readonly connection: RedisConnection;
  readonly clock: Clock;
  readonly random: Random;
  /** How soon a replica must answer to be used again. */
  readonly patience: Deadline;
  readonly onChange: (state: BreakerState, place: string) => void;
}

/**
 * How replicas go out of use and come back: those of one primary together. Which of them answers does
 * not matter, and nothing that is asked of them depends on who answered before.
 */
export class ReplicaServers {
  /** By the places of their primaries. */
  private readonly servers = new Map<string, WatchedServer>();

  constructor(private readonly parts: ReplicaServersParts) {}

  /** The way to the replicas that have the key. */
  of(key: string): Link {
    const { connection } = this.parts;
    if (!connection.isCluster) return this.serverAt('').link;
    const server = this.serverAt(connection.placeOf(slotOf(key)));
    server.key = key;
    return server.link;
  }

  stop(): void {
    for (const { link } of this.servers.values()) link.breaker.stop();
  }

  private serverAt(place: string): WatchedServer {
    let server = this.servers.get(place);
    if (server !== undefined) return server;
    server = new WatchedServer({
      ...this.parts,
      onChange: (state) => this.parts.onChange(state, place),
      send: (send) => this.parts.connection.exchange(send),
      compare: async () => undefined,
    });
    this.servers.set(place, server);
    return server;
  }
}
