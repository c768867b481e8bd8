/**
 * Completes package-lock.json after an install: `npm run lock`.
 *
 * npm leaves out the optional packages it could not fetch, as binaries for platforms that a registry's
 * mirror does not carry (npm/cli#4828). `npm ci` then refuses the lock, or installs without the binary
 * on the platform that was left out.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { ROOT } from './run.mjs';

const LOCK = `${ROOT}/package-lock.json`;
const SYSTEMS = /\b(aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32)/;
const PROCESSORS = /\b(arm64|arm|ia32|loong64|mips64el|ppc64|riscv64|s390x|wasm32|x64)\b/;

const lock = JSON.parse(readFileSync(LOCK, 'utf8'));
const missing = missingFrom(lock.packages);
for (const { path, entry } of missing) lock.packages[path] = entry;
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)),
);
writeFileSync(LOCK, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${missing.length} optional packages of other platforms added to the lock`);

/** Each optional package that the lock asks for and does not hold: where it belongs, and its version. */
function missingFrom(packages) {
  return Object.entries(packages).flatMap(([parent, { optionalDependencies = {}, ...flags }]) => {
    const names = Object.keys(optionalDependencies);
    const sibling = names.map((name) => find(packages, parent, name)).find(Boolean);
    return names
      .filter((name) => find(packages, parent, name) === undefined)
      .map((name) => ({
        path: `${sibling?.folder ?? 'node_modules'}/${name}`,
        entry: entryOf(name, optionalDependencies[name], flags),
      }));
  });
}

/** As Node looks it up: in the package's own node_modules, then in each one further out. */
function find(packages, parent, name) {
  for (let at = parent; ; at = at.slice(0, Math.max(0, at.lastIndexOf('node_modules') - 1))) {
    const folder = `${at}${at && '/'}node_modules`;
    if (packages[`${folder}/${name}`]) return { folder };
    if (at === '') return undefined;
  }
}

function entryOf(name, range, { dev, peer }) {
  const os = name === 'fsevents' ? 'darwin' : SYSTEMS.exec(name)?.[1];
  const cpu = PROCESSORS.exec(name)?.[1];
  if (!os && !cpu) throw new Error(`For which platform is ${name}? Install it and lock again.`);
  return {
    version: range.replace(/^[~^]/, ''),
    ...(cpu && { cpu: [cpu] }),
    ...(dev && { dev }),
    optional: true,
    ...(os && { os: [os] }),
    ...(peer && { peer }),
  };
}
