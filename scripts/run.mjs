/** Running programs from scripts that must work before anything is installed: Node's own modules only. */
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** A failure to tell the user about in one line, without a stack. */
export class Failure extends Error {}

/** Runs in the repository's root with our terminal; rejects unless the program exits with 0. */
export async function run(command, args, env = {}, name = command) {
  const child = spawn(command, args, {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  const [code, signal] = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (...end) => resolve(end));
  });
  if (code !== 0) throw new Failure(`${name} ended with ${signal ?? code}`);
}

/** The npm that runs us, else the one on PATH. */
export function npm(args, env) {
  const path = process.env.npm_execpath;
  const command = path ? [process.execPath, path] : ['npm'];
  const name = `npm ${args.join(' ')}`.split(' -- ', 1)[0];
  return run(command[0], [...command.slice(1), ...args], env, name);
}

export function works(command, args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** Runs `main`; a {@link Failure} becomes a line and the exit code 1. */
export async function script(main) {
  try {
    await main();
  } catch (error) {
    console.error(`\n${error instanceof Failure ? error.message : error.stack}`);
    process.exitCode = 1;
  }
}
