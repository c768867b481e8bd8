import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

const BINARIES = ['redis-server', 'valkey-server'];
const START_TIMEOUT_MS = 5_000;
const PROBE_EVERY_MS = 20;

export interface TourRedis {
  readonly url: string;
  readonly name: string;
  /** As a crash. Resolves when it is gone. */
  kill(): Promise<void>;
}

/** A server of the tour's own on a free loopback port, or undefined where none is installed. */
export async function startRedis(): Promise<TourRedis | undefined> {
  for (const name of BINARIES) {
    const port = await freePort();
    const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    const child = spawn(name, args, { stdio: 'ignore' });
    // No orphan, however the tour ends.
    process.once('exit', () => child.kill('SIGKILL'));
    if (await listens(child, port)) {
      return { url: `redis://127.0.0.1:${port}`, name, kill: () => kill(child) };
    }
  }
  return undefined;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

async function listens(child: ChildProcess, port: number): Promise<boolean> {
  let running = true;
  const stopped = () => (running = false);
  child.once('error', stopped).once('exit', stopped);
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (running && performance.now() < deadline) {
    if (await accepts(port)) return running;
    await wait(PROBE_EVERY_MS);
  }
  child.kill('SIGKILL');
  return false;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
