/** Runs the tutorial's program as its reader would, and expects what the page says it prints. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { snippetsIn } from '../support/markdown.snippets.js';
import { createPageProgram, type PageProgram } from '../support/page.program.js';
import { type RedisServer, startRedis } from '../support/redis.server.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = join(ROOT, 'docs/tutorials/first-cache.md');

let program: PageProgram;
let redis: RedisServer;

beforeAll(async () => {
  [redis, program] = await Promise.all([startRedis(), createPageProgram()]);
  for (const { file = '', code } of snippetsIn(PAGE)) await program.write(file, code);
});
afterAll(async () => {
  await redis.stop();
  await program.remove();
});

it.each(['memory', 'redis'])(
  'the tutorial prints what it says, in %s',
  async (tier) => {
    const printed = /^```text\n([\s\S]*?)^```/m.exec(await readFile(PAGE, 'utf8'))?.[1];
    const env = tier === 'redis' ? { REDIS_URL: redis.url } : {};
    const outcome = await program.run(env);
    expect(outcome).toMatchObject({ stdout: printed, stderr: '' });
  },
  30_000,
);
