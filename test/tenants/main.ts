/** The tenants of `npm run test:long`: in every tier for their share of the minutes. `--seed` repeats the choices of a run. */
import { parseArgs } from 'node:util';
import * as library from 'nestjs-elasticache';
import { startRedis } from '../support/redis.server.js';
import { loadTenants } from './tenant.load.js';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string', default: '1' } },
  strict: false, // the others are the checker's of histories
});
const TENANTS = 50;
const TIERS = ['memory', 'redis', 'both'] as const;

const seconds = (Number(values.minutes) * 60) / TIERS.length;
const server = await startRedis();
let failures = 0;
for (const [i, tier] of TIERS.entries()) {
  const { calls, loads, mixed } = await loadTenants({
    library,
    ...(tier !== 'memory' && { connection: server.url }),
    copies: tier === 'both',
    tenants: TENANTS,
    seconds,
    seed: Number(values.seed) + i,
  });
  if (mixed !== undefined) failures++;
  const verdict = mixed === undefined ? 'none reached another' : `MIXED: ${mixed}`;
  console.log(`${TENANTS} tenants, ${tier}: ${calls} calls, ${loads} loads, ${verdict}`);
}
await server.stop();
process.exit(failures > 0 ? 1 : 0);
