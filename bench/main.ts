/** Asks the questions of this folder, or the one named, and prints the answers; `--write` keeps them. */
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { startRedis } from '../test/support/redis.server.js';
import { measure } from './harness.js';
import type { Experiment, Question } from './question.js';
import { tableOf } from './table.js';

const SUFFIX = '.bench.js';

const { values, positionals } = parseArgs({
  options: { write: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const all = readdirSync(new URL('.', import.meta.url))
  .filter((file) => file.endsWith(SUFFIX))
  .map((file) => file.slice(0, -SUFFIX.length));
const [asked] = positionals;
if (asked !== undefined && !all.includes(asked)) {
  refuse(`There is no question '${asked}': ask ${all.join(' or ')}.`);
}
if (asked !== undefined && values.write) {
  refuse('RESULTS.md holds every question: --write goes without a name.');
}

const answers: string[] = [];
for (const name of asked === undefined ? all : [asked]) answers.push(await answer(name));
if (values.write) writeFileSync('bench/RESULTS.md', `${introduction()}\n${answers.join('\n')}`);

async function answer(name: string): Promise<string> {
  const file = new URL(name + SUFFIX, import.meta.url).href;
  const { default: question } = (await import(file)) as { default: Question | Experiment };
  const redis = 'ask' in question || question.needsRedis ? await startRedis() : undefined;
  try {
    const files = { file, redisUrl: redis?.url ?? '' };
    const found = 'ask' in question ? await question.ask(files) : await compare(question, files);
    const text = `## ${question.title}\n\n${found}\n`;
    console.log(text);
    return text;
  } finally {
    await redis?.stop();
  }
}

async function compare(question: Question, files: { file: string; redisUrl: string }) {
  const results = await measure(question, files);
  const tables = question.cases.map(({ name }, i) =>
    [...(name === '' ? [] : [`### ${name}`, '']), tableOf(results, i)].join('\n'),
  );
  return tables.join('\n\n');
}

function refuse(problem: string): never {
  console.error(problem);
  process.exit(1);
}

function introduction(): string {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();
  const isDirty = git('status', '--porcelain', '--', 'libs', 'bench/*.ts') !== '';
  const commit =
    git('rev-parse', '--short', 'HEAD') + (isDirty ? ' and what was not committed' : '');
  return `# Results

Measured at commit ${commit}, on Node ${process.versions.node} with ${availableParallelism()} processors.

A ratio is the time of the first row by that of this one, in the same round: 0.50 takes twice as
long. Given are the median of the rounds, their range, and the median time per call: by the clock,
and of the processor (all threads of the process). What else runs on the machine moves the clock
more than the processor's time.
`;
}
