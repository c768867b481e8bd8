/**
 * `npm run test:long`: every configuration for ten minutes, with three seeds, and then, with a rule
 * taken out, until that is caught. `--minutes 1` shortens it, `--servers cluster` leaves the other
 * servers out, `--seed` repeats the choices of a run, `--compare` writes COMPARISON.md instead.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { format, resolveConfig } from 'prettier';
import { introduction } from './comparison.js';
import { COMPARISON, CONFIGURATIONS } from './configurations.js';
import { breed } from './mutant.js';
import { type Mutation, MUTATIONS } from './mutations.js';
import { complaintsOf, rowOf, TABLE_HEAD } from './report.js';
import { type Configuration, type Outcome, run } from './run.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    servers: { type: 'string' },
    compare: { type: 'boolean', default: false },
  },
});
const REPOSITORY = new URL('../../../../', import.meta.url);
const RESULTS = fileURLToPath(new URL('test/coherence/COMPARISON.md', REPOSITORY));
const workerFile = fileURLToPath(new URL('worker.process.js', import.meta.url));

/** Each for its share of the minutes. */
const SEEDS = 3;
const COMPARED_SECONDS = 20;
/** Far more than chance needs for any rule that it finds missing at all. */
const MUTANT_SECONDS = 300;

let failures = 0;
if (values.compare) await compare();
else await check(Number(values.minutes));
if (failures > 0) console.error(`\n${failures} failed`);
process.exit(failures > 0 ? 1 : 0);

/** Every configuration for so long, those of one node beside those of a cluster, then the mutants. */
async function check(minutes: number): Promise<void> {
  console.log(TABLE_HEAD);
  const { servers = '' } = values;
  const asked = CONFIGURATIONS.filter((one) => one.servers.startsWith(servers));
  const lane = (isAlone: boolean) =>
    checkAll(
      asked.filter(({ servers }) => (servers === 'standalone') === isAlone),
      minutes,
    );
  await Promise.all([lane(true), lane(false)]);
  for (const mutation of MUTATIONS.filter(({ isCaughtByChance }) => isCaughtByChance)) {
    const caughtAfter = await secondsToCatch(mutation);
    if (caughtAfter === undefined) failures++;
    const verdict = caughtAfter === undefined ? 'NOT CAUGHT' : `caught within ${caughtAfter} s`;
    console.log(`${mutation.name}: ${verdict}`);
  }
}

async function checkAll(configurations: readonly Configuration[], minutes: number): Promise<void> {
  for (const configuration of configurations) {
    for (let round = 0; round < SEEDS; round++) {
      const seed = Number(values.seed) + round;
      const complaints = complaintsOf(await told(configuration, seed, (minutes / SEEDS) * 60));
      if (complaints.length > 0) failures++;
      for (const complaint of complaints) console.error(complaint);
    }
  }
}

async function told(configuration: Configuration, seed: number, seconds: number): Promise<Outcome> {
  const outcome = await run(configuration, { seed, seconds, workerFile });
  console.log(rowOf(outcome));
  return outcome;
}

async function secondsToCatch(mutation: Mutation): Promise<number | undefined> {
  const { consistency } = mutation;
  const configuration = {
    subject: 'elasticache',
    faults: consistency === 'strict' ? 'all' : 'none',
    ...mutation.workload,
    consistency,
    servers: 'standalone',
  } as const;
  const mutant = breed(mutation, REPOSITORY);
  const { library } = mutant;
  try {
    let spent = 0;
    for (let seed = Number(values.seed); spent < MUTANT_SECONDS; seed++) {
      const outcome = await run(configuration, { seed, seconds: 10, workerFile, library });
      spent += Math.round(outcome.seconds);
      if (complaintsOf(outcome).length > 0) return spent;
    }
    return undefined;
  } finally {
    mutant.remove();
  }
}

async function compare(): Promise<void> {
  const rows: string[] = [];
  for (const configuration of COMPARISON) {
    rows.push(rowOf(await told(configuration, Number(values.seed), COMPARED_SECONDS)));
  }
  const page = `${introduction(COMPARED_SECONDS)}\n${TABLE_HEAD}\n${rows.join('\n')}\n`;
  writeFileSync(
    RESULTS,
    await format(page, { ...(await resolveConfig(RESULTS)), parser: 'markdown' }),
  );
}
