/** A TCP proxy before a server on loopback, for the faults a server cannot be asked for. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** As a `redis://` URL. */
  readonly url: string;
  /** From now on connections are accepted and nothing passes, either way. */
  hang(): void;
  /** Passes on what was held back, and everything after it. */
  resume(): void;
  /** Resets every connection; new ones are accepted. */
  cut(): void;
  stop(): Promise<void>;
}

/** Listens on a free port of 127.0.0.1 and passes everything on to `port`. */
export async function startProxy(target: { port: number }): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let hanging = false;

  const flow = (socket: Socket) => (hanging ? socket.pause() : socket.resume());
  const pass = (from: Socket, to: Socket) => {
    sockets.add(from);
    from.on('data', (chunk) => to.write(chunk));
    from.on('error', () => to.destroy());
    from.on('close', () => {
      sockets.delete(from);
      to.destroy();
    });
    flow(from);
  };
  const server = createServer((client) => {
    const upstream = connect(target.port, '127.0.0.1');
    pass(client, upstream);
    pass(upstream, client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const setHanging = (value: boolean) => {
    hanging = value;
    sockets.forEach(flow);
  };
  // Node never closes a socket that is reset while it ends.
  const cut = () =>
    sockets.forEach((socket) =>
      socket.writableEnded ? socket.destroy() : socket.resetAndDestroy(),
    );
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    hang: () => setHanging(true),
    resume: () => setHanging(false),
    cut,
    async stop() {
      server.close();
      cut();
      await once(server, 'close');
    },
  };
}
