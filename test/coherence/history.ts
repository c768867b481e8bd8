/**
 * What the processes of a run did, and which of it broke the promise.
 *
 * An invalidation promises, from the moment it returned: no read that begins later sees a version
 * older than what it invalidated, which is whatever was committed when it began. All instants are
 * milliseconds on one clock; versions of a key begin with 0 and grow by one with each commit.
 */

export interface Commit {
  readonly key: number;
  readonly version: number;
  readonly at: number;
}

export interface Span {
  /** What was called. */
  readonly how: string;
  readonly process: string;
  readonly begin: number;
  readonly end: number;
}

export interface Read extends Span {
  readonly key: number;
  readonly version: number;
}

/** Of a key's row, by a reader; not judged, but it explains what is. */
export type Load = Read;

/** One that was acknowledged. */
export interface Invalidation extends Span {
  readonly keys: readonly number[];
  /** Of a fenced put: it promises its own version, and nothing of others'. */
  readonly version?: number;
}

export interface History {
  readonly commits: readonly Commit[];
  readonly reads: readonly Read[];
  readonly loads: readonly Load[];
  readonly invalidations: readonly Invalidation[];
}

/** A read that saw too old a version. */
export interface Finding {
  readonly read: Read;
  /** Before the read: how long ago the promise was given, or, without one, the version replaced. */
  readonly lateMs: number;
}

export interface Verdict {
  /** Began after an invalidation had returned, and saw what it invalidated. */
  readonly stale: readonly Finding[];
  /** Those of them whose promise was older than {@link LATE_MS}. */
  readonly sticky: readonly Finding[];
  /** Not stale, but replaced for longer than {@link LATE_MS}: nobody promised otherwise, but strict mode. */
  readonly old: readonly Finding[];
}

export const LATE_MS = 500;

/** From `at` on, nothing below `version` may be seen. */
interface Floor {
  readonly at: number;
  readonly version: number;
}

export function judge(history: History): Verdict {
  const stale: Finding[] = [];
  const old: Finding[] = [];
  const keys = byKey(history);
  for (const read of history.reads) {
    const { commits, floors } = keys.get(read.key) ?? NOTHING;
    const broken = floors[firstIndex(floors, ({ version }) => version > read.version)];
    const replaced = commits[read.version];
    if (broken && broken.at < read.begin) stale.push({ read, lateMs: read.begin - broken.at });
    else if (replaced && read.begin - replaced.at > LATE_MS)
      old.push({ read, lateMs: read.begin - replaced.at });
  }
  return { stale, sticky: stale.filter(({ lateMs }) => lateMs > LATE_MS), old };
}

/**
 * The last reads of a run, made after faults and a quiet second, that did not see the latest version.
 * Unless the mode is strict, a key is exempt whose last commit was never followed by an invalidation.
 */
export function lagging(history: History, last: readonly Read[], strict: boolean): Read[] {
  const keys = byKey(history);
  return last.filter(({ key, version }) => {
    const { commits, floors } = keys.get(key) ?? NOTHING;
    const promised = strict || floors.at(-1)?.version === commits.length;
    return promised && version < commits.length;
  });
}

interface KeyHistory {
  /** The commit of version n is the one at n - 1, so that what replaced n is at n. */
  readonly commits: Commit[];
  /** By their instants, and of growing versions. */
  readonly floors: Floor[];
}

const NOTHING: KeyHistory = { commits: [], floors: [] };

function byKey({ commits, invalidations }: History): Map<number, KeyHistory> {
  const keys = new Map<number, KeyHistory>();
  for (const commit of commits) {
    if (!keys.has(commit.key)) keys.set(commit.key, { commits: [], floors: [] });
    keys.get(commit.key)!.commits[commit.version - 1] = commit;
  }
  const inOrder = invalidations.toSorted((a, b) => a.end - b.end);
  for (const invalidation of inOrder) {
    for (const key of invalidation.keys) {
      const known = keys.get(key);
      if (known) addFloor(known, invalidation);
    }
  }
  return keys;
}

function addFloor({ commits, floors }: KeyHistory, { begin, end, version }: Invalidation): void {
  const promised = version ?? firstIndex(commits, ({ at }) => at > begin);
  if (promised > (floors.at(-1)?.version ?? 0)) floors.push({ at: end, version: promised });
}

/** Of the items the first that is `past`, as all after it are; their number where none is. */
function firstIndex<T>(items: readonly T[], past: (item: T) => boolean): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (past(items[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}
