/** How often a client waits for its server: what it writes before the next answer comes is one round trip. */
import type { Socket } from 'node:net';
import type { Cluster, Redis } from 'ioredis';

/** Runs the work and answers with the round trips of these connections meanwhile; those to several nodes at once are one. */
export async function roundTripsDuring(
  clients: readonly (Redis | Cluster)[],
  work: () => Promise<unknown>,
): Promise<number> {
  const sockets = clients.map((client) => (client as unknown as { stream: Socket }).stream);
  let rounds = 0;
  let isAnswered = true;
  const restores = sockets.map((socket) => {
    const { write } = socket;
    const onData = () => void (isAnswered = true);
    socket.prependListener('data', onData);
    socket.write = function counted(...args: unknown[]) {
      if (isAnswered) rounds++;
      isAnswered = false;
      return write.apply(socket, args as Parameters<Socket['write']>);
    } as Socket['write'];
    return () => {
      socket.off('data', onData);
      delete (socket as Partial<Socket>).write;
    };
  });
  try {
    await work();
    return rounds;
  } finally {
    for (const restore of restores) restore();
  }
}
