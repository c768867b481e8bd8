/**
 * Where interleavings are played by hand: two applications with one database and one Redis, whose
 * operations can be held where it matters. Where memory is the only tier, both are the same one.
 */
import { startProxy, type TcpProxy } from '../support/tcp.proxy.js';
import { FarAway } from './far.away.js';
import { now, sleep, within } from './monotonic.js';
import {
  type CreateSubject,
  KEYS,
  readOne,
  type ReadOperation,
  type Register,
  type Subject,
  type SubjectOptions,
  type WriteOperation,
} from './subject.js';

const ANSWER_MS = 5000;
/** Copies, on a busy machine, too: one that is not is none, and hides what is wrong with it. */
const BELIEVED_MS = 10_000;
/** An answer: enough for a write elsewhere, and less than `timeouts.store`. */
const LATE_MS = 150;

/** An operation under way that stays where it is until it is let go. */
export interface Held {
  /** Resolves when the operation has come to its end. */
  letGo(): Promise<void>;
}

export class Stage {
  private keys = KEYS.length;
  private onAnswer: (() => void) | undefined;
  private proxy: TcpProxy | undefined;

  private constructor(
    readonly rows: Rows,
    readonly a: Subject,
    readonly b: Subject,
  ) {}

  /** With copies in memory; what Redis answers the first of the two can be made late. */
  static async openFarAway(
    create: CreateSubject,
    server: { port: number },
    options: Pick<SubjectOptions, 'library'>,
  ): Promise<Stage> {
    const rows = new Rows();
    const proxy = await startProxy(server);
    const subjectAt = ({ port }: { port: number }) => {
      const redis = { isCluster: false, ports: [port], instead: [] };
      const subject = 'elasticache/memory';
      const own = { subject, consistency: 'default', redis, maxStalenessMs: BELIEVED_MS } as const;
      return create({ ...own, ...options }, rows);
    };
    const far = new FarAway(() => {
      stage.onAnswer?.();
      return stage.onAnswer === undefined ? 0 : LATE_MS;
    });
    proxy.spoil(far.spoil);
    const stage: Stage = new Stage(rows, await subjectAt(proxy), await subjectAt(server));
    stage.proxy = proxy;
    return stage;
  }

  static async open(create: CreateSubject, options: SubjectOptions): Promise<Stage> {
    const rows = new Rows();
    const a = await create(options, rows);
    return new Stage(rows, a, options.redis ? await create(options, rows) : a);
  }

  /** One that no play before had. */
  freshKey(): number {
    return ++this.keys;
  }

  /** Begins a read; held once its loader has seen the row. */
  async holdRead(operation: ReadOperation, key: number): Promise<Held> {
    const gate = new Gate();
    this.rows.holdNextLoad(gate);
    return gate.held(readOne(operation, key));
  }

  /** Begins a write; held before its commit. */
  async holdBeforeCommit({ run }: WriteOperation, key: number): Promise<Held & { commit(): void }> {
    const gate = new Gate();
    let version: number | undefined;
    const commit = () => (version ??= this.rows.increment(key));
    const held = await gate.held(run(key, () => gate.pass(commit)));
    return { ...held, commit };
  }

  /** Begins a write; held once it has committed. */
  async holdAfterCommit(operation: WriteOperation, key: number): Promise<Held> {
    const held = await this.holdBeforeCommit(operation, key);
    held.commit();
    return held;
  }

  /** A whole write; throws unless its invalidation was acknowledged, for it would promise nothing. */
  async write({ name, run }: WriteOperation, key: number): Promise<void> {
    const isAcknowledged = await run(key, async () => this.rows.increment(key));
    if (!isAcknowledged) throw new Error(`${name} was not acknowledged`);
  }

  /**
   * What is too old of what both applications see now: first of what is stored, for a load may replace
   * it, then of what one read brings. Nothing here has to wait for anybody.
   */
  async lookAt(key: number): Promise<string[]> {
    const complaints: string[] = [];
    for (const look of this.looks(key, looksFirst)) complaints.push(...(await look()));
    return complaints;
  }

  /** What is too old of what any read sees, all of them at once. */
  async lookAtOnce(key: number): Promise<string[]> {
    return (await Promise.all(this.looks(key, (reads) => reads).map((look) => look()))).flat();
  }

  /** Begins a read by the first, whose answer comes later than what is done meanwhile; resolves with its end. */
  async overtake(operation: ReadOperation, key: number, what: () => Promise<void>): Promise<void> {
    const answered = new Promise<void>((resolve) => (this.onAnswer = resolve));
    const late = readOne(operation, key);
    await Promise.race([answered, late]);
    await what();
    await late;
    this.onAnswer = undefined;
  }

  /** What is too old of what one read by the first sees, and stays so. */
  async lookUntilNew({ name, run }: ReadOperation, key: number): Promise<string[]> {
    const due = this.rows.version(key);
    const end = now() + ANSWER_MS / 5;
    let seen = await run!(key);
    while (seen !== due && now() < end) {
      await sleep(1); // hits in memory alone let no message in
      seen = await run!(key);
    }
    return seen === due ? [] : [`${name} by a saw ${seen} instead of ${due}, and goes on`];
  }

  private looks(
    key: number,
    choice: (reads: readonly ReadOperation[]) => readonly ReadOperation[],
  ): (() => Promise<string[]>)[] {
    const due = this.rows.version(key);
    return Object.entries({ a: this.a, b: this.b }).flatMap(([name, { reads }]) =>
      choice(reads).map((operation) => async () => {
        const seen = await within(ANSWER_MS, readOne(operation, key), 'nothing in time');
        if (seen === undefined || seen === due) return [];
        return [`${operation.name} by ${name} saw ${seen} instead of ${due}`];
      }),
    );
  }

  async close(): Promise<void> {
    for (const subject of new Set([this.a, this.b])) await subject.close();
    await this.proxy?.stop();
  }
}

/** The database of a play. */
class Rows implements Register {
  private readonly versions = new Map<number, number>();
  private next: Gate | undefined;

  version(key: number): number {
    return this.versions.get(key) ?? 0;
  }

  increment(key: number): number {
    const version = this.version(key) + 1;
    this.versions.set(key, version);
    return version;
  }

  holdNextLoad(gate: Gate): void {
    this.next = gate;
  }

  async load(key: number): Promise<number> {
    const gate = this.next;
    this.next = undefined;
    const version = this.version(key);
    await gate?.pass(() => version);
    return version;
  }

  async commit(key: number): Promise<number> {
    return this.increment(key);
  }
}

class Gate {
  private reach = () => {};
  private open = () => {};
  private readonly reached = new Promise<void>((resolve) => (this.reach = resolve));
  private readonly opened = new Promise<void>((resolve) => (this.open = resolve));

  async pass<T>(then: () => T): Promise<T> {
    this.reach();
    await this.opened;
    return then();
  }

  /** Resolves when the operation is at the gate; rejects if it ends before. */
  async held(operation: Promise<unknown>): Promise<Held> {
    const tooSoon = operation.then(() => {
      throw new Error('it came to its end before it was held');
    });
    tooSoon.catch(() => {});
    await Promise.race([this.reached, tooSoon]);
    return {
      letGo: async () => {
        this.open();
        await operation;
      },
    };
  }
}

function looksFirst(reads: readonly ReadOperation[]): ReadOperation[] {
  return [...reads.filter(({ isLook }) => isLook), reads.find(({ isLook }) => !isLook)!];
}
