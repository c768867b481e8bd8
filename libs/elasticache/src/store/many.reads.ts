import type { Clock } from '../time/clock.js';
import { type Bytes, type Exchange, fetch, type ReadBatch } from './read.batch.js';

/** What is asked of many, by their places, and what is made of each; `failed` where there is nothing to make it of, or that failed. */
export interface Many<T> {
  readonly count: number;
  readonly keyOf: (place: number) => string;
  /** Most places have one and the same array, which is looked up once for them. */
  readonly versionsOf: (place: number) => readonly string[];
  readonly made: (bytes: Bytes, versions: readonly Bytes[], place: number) => T | Promise<T>;
  readonly failed: (error: unknown) => T;
}

type Range = readonly [from: number, to: number];

/** What one command brought. */
interface Fetched {
  readonly found: readonly Bytes[];
  readonly versionsOf: (place: number) => readonly Bytes[];
}

/** Keys that one MGET serves: bounds the time the server spends on it. */
const MOST_READS = 128;

/**
 * What a call sends first, where no other is under way: the server wakes up while the rest is
 * written, and looks the rest up while these are made. Written at once, commands are answered at once.
 */
const HEAD = 16;

/** How long a call may make values before all is here: longer, and the rest would be late. */
const MOST_MS_AT_ONCE = 5;

/** Calls that ask for many keys: each has commands of its own. On a cluster its keys are read one by one, together. */
export class ManyReads {
  private calls = 0;

  constructor(
    private readonly parts: {
      readonly exchange: Exchange;
      readonly clock: Clock;
      readonly reads: ReadBatch;
    },
  ) {}

  /** A command that fails costs its own keys alone. */
  async get<T>(many: Many<T>): Promise<T[]> {
    if (this.parts.exchange.isCluster) return this.getEach(many);
    const isAlone = this.calls === 0;
    this.calls++;
    try {
      return await this.getRanges(many, isAlone);
    } finally {
      this.calls--;
    }
  }

  private async getRanges<T>(many: Many<T>, isAlone: boolean): Promise<T[]> {
    const ranges = rangesOf(many.count, isAlone ? HEAD : MOST_READS);
    const commands = ranges.map((range) => this.fetch(many, range));
    let missing = commands.length;
    const arrived = () => missing--;
    for (const command of commands) command.then(arrived, arrived);
    const { clock } = this.parts;
    let until = isAlone ? undefined : Number.NEGATIVE_INFINITY;
    const making = ranges.map(async ([from, to], c) => {
      const made: (T | Promise<T>)[] = [];
      try {
        const { found, versionsOf } = await commands[c]!;
        for (let place = from; place < to; place++) {
          if (missing > 0 && clock.now() > (until ??= clock.now() + MOST_MS_AT_ONCE)) {
            await Promise.allSettled(commands);
          }
          made.push(madeOf(many, place, found[place - from]!, versionsOf(place)));
        }
      } catch (error) {
        for (let place = from; place < to; place++) made.push(many.failed(error));
      }
      return made;
    });
    return settled((await Promise.all(making)).flat());
  }

  private async fetch({ keyOf, versionsOf }: Many<unknown>, [from, to]: Range): Promise<Fetched> {
    const keys: string[] = [];
    for (let place = from; place < to; place++) keys.push(keyOf(place));
    const indices = new Map<string, number>();
    let last: readonly string[] | undefined;
    for (let place = from; place < to; place++) {
      const list = versionsOf(place);
      if (list === last) continue;
      last = list;
      for (const key of list) if (!indices.has(key)) indices.set(key, keys.push(key) - 1);
    }
    const found = await fetch(this.parts.exchange, keys);
    last = undefined;
    let versions: readonly Bytes[] = [];
    return {
      found,
      versionsOf: (place) => {
        const list = versionsOf(place);
        if (list !== last) versions = list.map((key) => found[indices.get(key)!]!);
        last = list;
        return versions;
      },
    };
  }

  private async getEach<T>(many: Many<T>): Promise<T[]> {
    const pairs = Array.from({ length: many.count }, (_, place) =>
      this.parts.reads.get(
        many.keyOf(place),
        many.versionsOf(place),
        (bytes, found) => [bytes, found] as const,
      ),
    );
    const all = await Promise.allSettled(pairs);
    return settled(
      all.map((one, place) =>
        one.status === 'fulfilled' ? madeOf(many, place, ...one.value) : many.failed(one.reason),
      ),
    );
  }
}

/** Where the commands for so many keys begin and end, the first of them for `head` at most. */
function rangesOf(count: number, head: number): Range[] {
  const ranges: Range[] = [];
  for (let from = 0, most = head; from < count; from += most, most = MOST_READS) {
    ranges.push([from, Math.min(count, from + most)]);
  }
  return ranges;
}

/** What cannot be made fails alone. */
function madeOf<T>(
  { made, failed }: Many<T>,
  place: number,
  bytes: Bytes,
  versions: readonly Bytes[],
): T | Promise<T> {
  try {
    const one = made(bytes, versions, place);
    return one instanceof Promise ? one.catch(failed) : one;
  } catch (error) {
    return failed(error);
  }
}

/** Waits only where something has to be waited for. */
function settled<T>(made: (T | Promise<T>)[]): T[] | Promise<T[]> {
  const isPending = made.some((one) => one instanceof Promise);
  return isPending ? Promise.all(made) : (made as T[]);
}
