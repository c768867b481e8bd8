import keySlot from 'cluster-key-slot';

/** Where a key is on a cluster. */
export function slotOf(key: string): number {
  return keySlot(key);
}

/** What hashes to one slot of a cluster, together: no command may cross slots. */
export function bySlot<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  const slots = new Map<number, T[]>();
  for (const item of items) {
    const slot = slotOf(keyOf(item));
    const known = slots.get(slot);
    if (known === undefined) slots.set(slot, [item]);
    else known.push(item);
  }
  return [...slots.values()];
}

/** In parts of at most so many. */
export function chunks<T>(items: readonly T[], most: number): T[][] {
  const parts: T[][] = [];
  for (let i = 0; i < items.length; i += most) parts.push(items.slice(i, i + most));
  return parts;
}
