/**
 * `npm run soak`: faults of one server in a random order, for ten minutes or `-- --minutes 1`, on the
 * same two processes; then they must hold no more than after the first round of all faults.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { now, sleep } from '../coherence/monotonic.js';
import { Random } from '../coherence/random.js';
import { type Application, Chronicle } from './application.js';
import { FAULTS, type FaultOfOne } from './faults.js';
import { type Alone, layAlone } from './ground.js';
import type { Holdings } from './messages.js';
import { all, laggards, LiveStage, startAll } from './run.js';
import { complaintsOf } from './verdict.js';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string', default: '1' } },
});
const settings = {
  subject: 'elasticache',
  seed: Number(values.seed),
  processFile: fileURLToPath(new URL('application.process.js', import.meta.url)),
  countsTimers: true,
};
const FAULT_MS = 2000;
const CALM_MS = 2000;
/** Of the heap, after a collection: less is the noise of caches that fill. */
const GROWTH = { ratio: 1.25, mib: 5 };
/** Timers come and go with calls; a leak makes more with every fault. */
const TIMERS = 5;

const faults = FAULTS.filter((fault) => fault.on === 'one').filter((one) => !one.changesBytes);
const random = new Random(settings.seed);
const ground = await layAlone({ isProxied: true });
const chronicle = new Chronicle();
const applications = await startAll(ground, chronicle, settings);
const from = now();
const stuck: string[] = [];
const before = await round(faults);
const end = from + Number(values.minutes) * 60_000;
let after = before;
while (now() < end) after = await round(random.shuffle(faults));
const lagging = await laggards(applications, chronicle);
const complaints = [
  // Entries were stored in every calm.
  ...complaintsOf({
    fault: faults[0]!,
    chronicle,
    from,
    to: now(),
    storesAfterMs: 0,
    stuck,
    lagging,
  }),
  ...after.flatMap((held, i) => growth(before[i]!, held)),
];
for (const complaint of complaints) console.error(complaint);
console.log(complaints.length === 0 ? 'nothing leaked, nothing stale, nothing stuck' : 'failed');
await Promise.all(applications.map((application) => application.end()));
await ground.clear();
process.exit(complaints.length > 0 ? 1 : 0);

/** Each of them once; resolves with what is held when all is quiet again. */
async function round(these: readonly FaultOfOne[]): Promise<Held[]> {
  for (const fault of these) {
    await all(applications, 'start');
    await sleep(CALM_MS);
    await fault.strike(
      ground,
      new LiveStage(applications, { seed: settings.seed, faultMs: FAULT_MS }),
    );
    await sleep(CALM_MS);
    stuck.push(...(await all(applications, 'stop')).flat());
  }
  const held = await holdings(applications, ground);
  const minutes = ((now() - from) / 60_000).toFixed(1);
  const each = held.map(
    ({ name, sockets, timers, heapMiB }) =>
      `${name}: ${sockets} sockets, ${timers} timers, ${heapMiB.toFixed(1)} MiB`,
  );
  console.log(`${minutes} min · ${each.join(' · ')}`);
  return held;
}

interface Held extends Holdings {
  readonly name: string;
}

async function holdings(of: readonly Application[], { server }: Alone): Promise<Held[]> {
  const each = await Promise.all(
    of.map(async (one) => ({ name: one.options.process, ...(await one.order('holdings')) })),
  );
  const clients = /connected_clients:(\d+)/.exec(String(await server.command('INFO', 'clients')));
  return [...each, { name: 'the server', sockets: Number(clients?.[1]), timers: 0, heapMiB: 0 }];
}

function growth(first: Held, last: Held): string[] {
  const most = Math.max(first.heapMiB * GROWTH.ratio, first.heapMiB + GROWTH.mib);
  return [
    ...(last.sockets > first.sockets
      ? [`${last.name}: ${first.sockets} sockets became ${last.sockets}`]
      : []),
    ...(last.timers > first.timers + TIMERS
      ? [`${last.name}: ${first.timers} timers became ${last.timers}`]
      : []),
    ...(last.heapMiB > most
      ? [`${last.name}: the heap grew from ${first.heapMiB} to ${last.heapMiB} MiB`]
      : []),
  ];
}
