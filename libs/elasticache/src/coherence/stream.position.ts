/** The ends of a stream, as ids: of the first message that it has, and the last that it ever had. */
export interface StreamState {
  readonly first: string | undefined;
  readonly last: string;
  /** How many it ever had; 0 where the server does not count (before Redis 7). */
  readonly added: number;
}

/** Of the reply to XINFO STREAM: names and values in turn. */
export function stateOf(reply: unknown): StreamState {
  const items = reply as unknown[];
  const valueOf = (name: string) => {
    const at = items.findIndex((item, i) => i % 2 === 0 && String(item) === name);
    return at < 0 ? undefined : items[at + 1];
  };
  const first = valueOf('first-entry') as [Buffer] | null;
  return {
    first: first === null ? undefined : String(first[0]),
    last: String(valueOf('last-generated-id')),
    added: Number(valueOf('entries-added') ?? 0),
  };
}

/**
 * Whether some of the messages between two positions, or after them, may not have been read: the
 * stream was made anew with smaller ids, or it begins above where reading began. Trimming does not
 * move the stream's own record of what was deleted, so its first message is what tells; and it has
 * to be held against the older position, since a read over a gap moves the newer one beyond it.
 */
export function hasGap(
  { first, last }: StreamState,
  { from, to }: { from: string; to: string },
): boolean {
  if (isAbove(to, last)) return true;
  return first === undefined ? last !== from : isAbove(first, from);
}

/** Whether an id came after another: milliseconds, then a number within them. */
export function isAbove(id: string, other: string): boolean {
  const [ms, number] = partsOf(id);
  const [otherMs, otherNumber] = partsOf(other);
  return ms === otherMs ? number > otherNumber : ms > otherMs;
}

function partsOf(id: string): readonly [bigint, bigint] {
  const [ms = '0', number = '0'] = id.split('-');
  return [BigInt(ms), BigInt(number)];
}
