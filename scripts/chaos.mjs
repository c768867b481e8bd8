/**
 * `npm run chaos`: every fault of test/chaos for five seconds, and a table of what it costs;
 * `-- hung` asks for some, `-- --alone` leaves the peer out, `-- --seed 7` chooses otherwise.
 * `npm run soak`: those of one server in a random order for ten minutes, or `-- --minutes 1`.
 */
import { install } from './install.mjs';
import { ensureRedis } from './redis.mjs';
import { run, script } from './run.mjs';

await script(async () => {
  await install();
  const env = await ensureRedis();
  for (const project of ['libs/elasticache/tsconfig.build.json', 'test/chaos/tsconfig.json']) {
    await run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', project]);
  }
  const [program = 'main', ...args] = process.argv.slice(2);
  await run(process.execPath, [`test/chaos/dist/chaos/${program}.js`, ...args], env);
});
