import type { ConnectionOptions as TlsOptions } from 'node:tls';

/** Who connects, and whether over TLS. */
interface Access {
  /** True, or options of `tls.connect`. */
  readonly tls?: boolean | TlsOptions;
  readonly username?: string;
  /** A function where it changes: asked with each connection and every few minutes; live connections sign in anew. */
  readonly password?: string | (() => string | Promise<string>);
}

/**
 * Where the shared tier is: one Redis or Valkey node, or a cluster of them.
 *
 * @example
 * ElastiCacheModule.forRoot({ connection: { host: 'cache.internal', tls: true, password } })
 */
export type ConnectionOptions =
  | {
      /** `redis://` or `rediss://` (TLS), with user, password and database number where needed. */
      readonly url: string;
    }
  | (Access & {
      readonly host: string;
      /** Default 6379. */
      readonly port?: number;
      /** Database number, default 0. */
      readonly db?: number;
      /** Where its replicas answer, for caches with `consistency: 'eventual'`. */
      readonly reader?: { readonly host: string; readonly port?: number };
    })
  | (Access & {
      /** Nodes that are asked for the others; one is enough. */
      readonly cluster: readonly { readonly host: string; readonly port?: number }[];
    });

const DEFAULT_PORT = 6379;

/** Between two attempts to connect, the last half of it random. It does not grow: a Redis that is back is to be used at once. */
const RECONNECT_MS = 100;

/** How long one attempt to connect may take, TLS and AUTH included. AWS advises 2 to 5 s. */
const CONNECT_TIMEOUT_MS = 5_000;

/** How long ioredis keeps a timer after `disconnect()`, also where the socket is gone already; its 2 s hold up the exit of the process. */
const DISCONNECT_TIMEOUT_MS = 100;

/** With commands unanswered and nothing received for so long, the socket is given up: what waits in it would pile up. */
const SOCKET_TIMEOUT_MS = 2_000;

/** Where replicas are read: a client hears of a new one, or of one that is back, by asking alone. */
const REPLICAS_REFRESH_MS = 30_000;

/** A node may be asked for its slots over TLS, signing in before it answers. */
const SLOTS_TIMEOUT_MS = 5_000;

/** The settings of a cluster. */
export type ClusterSettings = Extract<ConnectionOptions, { cluster: unknown }>;

/** How a client opens its sockets. */
export interface Sockets {
  readonly Connector: unknown;
  /** One that changes: made a text of when it is sent. */
  readonly password?: { toString(): string };
}

/**
 * What a client of ours is made with. A cache fails fast: nothing is queued while there is no
 * connection, and no command is sent a second time after a lost one, because a store that is
 * repeated late could bring back a value that was evicted meanwhile.
 */
export function nodeOptions(
  options: Exclude<ConnectionOptions, ClusterSettings>,
  random: () => number,
  sockets: Sockets,
) {
  if ('url' in options) return { ...failingFast(random), ...sockets };
  const { host, port = DEFAULT_PORT, db, reader: _, ...access } = options;
  return {
    host,
    port,
    ...(db !== undefined && { db }),
    ...accessOptions(access, sockets),
    ...failingFast(random),
  };
}

/** The same of a cluster. Names stay names, since certificates are made out to them. */
export function clusterOptions(
  { cluster: _, ...access }: ClusterSettings,
  random: () => number,
  sockets: Sockets,
) {
  return {
    lazyConnect: true,
    dnsLookup: (name: string, found: (error: null, address: string) => void) => found(null, name),
    slotsRefreshTimeout: SLOTS_TIMEOUT_MS,
    clusterRetryStrategy: () => reconnectDelay(random),
    redisOptions: { ...accessOptions(access, sockets), ...failingFast(random) },
  };
}

/** What a client that waits for messages has in place of its model's options, which may be an application's. */
export function twinOptions() {
  return { ...failingFast(() => 1), commandTimeout: undefined, blockingTimeout: undefined };
}

/** The same of a client that reads from replicas; of a cluster it finds them itself. */
export function replicaOptions(reader: { readonly host: string; readonly port?: number }) {
  const { host, port = DEFAULT_PORT } = reader;
  return { ...twinOptions(), host, port };
}

/** READONLY is sent by ioredis. A slot without a replica is read from its primary. */
export const replicasOfCluster = {
  lazyConnect: true,
  scaleReads: 'slave',
  slotsRefreshInterval: REPLICAS_REFRESH_MS,
} as const;

function failingFast(random: () => number) {
  return {
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    socketTimeout: SOCKET_TIMEOUT_MS,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    maxLoadingRetryTime: RECONNECT_MS,
    retryStrategy: () => reconnectDelay(random),
  };
}

function accessOptions({ tls, username, password }: Access, sockets: Sockets) {
  return {
    ...(tls && { tls: tls === true ? {} : tls }),
    ...(username !== undefined && { username }),
    ...(typeof password === 'string' && { password }),
    ...sockets,
  };
}

function reconnectDelay(random: () => number): number {
  return RECONNECT_MS * (0.5 + random() / 2);
}
