/** `npm test`: from a bare clone to one line that says how many tests passed. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { install } from './install.mjs';
import { ensureRedis } from './redis.mjs';
import { Failure, npm, script } from './run.mjs';

/**
 * In order; those of one line are side by side. Each is an npm script too. Lint and types read the
 * declarations that the build writes.
 */
const CHECKS = [
  [check('formatting', 'format:check'), check('build')],
  [
    check('lint'),
    check('types'),
    check('import rules', 'imports'),
    check('docs up to date', 'docs:check'),
  ],
];

const totals = { passed: 0, failed: 0 };

await script(async () => {
  await install();
  const env = await ensureRedis();
  for (const checks of CHECKS) await together(checks);
  await step('tests', () => jest(env));
});
if (totals.passed + totals.failed > 0) {
  console.log(`\n${totals.passed} passed, ${totals.failed} failed`);
}

function check(name, command = name) {
  return () => step(name, () => npm(['run', '--silent', command]));
}

/** All come to their end, so that each has its say; the first failure is thrown. */
async function together(actions) {
  const outcomes = await Promise.allSettled(actions.map((action) => action()));
  const failure = outcomes.find(({ status }) => status === 'rejected');
  if (failure) throw failure.reason;
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

async function jest(env) {
  const reports = mkdtempSync(join(tmpdir(), 'elasticache-test-'));
  const report = join(reports, 'tests.json');
  try {
    await npm(['run', '--silent', 'jest', '--', '--json', `--outputFile=${report}`], env);
  } finally {
    if (existsSync(report)) count(JSON.parse(readFileSync(report, 'utf8')));
    rmSync(reports, { recursive: true });
  }
}

/** A suite that does not load has no tests to count, and is a failure all the same. */
function count(report) {
  totals.passed += report.numPassedTests;
  totals.failed += report.numFailedTests + report.numRuntimeErrorTestSuites;
  const skipped = report.numPendingTests + report.numTodoTests;
  if (skipped > 0) throw new Failure(`${skipped} tests were skipped`);
}
