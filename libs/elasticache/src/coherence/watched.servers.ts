import type { RedisConnection } from '../connection/redis.connection.js';
import type { Link } from '../resilience/link.js';
import { slotOf } from '../store/slots.js';
import type { WatchedServer } from './watched.server.js';

/** The place of a server that is the only one. */
export const ALONE = '';

/** The servers behind a connection, by the places of their primaries: each is watched from its first use on. */
export class WatchedServers {
  private readonly servers = new Map<string, WatchedServer>();

  constructor(
    private readonly connection: RedisConnection,
    private readonly watch: (place: string) => WatchedServer,
  ) {}

  /** The way to the server that has the key. */
  of(key: string): Link {
    const { connection } = this;
    if (!connection.isCluster) return this.at(ALONE).link;
    const server = this.at(connection.placeOf(slotOf(key)));
    server.key = key;
    return server.link;
  }

  at(place: string): WatchedServer {
    let server = this.servers.get(place);
    if (server === undefined) this.servers.set(place, (server = this.watch(place)));
    return server;
  }

  get all(): ReadonlyMap<string, WatchedServer> {
    return this.servers;
  }

  forget(place: string): void {
    this.servers.get(place)?.link.breaker.stop();
    this.servers.delete(place);
  }

  stop(): void {
    for (const { link } of this.servers.values()) link.breaker.stop();
  }
}
