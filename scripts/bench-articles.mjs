/** `npm run bench:articles`: the demo with and without its cache. */
import { install } from './install.mjs';
import { ensureRedis } from './redis.mjs';
import { run, script } from './run.mjs';

await script(async () => {
  await install();
  const env = await ensureRedis();
  for (const project of [
    'libs/elasticache/tsconfig.build.json',
    'apps/demo/tsconfig.build.json',
    'bench/tsconfig.json',
  ]) {
    await run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', project]);
  }
  await run(process.execPath, ['bench/dist/bench/demo.main.js', ...process.argv.slice(2)], env);
});
