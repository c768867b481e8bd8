/**
 * `npm run test:long`: the history checker for ten minutes in every configuration, 90 in all, and
 * before it 50 tenants under load for ten.
 * `-- --minutes 1` is shorter, `-- --servers cluster` runs half of it, `-- --seed 7` begins with
 * another seed, `-- --compare` writes test/coherence/COMPARISON.md.
 */
import { install } from './install.mjs';
import { ensureRedis } from './redis.mjs';
import { run, script } from './run.mjs';

await script(async () => {
  await install();
  const env = await ensureRedis();
  const projects = ['libs/elasticache/tsconfig.build.json', 'test/coherence', 'test/tenants'];
  for (const project of projects) {
    await run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', project]);
  }
  const tenants = 'test/tenants/dist/tenants/main.js';
  if (!process.argv.includes('--compare')) {
    await run(process.execPath, [tenants, ...process.argv.slice(2)], env);
  }
  const main = 'test/coherence/dist/coherence/main.js';
  await run(process.execPath, [main, ...process.argv.slice(2)], env);
});
