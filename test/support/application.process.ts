/** An application in a process of its own, for what only the end of a process can show. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ElastiCacheModuleOptions } from 'nestjs-elasticache';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const PRELUDE = `
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import * as library from 'nestjs-elasticache';
const options = JSON.parse(process.argv[1]);
process.on('disconnect', () => process.exit());
const tell = (message) => process.send(message);
const hangs = () => new Promise(() => {});
const decorate = (type, method, decorator) => {
  const descriptor = Object.getOwnPropertyDescriptor(type.prototype, method);
  Object.defineProperty(type.prototype, method, decorator(type.prototype, method, descriptor) ?? descriptor);
};
const start = (extra = {}, providers = []) => {
  const imports = [library.ElastiCacheModule.forRoot({ ...options, ...extra })];
  class App {}
  return NestFactory.createApplicationContext({ module: App, imports, providers }, { logger: false });
};
`;

export interface ApplicationProcess {
  /** Resolves with the next thing the program has told. */
  told(): Promise<unknown>;
  /** Sends it a message. */
  tell(message: string): void;
  /** Asks it to end, as a deployment does. */
  terminate(): void;
  /** Stops it where it stands: its sockets stay open, and no time passes for it. */
  pause(): void;
  resume(): void;
  /** As a crash: nothing of it runs any more. */
  kill(): Promise<void>;
  /** Resolves with its exit code, null for a signal. */
  readonly exited: Promise<number | null>;
}

/**
 * Runs the program, a module in plain JavaScript. It has `library`, `start(options?, providers?)` for an
 * application with the options given here, `decorate(class, method, decorator)`, `tell(message)` and
 * `hangs()`, a promise that never settles.
 */
export function startProgram(
  program: string,
  options: ElastiCacheModuleOptions,
): ApplicationProcess {
  const args = ['--input-type=module', '-e', PRELUDE + program, JSON.stringify(options)];
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const messages: unknown[] = [];
  const waiting: ((message: unknown) => void)[] = [];
  child.on('message', (message) => {
    const next = waiting.shift();
    if (next) next(message);
    else messages.push(message);
  });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const ended = exited.then((code) => {
    throw new Error(`the program ended (${code}) and told nothing`);
  });
  ended.catch(() => {});
  return {
    told: () => {
      if (messages.length > 0) return Promise.resolve(messages.shift());
      return Promise.race([new Promise((resolve) => waiting.push(resolve)), ended]);
    },
    tell: (message) => void child.send(message),
    terminate: () => void child.kill('SIGTERM'),
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    exited,
  };
}
