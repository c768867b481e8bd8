/** `npm start` and `npm run tour`: the demo, from a bare clone. */
import { spawn } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { install } from './install.mjs';
import { ROOT, npm, script } from './run.mjs';

const MAIN = 'apps/demo/dist/main.js';
const PROJECTS = [
  { root: 'libs/elasticache', built: 'libs/elasticache/dist/index.js' },
  { root: 'apps/demo', built: MAIN },
];

await script(async () => {
  await install();
  if (PROJECTS.some(outdated)) {
    console.log('Building the library and the demo');
    await npm(['run', '--silent', 'build']);
  }
  process.exitCode = await runDemo(process.argv[2] ?? MAIN);
});

function outdated({ root, built }) {
  const builtAt = statSync(join(ROOT, built), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = ['src', 'package.json', 'tsconfig.build.json'].map((name) => join(root, name));
  return sources.some((path) => newest(join(ROOT, path)) > builtAt);
}

/** A folder counts too: removing a file changes only its folder. */
function newest(path) {
  const stat = statSync(path);
  const inside = stat.isDirectory() ? readdirSync(path) : [];
  return Math.max(stat.mtimeMs, ...inside.map((name) => newest(join(path, name))));
}

/**
 * Resolves with the exit code. The demo shuts down by itself when told to; a terminal's Ctrl-C reaches
 * the demo directly as well, and it takes the second signal for the first.
 */
function runDemo(entry) {
  const demo = spawn(process.execPath, [entry], { cwd: ROOT, stdio: 'inherit' });
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => {
      if (!stopping) demo.kill(signal);
      stopping = true;
    });
  }
  return new Promise((resolve, reject) => {
    demo.once('error', reject);
    demo.once('exit', (code) => resolve(code ?? (stopping ? 0 : 1)));
  });
}
