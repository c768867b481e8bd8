/** Both ends of a process that is asked one thing at a time. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

type Answer = { readonly failed: string } | { readonly answer: object };

export class Child {
  private readonly process: ChildProcess;
  private readonly started: Promise<Answer>;

  /** Starts a module of this folder, `name` being what its failures are reported under. */
  constructor(
    private readonly name: string,
    module: string,
    args: readonly string[],
  ) {
    this.process = fork(fileURLToPath(new URL(module, import.meta.url)), args);
    this.started = this.next();
    this.started.catch(() => undefined); // told when it is waited for
  }

  /** Resolves when it can be asked; with the reason where it cannot start. */
  async ready(): Promise<string | undefined> {
    const answer = await this.started;
    return 'failed' in answer ? answer.failed : undefined;
  }

  async ask<T extends object>(request: object): Promise<T> {
    this.process.send(request);
    const answer = await this.next();
    if ('failed' in answer) throw new Error(`${this.name}: ${answer.failed}`);
    return answer.answer as T;
  }

  end(): void {
    this.process.kill();
  }

  private next(): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const exited = () => reject(new Error(`${this.name}: its process ended`));
      this.process.once('exit', exited);
      this.process.once('message', (answer) => {
        this.process.off('exit', exited);
        resolve(answer as Answer);
      });
    });
  }
}

/** The child's end: what `start` resolves with answers each request. */
export async function serve<T>(
  start: () => Promise<(request: T) => Promise<object>>,
): Promise<void> {
  const send = (answer: Answer) => void process.send!(answer);
  const fail = (error: unknown) =>
    send({ failed: error instanceof Error ? error.message : String(error) });
  try {
    const answer = await start();
    process.on('message', (request: T) => {
      void answer(request).then((one) => send({ answer: one }), fail);
    });
    process.once('disconnect', () => process.exit());
    send({ answer: {} });
  } catch (error) {
    fail(error);
  }
}
