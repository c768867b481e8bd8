/** Runs the tutorial's program as its reader would, and expects what the page says it prints. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { attempt } from '../packaging/npm.js';
import { snippetsIn } from '../support/markdown.snippets.js';
import { type RedisServer, startRedis } from '../support/redis.server.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = join(ROOT, 'docs/tutorials/first-cache.md');
/** Inside the repository, so that the package is found by its name. */
const CACHE = join(ROOT, 'node_modules/.cache');

const COMPILER_OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ESNext,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
};

let directory: string;
let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis();
  await mkdir(CACHE, { recursive: true });
  directory = await mkdtemp(join(CACHE, 'tutorial-'));
  await writeFile(join(directory, 'package.json'), '{ "type": "module" }');
  for (const { file = '', code } of snippetsIn(PAGE)) {
    const { outputText } = ts.transpileModule(code, { compilerOptions: COMPILER_OPTIONS });
    await writeFile(join(directory, file.replace(/\.ts$/, '.js')), outputText);
  }
});
afterAll(async () => {
  await redis.stop();
  await rm(directory, { recursive: true, force: true });
});

it.each(['memory', 'redis'])(
  'the tutorial prints what it says, in %s',
  async (tier) => {
    const printed = /^```text\n([\s\S]*?)^```/m.exec(await readFile(PAGE, 'utf8'))?.[1];
    const env = tier === 'redis' ? { REDIS_URL: redis.url } : {};
    const outcome = await attempt(process.execPath, ['main.js'], { cwd: directory, env });
    expect(outcome).toMatchObject({ stdout: printed, stderr: '' });
  },
  30_000,
);
