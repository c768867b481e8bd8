/** What one process of a run does: loops of random reads and writes, each call with its begin and end. */
import type { Invalidation, Load, Read } from './history.js';
import { now, sleep } from './monotonic.js';
import type { Random } from './random.js';
import { KEYS, reached, type ReadOperation, type Register, type Subject } from './subject.js';
import type { WriteOperation } from './subject.js';

export const WORKLOAD = {
  loops: 7,
  /** The share of calls that write, in bursts; without a pause the next write would repair what one left wrong. */
  writes: 0.06,
  burstMs: 700,
  calmMs: 700,
  keysOfBatch: 3,
  /** Each from 0 up to this, evenly. */
  pauseMs: 10,
  loadMs: 20,
  commitMs: 10,
  /** Between two attempts at an eviction that was not acknowledged. */
  retryMs: 20,
} as const;

/** Between the processes and whoever writes the history. */
export interface Recorded {
  reads: Read[];
  loads: Load[];
  invalidations: Invalidation[];
}

/** The rows, without the time that queries take. */
export interface Rows {
  read(key: number): Promise<number>;
  commit(key: number): Promise<number>;
}

export function nothingRecorded(): Recorded {
  return { reads: [], loads: [], invalidations: [] };
}

/** A register that takes its time, half before and half after the row is read or written. */
export function slowRegister(rows: Rows, random: Random, onLoad: (load: Load) => void): Register {
  const slowly = async (ask: () => Promise<number>, ms: number) => {
    await sleep(random.upTo(ms / 2));
    const version = await ask();
    await sleep(random.upTo(ms / 2));
    return version;
  };
  return {
    async load(key) {
      const begin = now();
      const version = await slowly(() => rows.read(key), WORKLOAD.loadMs);
      onLoad({ key, version, begin, end: now(), how: 'load', process: '' });
      return version;
    },
    commit: (key) => slowly(() => rows.commit(key), WORKLOAD.commitMs),
  };
}

export class Workload {
  recorded = nothingRecorded();
  errors = { reads: 0, writes: 0 };
  private stopping = false;
  private hushedUntil = 0;
  private readonly random: Random;
  private readonly process: string;
  private readonly writes: readonly WriteOperation[];

  constructor(
    private readonly subject: Subject,
    private readonly register: Register,
    { random, process, isStrict }: { random: Random; process: string; isStrict: boolean },
  ) {
    this.random = random;
    this.process = process;
    this.writes = subject.writes.filter(({ isApart }) => !(isApart && isStrict));
  }

  /** Resolves when {@link stop} was called and what was under way has ended. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: WORKLOAD.loops }, () => this.loop()));
  }

  stop(): void {
    this.stopping = true;
  }

  /** Begins no write for so long. */
  hush(ms: number): void {
    this.hushedUntil = now() + ms;
  }

  /** One read of every key, as they are now. */
  async readAll(): Promise<Read[]> {
    this.recorded.reads = [];
    const [operation] = this.subject.reads;
    for (const key of KEYS) await this.read(operation!, key);
    return this.recorded.reads;
  }

  async read(operation: ReadOperation, key: number): Promise<void> {
    const begin = now();
    try {
      const seen = await this.versions(operation, key);
      const span = { begin, end: now(), how: operation.name, process: this.process };
      for (const [of, version] of seen) this.recorded.reads.push({ ...span, key: of, version });
    } catch {
      this.errors.reads++;
    }
  }

  /** A write that fails after its commit has promised nothing, but its caller still evicts. */
  async write(operation: WriteOperation, key: number): Promise<void> {
    let committed: { version: number; at: number } | undefined;
    const commit = async () => {
      const version = await this.register.commit(key);
      committed = { version, at: now() };
      return version;
    };
    const promise = (how: string, begin: number, more: Partial<Invalidation>) =>
      this.recorded.invalidations.push({
        how,
        begin,
        end: now(),
        process: this.process,
        keys: [key],
        ...more,
      });
    try {
      const isAcknowledged = await operation.run(key, commit);
      if (isAcknowledged && committed !== undefined) {
        const { at, version } = committed;
        const more = operation.isPut ? { version } : { keys: reached(key, operation) };
        return void promise(operation.name, at, more);
      }
    } catch {
      this.errors.writes++;
    }
    if (committed !== undefined) promise('evict again', await this.evict(key), {});
  }

  /** Until it is acknowledged; answers with the begin of the call that was. */
  private async evict(key: number): Promise<number> {
    for (;;) {
      const begin = now();
      if (await this.subject.evict(key).catch(() => false)) return begin;
      await sleep(WORKLOAD.retryMs);
    }
  }

  private async versions(operation: ReadOperation, key: number): Promise<Map<number, number>> {
    if (operation.runMany) {
      const others = this.random.shuffle(KEYS.filter((other) => other !== key));
      return operation.runMany([key, ...others.slice(1, WORKLOAD.keysOfBatch)]);
    }
    const version = await operation.run!(key);
    return version === undefined ? new Map() : new Map([[key, version]]);
  }

  private isWriting(): boolean {
    const time = now();
    const { burstMs, calmMs } = WORKLOAD;
    return time > this.hushedUntil && time % (burstMs + calmMs) < burstMs;
  }

  private async loop(): Promise<void> {
    const { subject, random } = this;
    while (!this.stopping) {
      const key = random.pick(KEYS);
      if (this.isWriting() && random.next() < WORKLOAD.writes)
        await this.write(random.pickWeighted(this.writes), key);
      else await this.read(random.pickWeighted(subject.reads), key);
      await sleep(random.upTo(WORKLOAD.pauseMs));
    }
  }
}
