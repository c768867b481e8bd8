import type { ConnectionOptions as TlsOptions } from 'node:tls';

/**
 * Where the shared tier is: one Redis or Valkey node.
 *
 * @example
 * ElastiCacheModule.forRoot({ connection: { host: 'cache.internal', tls: true, password } })
 */
export type ConnectionOptions =
  | {
      /** `redis://` or `rediss://` (TLS), with user, password and database number where needed. */
      readonly url: string;
    }
  | {
      readonly host: string;
      /** Default 6379. */
      readonly port?: number;
      /** True, or options of `tls.connect`. */
      readonly tls?: boolean | TlsOptions;
      readonly username?: string;
      readonly password?: string;
      /** Database number, default 0. */
      readonly db?: number;
    };

/** Between two attempts to connect, the last half of it random. It does not grow: a Redis that is back is to be used at once. */
const RECONNECT_MS = 100;

/** How long one attempt to connect may take, TLS and AUTH included. AWS advises 2 to 5 s. */
const CONNECT_TIMEOUT_MS = 5_000;

/** How long ioredis keeps a timer after `disconnect()`, also where the socket is gone already; its 2 s hold up the exit of the process. */
const DISCONNECT_TIMEOUT_MS = 100;

/** With commands unanswered and nothing received for so long, the socket is given up: what waits in it would pile up. */
const SOCKET_TIMEOUT_MS = 2_000;

/**
 * What a client of ours is made with. A cache fails fast: nothing is queued while there is no
 * connection, and no command is sent a second time after a lost one, because a store that is
 * repeated late could bring back a value that was evicted meanwhile.
 */
export function clientOptions(options: ConnectionOptions, random: () => number) {
  return { ...('url' in options ? {} : hostOptions(options)), ...failingFast(random) };
}

/** What a client that waits for messages has in place of its model's options, which may be an application's. */
export function twinOptions() {
  return { ...failingFast(() => 1), commandTimeout: undefined, blockingTimeout: undefined };
}

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
    retryStrategy: () => RECONNECT_MS * (0.5 + random() / 2),
  };
}

function hostOptions({ tls, ...options }: Exclude<ConnectionOptions, { url: string }>) {
  return { port: 6379, ...options, ...(tls ? { tls: tls === true ? {} : tls } : {}) };
}
