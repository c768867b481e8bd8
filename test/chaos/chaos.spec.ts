import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { buildWorker, type WorkerBuild } from '../coherence/worker.build.js';
import { FAULTS } from './faults.js';
import { type Outcome, run } from './run.js';
import { complaintsOf } from './verdict.js';

const FAULT_MS = 1200;
/** So many at a time: each has a server, two processes and a tenth of a processor. */
const SIDE_BY_SIDE = 3;
const TIMEOUT_MS = 120_000;

describe('an application whose Redis fails answers, is right, and has its cache again:', () => {
  let build: WorkerBuild;
  const outcomes = new Map<string, Promise<Outcome>>();

  beforeAll(() => {
    build = buildWorker('chaos/application.process.js');
    const lanes = Array.from({ length: SIDE_BY_SIDE }, () => Promise.resolve() as Promise<unknown>);
    for (const [i, fault] of FAULTS.entries()) {
      const settings = {
        subject: 'elasticache',
        seed: i + 1,
        faultMs: FAULT_MS,
        processFile: build.workerFile,
      };
      const outcome = lanes[i % SIDE_BY_SIDE]!.then(() => run(fault, settings));
      outcomes.set(fault.name, outcome);
      lanes[i % SIDE_BY_SIDE] = outcome.catch(() => undefined); // told by its own test
    }
  });

  afterAll(async () => {
    await Promise.allSettled(outcomes.values());
    build.remove();
  }, TIMEOUT_MS);

  it.each(FAULTS.map(({ name }) => name))(
    '%s',
    async (name) => {
      const outcome = await outcomes.get(name)!;
      expect(outcome.chronicle.calls.length).toBeGreaterThan(300);
      expect(outcome.chronicle.attempts.length).toBeGreaterThan(10);
      expect(complaintsOf(outcome).join('\n')).toBe('');
    },
    TIMEOUT_MS,
  );
});
