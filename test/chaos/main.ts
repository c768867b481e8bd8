/**
 * `npm run chaos`: every fault for five seconds, one after the other, and what it costs, with the best
 * peer beside it where Redis hangs or is killed. `-- hung` asks for the faults of that name alone.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { FAULTS } from './faults.js';
import { HEADINGS, rowOf } from './figures.js';
import { run } from './run.js';
import { complaintsOf } from './verdict.js';

const { values, positionals } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    alone: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const settings = {
  seed: Number(values.seed),
  faultMs: Number(values.seconds) * 1000,
  processFile: fileURLToPath(new URL('application.process.js', import.meta.url)),
};
const [asked = ''] = positionals;
const compared = values.alone ? [] : FAULTS.slice(0, 2);

const print = (cells: readonly string[]) => console.log(`| ${cells.join(' | ')} |`);
print(HEADINGS);
print(HEADINGS.map((_, i) => (i === 0 ? '---' : '---:')));
const complaints: string[] = [];
for (const fault of FAULTS.filter(({ name }) => name.includes(asked))) {
  const outcome = await run(fault, { ...settings, subject: 'elasticache' });
  print(rowOf(fault.name, outcome));
  const broken = complaintsOf(outcome);
  if (broken.length > 0) complaints.push(`\n${fault.name}, seed ${values.seed}`, ...broken);
  if (compared.includes(fault)) {
    print(rowOf('bentocache, tuned', await run(fault, { ...settings, subject: 'bentocache' })));
  }
}
for (const complaint of complaints) console.error(complaint);
process.exit(complaints.length > 0 ? 1 : 0);
