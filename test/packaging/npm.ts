/** Programs as a user would run them: nothing of Jest's, or of the npm that runs us, in their environment. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

const OURS =
  /^(NODE_OPTIONS|NODE_ENV|npm_(?!config_(cache|registry|userconfig)).*|JEST_.*|FORCE_COLOR)$/i;
const ENVIRONMENT = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !OURS.test(name)),
);

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs to the end whatever the exit code. */
export async function attempt(
  command: string,
  args: string[],
  options: { cwd: string; env?: NodeJS.ProcessEnv },
): Promise<Outcome> {
  const env = { ...ENVIRONMENT, ...options.env };
  try {
    const { stdout, stderr } = await execute(command, args, { ...options, env });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as Outcome;
    return { code, stdout, stderr };
  }
}

/** Resolves with what it printed; rejects with all of it. */
export async function npm(args: string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await attempt('npm', args, { cwd });
  if (code !== 0) throw new Error(`npm ${args.join(' ')} in ${cwd}:\n${stdout}${stderr}`);
  return stdout;
}

/** The path of a Node of this major version: the one at hand, or one that npm fetches. */
export async function nodeOf(major: number, cwd: string): Promise<string> {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const print = ['node', '--print', 'process.execPath'];
  return (await npm(['exec', '--yes', `--package=node@${major}`, '--', ...print], cwd)).trim();
}
