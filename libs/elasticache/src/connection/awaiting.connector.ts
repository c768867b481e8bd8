import { connect as connectPlain, type NetConnectOpts, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions as TlsOptions } from 'node:tls';

import type { RotatingPassword } from './rotating.password.js';

/** The part of an ioredis `AbstractConnector` that a connector of one's own builds on. */
export type AbstractConnector = new (disconnectTimeoutMs: number) => {
  connecting: boolean;
  stream: Socket;
  firstError?: Error;
};

/** The options of one node's client, as far as a connector needs them. */
interface NodeOptions {
  readonly host?: string;
  readonly port?: number;
  readonly family?: number;
  readonly tls?: TlsOptions;
  readonly disconnectTimeout: number;
}

/**
 * What ioredis opens its sockets with. ioredis hears one error of a socket, once: of one that is closed
 * during its handshake a second one would end the process. So here somebody always listens.
 *
 * Where the password changes it waits for a fresh one first: ioredis computes what it will send before
 * that, and knows no credentials provider (redis/ioredis#1738). It must not reject for want of a
 * password: ioredis would give up for good.
 */
export function awaitingConnector(base: AbstractConnector, password?: RotatingPassword): unknown {
  return class AwaitingConnector extends base {
    constructor(private readonly options: NodeOptions) {
      super(options.disconnectTimeout);
    }

    async connect(): Promise<Socket> {
      this.connecting = true;
      await password?.ready();
      if (!this.connecting) throw new Error('Connection is closed.'); // as ioredis says it
      const { host, port, family, tls } = this.options;
      const place = { ...(family && { family }), host, port };
      this.stream = tls
        ? connectTls({ ...place, ...tls } as TlsOptions)
        : connectPlain(place as NetConnectOpts);
      this.stream.on('error', (error) => (this.firstError ??= error));
      return this.stream;
    }
  };
}
