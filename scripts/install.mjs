/** Makes a bare clone one in which the tools and the packages are there. */
import { existsSync, readFileSync } from 'node:fs';
import { Failure, ROOT, npm } from './run.mjs';

const OLDEST_NODE = [20, 19];

export async function install() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    const oldest = OLDEST_NODE.join('.');
    throw new Failure(`Node ${oldest} or newer is needed; this is ${process.versions.node}.`);
  }
  if (!installed()) {
    console.log('Installing dependencies (npm ci)');
    await npm(['ci', '--no-audit', '--no-fund']);
  }
}

/** npm keeps an account of what it installed; an optional package may be for another platform. */
function installed() {
  const present = packagesOf('node_modules/.package-lock.json');
  return Object.entries(packagesOf('package-lock.json')).every(
    ([path, { version, optional }]) =>
      path === '' || optional || present[path]?.version === version,
  );
}

function packagesOf(lock) {
  const path = `${ROOT}${lock}`;
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : {};
}
