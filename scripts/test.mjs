/** `npm test`: from a bare clone to one line that says how many tests passed. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { install } from './install.mjs';
import { ensureRedis } from './redis.mjs';
import { Failure, npm, script } from './run.mjs';

/** In order; each is an npm script too. Lint and types read the declarations that the build writes. */
const CHECKS = [
  ['formatting', 'format:check'],
  ['build', 'build'],
  ['lint', 'lint'],
  ['types', 'types'],
  ['import rules', 'imports'],
  ['docs up to date', 'docs:check'],
];
const JEST_RUNS = [
  ['code in the docs', 'test:docs'],
  ['tests', 'test:unit'],
  ['packaging', 'test:packaging'],
];

const totals = { passed: 0, failed: 0 };

await script(async () => {
  await install();
  const env = await ensureRedis();
  for (const [name, command] of CHECKS) await step(name, () => npm(['run', '--silent', command]));

  const reports = mkdtempSync(join(tmpdir(), 'elasticache-test-'));
  try {
    for (const [name, command] of JEST_RUNS) {
      await step(name, () => jest(command, join(reports, `${name}.json`), env));
    }
  } finally {
    rmSync(reports, { recursive: true });
  }
});
if (totals.passed + totals.failed > 0) {
  console.log(`\n${totals.passed} passed, ${totals.failed} failed`);
}

async function step(name, action) {
  console.log(`\n── ${name}`);
  const start = performance.now();
  const took = () => `${((performance.now() - start) / 1000).toFixed(1)} s`;
  try {
    await action();
  } catch (error) {
    throw new Failure(`✗ ${name} failed after ${took()}: ${error.message}`, { cause: error });
  }
  console.log(`✓ ${name}, ${took()}`);
}

async function jest(command, report, env) {
  try {
    await npm(['run', '--silent', command, '--', '--json', `--outputFile=${report}`], env);
  } finally {
    if (existsSync(report)) count(JSON.parse(readFileSync(report, 'utf8')));
  }
}

/** A suite that does not load has no tests to count, and is a failure all the same. */
function count(report) {
  totals.passed += report.numPassedTests;
  totals.failed += report.numFailedTests + report.numRuntimeErrorTestSuites;
  const skipped = report.numPendingTests + report.numTodoTests;
  if (skipped > 0) throw new Failure(`${skipped} tests were skipped`);
}
