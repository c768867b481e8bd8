import type { Spoil } from '../support/tcp.proxy.js';

/**
 * What the connections are like of a process that has proxies before its servers: answers come late.
 * What others tell it comes at once, by the connection that it reads the stream on: so an answer may
 * be overtaken by what has made it untrue.
 */
export class FarAway {
  private readonly readers = new Set<object>();
  private readonly deaf = new WeakSet<object>();

  constructor(private readonly lateMs: () => number) {}

  readonly spoil: Spoil = (chunk, { to, connection }) => {
    if (to === 'server' && chunk.includes('xread')) this.readers.add(connection);
    if (this.deaf.has(connection)) return { then: 'silence' };
    const isAnswer = to === 'client' && !this.readers.has(connection);
    return { arrives: chunk, afterMs: isAnswer ? this.lateMs() : 0 };
  };

  /** On the connections that the stream is now read on nothing passes any more. */
  deafen(): void {
    for (const connection of this.readers) this.deaf.add(connection);
    this.readers.clear();
  }
}
