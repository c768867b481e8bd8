import { fileURLToPath } from 'node:url';
import { FAULTS } from './faults.js';
import { run } from './run.js';
import { complaintsOf } from './verdict.js';

const processFile = fileURLToPath(new URL('application.process.js', import.meta.url));
const [, , only = '', subject = 'elasticache', faultMs = '1500'] = process.argv;
for (const fault of FAULTS.filter(({ name }) => name.includes(only))) {
  const t = performance.now();
  const o = await run(fault, { subject, seed: 1, faultMs: Number(faultMs), processFile });
  const q = (kind: string, p: number) => {
    const d = o.chronicle.calls
      .filter((c) => c.process === 'near' && c.kind === kind && c.begin >= o.from && c.begin < o.to)
      .map((c) => c.end - c.begin)
      .sort((a, b) => a - b);
    return d[Math.min(d.length - 1, Math.floor(d.length * p))]?.toFixed(1);
  };
  console.log(
    fault.name,
    '| cold',
    q('cold', 0.5),
    q('cold', 0.99),
    q('cold', 1),
    'hot',
    q('hot', 0.5),
    q('hot', 0.99),
    'stores',
    o.storesAfterMs?.toFixed(0),
    'reads',
    o.chronicle.reads.length,
    'acked',
    o.chronicle.attempts.filter((a) => a.isAcknowledged).length,
    'failed',
    o.chronicle.attempts.filter((a) => !a.isAcknowledged).length,
    `${((performance.now() - t) / 1000).toFixed(1)} s`,
  );
  for (const c of complaintsOf(o)) console.log('   ', c);
}
process.exit(0);
