/**
 * `npm run test:long`: the history checker for ten minutes in every configuration, 90 in all.
 * `-- --minutes 1` is shorter, `-- --servers cluster` runs half of it, `-- --seed 7` begins with
 * another seed, `-- --compare` writes test/coherence/COMPARISON.md.
 */
import { install } from './install.mjs';
import { ensureRedis } from './redis.mjs';
import { run, script } from './run.mjs';

await script(async () => {
  await install();
  const env = await ensureRedis();
  for (const project of ['libs/elasticache/tsconfig.build.json', 'test/coherence/tsconfig.json']) {
    await run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', project]);
  }
  const main = 'test/coherence/dist/coherence/main.js';
  await run(process.execPath, [main, ...process.argv.slice(2)], env);
});
