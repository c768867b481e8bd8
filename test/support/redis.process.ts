/**
 * The operating system's side of a test server: one child that cannot outlive us.
 *
 * A child is given a guard: a shell in a session of its own that waits on a pipe from us. The pipe closes
 * however this process ends, SIGKILL included, and the guard then ends the server. Exit handlers would not
 * do: Jest kills its workers.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

export interface ServerProcess {
  /** Of the server, or of the Docker client that holds its container. */
  readonly pid: number;
  /** Resolves when it is gone, with what it had printed. */
  readonly exited: Promise<string>;
  readonly running: boolean;
  pause(): void;
  resume(): void;
  kill(): Promise<void>;
}

export interface LaunchOptions {
  port: number;
  directory: string;
  args: readonly string[];
  /** A configuration file that the server may write to, as a sentinel must. */
  file?: string;
}

/** The first that is there; `REDIS_SERVER` names another, as it is found on PATH or with its folder. */
const BINARIES = [process.env['REDIS_SERVER'] ?? ['redis-server', 'valkey-server']].flat();
const INSTALL = `Not on PATH: ${BINARIES.join(', ')}. Install one: sudo apt-get install -y redis-server`;

/** `REDIS_SERVER_IMAGE` (set by `npm test` where there is only Docker) runs the server in a container. */
export async function launch(options: LaunchOptions): Promise<ServerProcess> {
  const image = process.env['REDIS_SERVER_IMAGE'];
  return image === undefined ? launchBinary(options) : launchContainer(image, options);
}

async function launchBinary(options: LaunchOptions): Promise<ServerProcess> {
  const { port, directory, args, file } = options;
  const own = ['--bind', '127.0.0.1', '--dir', directory, ...args];
  const settings = [...(file === undefined ? [] : [file]), ...serverSettings(port), ...own];
  for (const binary of BINARIES) {
    const child = spawn(binary, settings, { stdio: ['ignore', 'pipe', 'pipe'] });
    const output = collect(child);
    if (await started(child)) {
      const signal = (name: NodeJS.Signals) => void child.kill(name);
      return guarded(child, output, `kill -9 ${child.pid}`, {
        pause: () => signal('SIGSTOP'),
        resume: () => signal('SIGCONT'),
        kill: () => signal('SIGKILL'),
      });
    }
  }
  throw new Error(INSTALL);
}

async function launchContainer(image: string, options: LaunchOptions): Promise<ServerProcess> {
  const { port, args } = options;
  const name = `elasticache-test-${process.pid}-${port}`;
  const publish = ['run', '--rm', '--name', name, '-p', `127.0.0.1:${port}:${port}`, image];
  const settings = [
    ...serverSettings(port),
    '--bind',
    '0.0.0.0',
    '--protected-mode',
    'no',
    ...args,
  ];
  const child = spawn('docker', [...publish, 'valkey-server', ...settings]);
  const output = collect(child);
  if (!(await started(child))) throw new Error(INSTALL);
  const docker = (command: string) => execFileSync('docker', [command, name], { stdio: 'pipe' });
  return guarded(child, output, `docker kill ${name}`, {
    pause: () => docker('pause'),
    resume: () => docker('unpause'),
    kill: () => docker('kill'),
  });
}

function serverSettings(port: number): string[] {
  return ['--port', `${port}`, '--save', '', '--appendonly', 'no', '--daemonize', 'no'];
}

function collect(child: ChildProcess): Promise<string> {
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk));
  }
  return new Promise((resolve) => child.once('close', () => resolve(chunks.join(''))));
}

/** False where there is no such program. */
async function started(child: ChildProcess): Promise<boolean> {
  try {
    await once(child, 'spawn');
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

function guarded(
  child: ChildProcess,
  exited: Promise<string>,
  lastWord: string,
  signals: { pause(): void; resume(): void; kill(): void },
): ServerProcess {
  const guard = spawn('sh', ['-c', `read -r _; ${lastWord}`], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.unref();
  // The guard must not act on a pid that the system may have given to someone else since.
  void exited.then(() => guard.kill('SIGKILL'));
  const running = () => child.exitCode === null && child.signalCode === null;
  return {
    pid: child.pid ?? Number.NaN,
    exited,
    get running() {
      return running();
    },
    pause: signals.pause,
    resume: signals.resume,
    async kill() {
      if (running()) signals.kill();
      await exited;
    },
  };
}
