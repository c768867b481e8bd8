/** The parent's side of one process: its orders, its registers, and the record of what it did. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Book } from '../coherence/worker.js';
import type { Attempt, Call, FromProcess, LoadOptions, Orders, ToProcess } from './messages.js';

/** Of all processes of a scenario. */
export class Chronicle extends Book {
  readonly calls: (Call & { readonly process: string })[] = [];
  readonly attempts: Attempt[] = [];
  readonly faults: string[] = [];
}

interface Awaited {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class Application {
  private readonly awaited = new Map<number, Awaited>();
  private asked = 0;

  private constructor(
    private readonly child: ChildProcess,
    readonly options: LoadOptions,
    private readonly chronicle: Chronicle,
  ) {}

  /** Resolves when it could be called. */
  static async start(
    file: string,
    options: LoadOptions,
    chronicle: Chronicle,
  ): Promise<Application> {
    // Without Jest's own flags. A peer writes every error of its sockets.
    const child = fork(file, [JSON.stringify(options)], {
      execArgv: [],
      stdio: ['ignore', 'inherit', options.subject === 'elasticache' ? 'inherit' : 'ignore', 'ipc'],
    });
    const application = new Application(child, options, chronicle);
    await new Promise<void>((resolve, reject) => {
      child.on('message', (message: FromProcess) => {
        if ('ready' in message) resolve();
        else application.hear(message);
      });
      child.once('exit', (code) => reject(new Error(`${options.process} ended with ${code}`)));
    });
    child.once('exit', () => application.gone());
    return application;
  }

  order<K extends keyof Orders>(order: K): Promise<Orders[K]> {
    const id = ++this.asked;
    return new Promise((resolve, reject) => {
      this.awaited.set(id, { resolve: resolve as Awaited['resolve'], reject });
      this.tell({ id, order });
    });
  }

  /** By SIGKILL. */
  async end(): Promise<void> {
    const { child } = this;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }

  private hear(message: Exclude<FromProcess, { ready: true }>): void {
    const { chronicle, options } = this;
    if ('row' in message) {
      const version = chronicle.carryOut(message.what, message.key);
      this.tell({ row: message.row, version });
    } else if ('recorded' in message) {
      const { calls, reads, attempts } = message.recorded;
      for (const call of calls) chronicle.calls.push({ ...call, process: options.process });
      for (const read of reads) chronicle.reads.push(read);
      for (const attempt of attempts) chronicle.attempts.push(attempt);
    } else if ('fault' in message) {
      chronicle.faults.push(`${options.process}: ${message.fault}`);
    } else {
      this.awaited.get(message.answerTo)?.resolve(message.answer);
      this.awaited.delete(message.answerTo);
    }
  }

  private gone(): void {
    const error = new Error(`${this.options.process} has ended`);
    for (const { reject } of this.awaited.values()) reject(error);
  }

  private tell(message: ToProcess): void {
    if (this.child.connected) this.child.send(message);
  }
}
