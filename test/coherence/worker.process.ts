/** One process of a run: a cache, and a workload on it. The database and the history are the parent's. */
import type { Load } from './history.js';
import type { Ask, Order, Report, WorkerOptions } from './messages.js';
import { Random } from './random.js';
import { type CreateSubject, readOne, type Subject } from './subject.js';
import { nothingRecorded, type Rows, slowRegister, Workload } from './workload.js';

/** What a process that is killed has not told by then is lost; a promise or a read less to look at. */
const TELL_EVERY_MS = 50;

const options = JSON.parse(process.argv[2]!) as WorkerOptions;
const random = new Random(options.seed);

let asked = 0;
const awaited = new Map<number, (version: number) => void>();
const ask = (what: Ask, key: number) =>
  new Promise<number>((resolve) => {
    const id = ++asked;
    awaited.set(id, resolve);
    tell({ report: 'ask', id, what, key });
  });
const rows: Rows = { read: (key) => ask('read', key), commit: (key) => ask('commit', key) };
const register = slowRegister(rows, random, (load: Load) =>
  workload.recorded.loads.push({ ...load, process: options.process }),
);

process.once('disconnect', () => process.exit());
process.on('message', (order: Order) => void obey(order));

const { default: create } = (await import(`./subjects/${options.subject.split('/')[0]}.js`)) as {
  default: CreateSubject;
};
const subject = await create(options, register);
const workload = new Workload(subject, register, {
  random,
  process: options.process,
  isStrict: options.consistency === 'strict',
});
const telling = setInterval(tellRecorded, TELL_EVERY_MS);
tell({ report: 'ready' });

async function obey(order: Order): Promise<void> {
  switch (order.order) {
    case 'answer':
      awaited.get(order.id)?.(order.version);
      awaited.delete(order.id);
      return;
    case 'go':
      await workload.run();
      tellRecorded();
      tell({
        report: 'resting',
        tally: {
          readErrors: workload.errors.reads,
          writeErrors: workload.errors.writes,
          failures: subject.failures(),
        },
      });
      return;
    case 'rest':
      return workload.stop();
    case 'hush':
      return workload.hush(order.ms);
    case 'look':
      clearInterval(telling);
      tell({ report: 'looked', reads: await workload.readAll() });
      return;
    case 'call':
      return call(order, subject);
  }
}

async function call(
  { id, operation, key }: Extract<Order, { order: 'call' }>,
  { reads, writes }: Subject,
): Promise<void> {
  try {
    const read = reads.find(({ name }) => name === operation);
    const write = writes.find(({ name }) => name === operation);
    if (read) tell({ report: 'called', id, result: { version: await readOne(read, key) } });
    else if (write) {
      const isAcknowledged = await write.run(key, () => register.commit(key));
      tell({ report: 'called', id, result: { isAcknowledged } });
    } else throw new Error('there is no such operation');
  } catch (error) {
    tell({ report: 'called', id, failed: String(error) });
  }
}

function tellRecorded(): void {
  tell({ report: 'recorded', recorded: workload.recorded });
  workload.recorded = nothingRecorded();
}

function tell(report: Report): void {
  if (process.connected) process.send!(report);
}
