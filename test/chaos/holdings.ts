/** What a process holds of the system: what a leak would make more of. */
import { createHook } from 'node:async_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Holdings } from './messages.js';

const timers = new Set<number>();

/** From now on; those that keep nothing alive are counted, too, as only a hook can. */
export function countTimers(): void {
  createHook({
    init: (id, type) => void (type === 'Timeout' && timers.add(id)),
    destroy: (id) => void timers.delete(id),
  }).enable();
}

export function holdings(): Holdings {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return {
    sockets: process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length,
    timers: timers.size,
    heapMiB: process.memoryUsage().heapUsed / 2 ** 20,
  };
}
