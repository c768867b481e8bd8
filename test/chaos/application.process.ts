/** One process of a scenario: an application, and the load on it. The registers and the record are the parent's. */
import { Random } from '../coherence/random.js';
import { Database } from './database.js';
import { countTimers, holdings } from './holdings.js';
import { Load, nothingRecorded } from './load.js';
import type { FromProcess, LoadOptions, Orders, ToProcess } from './messages.js';
import type { CreateSubject } from './subject.js';

const TELL_EVERY_MS = 100;

const options = JSON.parse(process.argv[2]!) as LoadOptions;
const tell = (message: FromProcess) => {
  if (process.connected) process.send!(message);
};
for (const event of ['unhandledRejection', 'uncaughtException', 'warning'] as const) {
  process.on(event, (error: Error) => tell({ fault: `${event}: ${error.stack ?? String(error)}` }));
}
if (options.countsTimers) countTimers();

let asked = 0;
const awaited = new Map<number, (version: number) => void>();
const database = new Database(
  (what, key) =>
    new Promise((resolve) => {
      awaited.set(++asked, resolve);
      tell({ row: asked, what, key });
    }),
);

const { default: create } = (await import(`./subjects/${options.subject}.js`)) as {
  default: CreateSubject;
};
const subject = await create(options.address, database);
const load = new Load({ subject, database, options, random: new Random(options.seed) });

const orders: { [K in keyof Orders]: () => Promise<Orders[K]> | Orders[K] } = {
  start: () => void load.run(),
  async stop() {
    const stuck = await load.stop();
    tellRecorded();
    return stuck;
  },
  look: () => load.look(),
  breakDatabase: () => void (database.isDown = true),
  mendDatabase: () => void (database.isDown = false),
  holdings,
};

process.once('disconnect', () => process.exit());
process.on('message', (message: ToProcess) => {
  if ('order' in message) return void obey(message.id, message.order);
  awaited.get(message.row)?.(message.version);
  awaited.delete(message.row);
});
setInterval(tellRecorded, TELL_EVERY_MS);
tell({ ready: true });

async function obey(id: number, order: keyof Orders): Promise<void> {
  tell({ answerTo: id, answer: await orders[order]() });
}

function tellRecorded(): void {
  tell({ recorded: load.recorded });
  load.recorded = nothingRecorded();
}
