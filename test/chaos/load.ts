/** What one process of a scenario does: so many calls a second, whether those before are answered or not. */
import type { Read } from '../coherence/history.js';
import { now, sleep, within } from '../coherence/monotonic.js';
import type { Random } from '../coherence/random.js';
import type { Database } from './database.js';
import type { Attempt, Call, CallKind, LoadOptions, Recorded } from './messages.js';
import {
  CACHES,
  isWhole,
  KEYS,
  type Row,
  STRICT_KEYS,
  type Subject,
  type Write,
} from './subject.js';

interface Share {
  readonly kind: CallKind;
  readonly weight: number;
}

/** Of the process that is measured, and of the one that sees to it that there is someone else. */
export const MIXES: Readonly<Record<LoadOptions['mix'], readonly Share[]>> = {
  all: [
    { kind: 'cold', weight: 40 },
    { kind: 'hot', weight: 20 },
    { kind: 'read', weight: 16 },
    { kind: 'strict read', weight: 14 },
    { kind: 'broken', weight: 3 },
    { kind: 'write', weight: 4 },
    { kind: 'strict write', weight: 3 },
  ],
  registers: [
    { kind: 'read', weight: 40 },
    { kind: 'strict read', weight: 40 },
    { kind: 'write', weight: 10 },
    { kind: 'strict write', weight: 10 },
  ],
};

/** Longer than anything may wait: a load of another process is waited for at most ten seconds. */
const STUCK_MS = 12_000;
const HOT_KEYS = 8;

export interface LoadParts {
  readonly subject: Subject;
  readonly random: Random;
  readonly options: LoadOptions;
  readonly database: Database;
}

export class Load {
  recorded: Recorded = nothingRecorded();
  private readonly under = new Map<Promise<void>, string>();
  private readonly writing = new Set<number>();
  private isStopping = false;
  private ids = 0;

  constructor(private readonly parts: LoadParts) {}

  async run(): Promise<void> {
    const { random, options } = this.parts;
    const shares = MIXES[options.mix].filter(({ kind }) => this.isKnown(kind));
    const begun = now();
    this.isStopping = false;
    for (let i = 0; !this.isStopping; i++) {
      const wait = begun + (i * 1000) / options.perSecond - now();
      if (wait > 0) await sleep(wait);
      if (!this.isStopping) this.begin(random.pickWeighted(shares).kind);
    }
  }

  /** Resolves with the calls that are stuck. */
  async stop(): Promise<string[]> {
    this.isStopping = true;
    await within(STUCK_MS, Promise.all(this.under.keys()));
    return [...this.under.values()];
  }

  /** Every register once, as it is now. */
  async look(): Promise<Read[]> {
    const reads: (Read | undefined)[] = [];
    for (const key of KEYS) reads.push(await this.find('read', key));
    if (this.isKnown('strict read')) {
      for (const key of STRICT_KEYS) reads.push(await this.find('strict read', key));
    }
    return reads.filter((read) => read !== undefined);
  }

  private isKnown(kind: CallKind): boolean {
    const { reads, writes } = this.parts.subject;
    if (kind === 'broken') return reads.broken !== undefined;
    return kind.startsWith('strict') ? writes.changeStrictly !== undefined : true;
  }

  private begin(kind: CallKind): void {
    const { random } = this.parts;
    const key = random.pick(kind.startsWith('strict') ? STRICT_KEYS : KEYS);
    const call = kind.endsWith('write') ? this.write(kind, key) : this.read(kind, key);
    this.under.set(call, `${kind} of ${key} at ${now().toFixed(0)}`);
    void call.then(() => this.under.delete(call));
  }

  private async read(kind: CallKind, register: number): Promise<void> {
    const { reads } = this.parts.subject;
    const id = ++this.ids;
    if (kind === 'cold') return this.one(kind, id, (key) => reads.cold(key));
    if (kind === 'hot') return this.one(kind, id % HOT_KEYS, (key) => reads.hot(key));
    if (kind === 'broken') {
      return this.call({ kind, key: id }, () => neverAnswers(reads.broken!(-id)));
    }
    const read = await this.find(kind, register);
    if (read) this.recorded.reads.push(read);
  }

  private one(kind: CallKind, key: number, read: (key: number) => Promise<Row>): Promise<void> {
    return this.call({ kind, key }, async () => check(await read(key), key));
  }

  /** A read of a register; undefined where it failed. */
  private async find(kind: CallKind, key: number): Promise<Read | undefined> {
    const { reads } = this.parts.subject;
    const begin = now();
    let read: Read | undefined;
    await this.call({ kind, key }, async () => {
      const row = await (kind === 'read' ? reads.find(key) : reads.findStrictly!(key));
      check(row, key);
      const { process } = this.parts.options;
      read = { key, version: row.version, how: kind, process, begin, end: now() };
    });
    return read;
  }

  /** One at a time of one key, so that it is known of which eviction a failure was reported. */
  private async write(kind: CallKind, key: number): Promise<void> {
    if (this.writing.has(key)) return;
    this.writing.add(key);
    const { writes } = this.parts.subject;
    const isStrict = kind === 'strict write';
    const isByHand = !isStrict && this.parts.random.next() < 0.5;
    const run = isStrict ? writes.changeStrictly! : isByHand ? writes.evict : writes.change;
    await this.call({ kind, key }, () => this.attempt({ run, key, isStrict }));
    this.writing.delete(key);
  }

  private async attempt({ run, key, isStrict }: { run: Write; key: number; isStrict: boolean }) {
    const { subject, options, database } = this.parts;
    const cache = isStrict ? CACHES.strict : CACHES.default;
    const before = subject.reported(cache, key);
    // What was committed by then is what the eviction promises.
    let begin = 0;
    const isAcknowledged = await run(key, async () => {
      await database.commit(key);
      begin = now();
    });
    const isReported = subject.reported(cache, key) > before;
    const span = {
      how: isStrict ? 'strict write' : 'write',
      process: options.process,
      begin,
      end: now(),
    };
    const attempt: Attempt = { ...span, keys: [key], isAcknowledged, isReported };
    this.recorded.attempts.push(attempt);
  }

  private async call(of: Pick<Call, 'kind' | 'key'>, run: () => Promise<void>): Promise<void> {
    const { database, subject } = this.parts;
    const begin = now();
    let broken: Pick<Call, 'fault' | 'isWrongRow'> = {};
    try {
      await run();
    } catch (error) {
      if (error instanceof WrongRow) broken = { fault: error.message, isWrongRow: true };
      else if (!database.hasThrown(error) && !subject.isRefusal(error))
        broken = { fault: String(error) };
    }
    this.recorded.calls.push({ ...of, begin, end: now(), ...broken });
  }
}

export function nothingRecorded(): Recorded {
  return { calls: [], reads: [], attempts: [] };
}

class WrongRow extends Error {}

function check(row: Row, key: number): void {
  if (!isWhole(row, key)) throw new WrongRow(`asked for ${key}, got ${JSON.stringify(row)}`);
}

async function neverAnswers(call: Promise<Row>): Promise<void> {
  await call;
  throw new Error("the application's error did not reach its caller");
}
