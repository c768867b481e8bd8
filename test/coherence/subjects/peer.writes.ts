/** The writes of a cache that has eviction, put, tags and clear, each after the commit. */
import type { WriteOperation } from '../subject.js';
import { groupOf } from '../subject.js';

export interface Invalidations {
  evict(key: number): Promise<unknown>;
  set(key: number, version: number): Promise<unknown>;
  evictGroup(group: string): Promise<unknown>;
  clear(): Promise<unknown>;
}

/** Acknowledged when they return: none says otherwise. */
export function peerWrites({ evict, set, evictGroup, clear }: Invalidations): WriteOperation[] {
  const after =
    (invalidate: (key: number, version: number) => Promise<unknown>): WriteOperation['run'] =>
    async (key, commit) => {
      await invalidate(key, await commit());
      return true;
    };
  return [
    { name: 'evict', weight: 8, run: after(evict) },
    { name: 'set', weight: 8, isPut: true, run: after(set) },
    {
      name: 'evict a group',
      weight: 4,
      reaches: 'group',
      run: after((key) => evictGroup(groupOf(key))),
    },
    { name: 'clear', weight: 2, reaches: 'all', run: after(clear) },
  ];
}
