/** The parent's side of one process: its orders, its database, and the faults that befall it. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Commit, History, Invalidation, Load, Read } from './history.js';
import type { Ask, Called, Order, Report, Tally, WorkerOptions } from './messages.js';
import { now } from './monotonic.js';

/** The database, where every key's version only grows; and the history of the run. */
export class Book implements History {
  readonly commits: Commit[] = [];
  readonly reads: Read[] = [];
  readonly loads: Load[] = [];
  readonly invalidations: Invalidation[] = [];
  private readonly versions = new Map<number, number>();

  carryOut(what: Ask, key: number): number {
    const current = this.versions.get(key) ?? 0;
    if (what === 'read') return current;
    const version = current + 1;
    this.versions.set(key, version);
    this.commits.push({ key, version, at: now() });
    return version;
  }
}

/** A query that was received, and no more. */
export interface HeldQuery {
  /** Without an answer. */
  carryOut(): void;
  answer(): void;
}

export interface WorkerSettings {
  /** The compiled `worker.process.js`. */
  readonly file: string;
  readonly options: WorkerOptions;
}

export class Worker {
  private readonly child: ChildProcess;
  private readonly ambushes = new Map<Ask, (query: HeldQuery) => void>();
  private readonly ready: Promise<Extract<Report, { report: 'ready' }>>;
  private calls = 0;

  constructor(
    { file, options }: WorkerSettings,
    private readonly book: Book,
  ) {
    // Without Jest's own flags.
    this.child = fork(file, [JSON.stringify(options)], { execArgv: [] });
    this.child.setMaxListeners(0);
    this.child.on('message', (report: Report) => this.hear(report));
    this.ready = this.report('ready');
    this.ready.catch(() => {}); // told when it is waited for
  }

  /** Starts the loops. */
  async start(): Promise<void> {
    await this.ready;
    this.tell({ order: 'go' });
  }

  async up(): Promise<this> {
    await this.ready;
    return this;
  }

  /** It begins no write for so long. */
  hush(ms: number): void {
    this.tell({ order: 'hush', ms });
  }

  /** Resolves when all that was under way has ended. */
  async rest(): Promise<Tally> {
    const resting = this.report('resting');
    this.tell({ order: 'rest' });
    return (await resting).tally;
  }

  async readAll(): Promise<Read[]> {
    const looked = this.report('looked');
    this.tell({ order: 'look' });
    return (await looked).reads;
  }

  /** Calls one operation by its name. */
  async call(operation: string, key: number): Promise<Called> {
    const id = ++this.calls;
    const called = this.report('called', (report) => report.id === id);
    this.tell({ order: 'call', id, operation, key });
    const { result, failed } = await called;
    if (failed !== undefined) throw new Error(`${operation}: ${failed}`);
    return result ?? {};
  }

  /** Waits for its next query, and holds it. */
  next(what: Ask): Promise<HeldQuery> {
    return new Promise((resolve) => this.ambushes.set(what, resolve));
  }

  pause(): void {
    this.child.kill('SIGSTOP');
  }

  resume(): void {
    this.child.kill('SIGCONT');
  }

  /** By SIGKILL. */
  async end(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exit = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exit;
    if (!this.child.connected) return;
    // A channel left open can keep this process from its own end.
    const gone = once(this.child, 'disconnect');
    this.child.disconnect();
    await gone;
  }

  private hear(report: Report): void {
    if (report.report === 'recorded') {
      const { reads, loads, invalidations } = report.recorded;
      for (const read of reads) this.book.reads.push(read);
      for (const load of loads) this.book.loads.push(load);
      for (const invalidation of invalidations) this.book.invalidations.push(invalidation);
    }
    if (report.report === 'ask') this.carryOut(report);
  }

  private carryOut({ id, what, key }: Extract<Report, { report: 'ask' }>): void {
    let version: number | undefined;
    const carryOut = () => void (version ??= this.book.carryOut(what, key));
    const answer = () => {
      carryOut();
      this.tell({ order: 'answer', id, version: version! });
    };
    const ambush = this.ambushes.get(what) ?? ((query) => query.answer());
    this.ambushes.delete(what);
    ambush({ carryOut, answer });
  }

  private report<K extends Report['report']>(
    kind: K,
    isIt: (report: Extract<Report, { report: K }>) => boolean = () => true,
  ): Promise<Extract<Report, { report: K }>> {
    return new Promise((resolve, reject) => {
      const heard = (report: Report) => {
        if (report.report !== kind || !isIt(report as Extract<Report, { report: K }>)) return;
        this.child.off('message', heard).off('exit', exited);
        resolve(report as Extract<Report, { report: K }>);
      };
      const exited = () => {
        this.child.off('message', heard);
        reject(new Error(`a process ended before it was ${kind}`));
      };
      this.child.on('message', heard).once('exit', exited);
    });
  }

  private tell(order: Order): void {
    if (this.child.connected) this.child.send(order);
  }
}
