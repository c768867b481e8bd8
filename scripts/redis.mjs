/** Makes sure that test/support can start a real Redis or Valkey server. */
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { Failure, run, works } from './run.mjs';

const IMAGE = 'valkey/valkey:8-alpine';
const POLICY = '/usr/sbin/policy-rc.d';

/** Resolves with what the tests' environment needs in order to find it. */
export async function ensureRedis() {
  if (onPath()) return {};
  if (process.env.REDIS_SERVER) {
    throw new Failure(`REDIS_SERVER names no server that runs: ${process.env.REDIS_SERVER}`);
  }
  if (process.getuid?.() === 0 && works('apt-get', ['--version'])) {
    console.log('Installing redis-server (apt-get)');
    await withoutStartingServices(aptInstall).catch(({ message }) => console.error(message));
    if (onPath()) return {};
  }
  if (process.env.REDIS_SERVER_IMAGE) return {};
  if (works('docker', ['info'])) {
    console.log(`Running the Redis servers of the tests in Docker (${IMAGE})`);
    await run('docker', ['pull', '--quiet', IMAGE]);
    return { REDIS_SERVER_IMAGE: IMAGE };
  }
  throw new Failure(
    'The tests need redis-server or valkey-server. Install one, then run npm test again:\n' +
      `  ${process.platform === 'darwin' ? 'brew install redis' : 'sudo apt-get install -y redis-server'}`,
  );
}

/** Whether a server can be started, as test/support does; it is named for whoever reads the output. */
function onPath() {
  const names = [process.env.REDIS_SERVER ?? ['redis-server', 'valkey-server']].flat();
  for (const name of names) {
    const { status, stdout } = spawnSync(name, ['--version'], { encoding: 'utf8' });
    if (status !== 0) continue;
    console.log(`The servers of the tests: ${name}, ${/v=\S+/.exec(stdout)?.[0] ?? stdout.trim()}`);
    return true;
  }
  return false;
}

async function aptInstall() {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-qq'], env, 'apt-get update');
  await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'redis-server'], env);
}

/** Debian starts a service when its package is installed, unless this policy forbids it (101). */
async function withoutStartingServices(action) {
  const ours = !existsSync(POLICY);
  if (ours) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await action();
  } finally {
    if (ours) rmSync(POLICY);
    works('systemctl', ['disable', 'redis-server']);
  }
}
