/** What the library publishes on its channels, from the call on. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { CacheEvents } from 'nestjs-elasticache';

type Published = {
  [E in keyof CacheEvents]: { readonly event: E } & CacheEvents[E];
}[keyof CacheEvents];

export interface RecordedEvents {
  /** Those seen since it was last asked, of these kinds. */
  take<E extends keyof CacheEvents>(...kinds: E[]): Extract<Published, { event: E }>[];
  stop(): void;
}

/** Records the events of one namespace. */
export function recordEvents(namespace: string): RecordedEvents {
  const seen: Published[] = [];
  const kinds = [
    'hit',
    'miss',
    'stale',
    'coalesced',
    'load',
    'put',
    'evict',
    'error',
    'breaker',
    'replay',
  ] as const;
  const stops = kinds.map((event) => {
    const channel = `nestjs-elasticache:${event}`;
    const listener = (payload: unknown) => {
      const published = { event, ...(payload as object) } as Published;
      if (published.namespace === namespace) seen.push(published);
    };
    subscribe(channel, listener);
    return () => void unsubscribe(channel, listener);
  });
  return {
    take: (...asked) =>
      seen.splice(0).filter(({ event }) => asked.includes(event as never)) as never[],
    stop: () => stops.forEach((stop) => stop()),
  };
}
