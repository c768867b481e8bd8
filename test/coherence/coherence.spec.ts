import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CONFIGURATIONS } from './configurations.js';
import { complaintsOf, titleOf } from './report.js';
import { LEAST, run } from './run.js';
import { buildWorker, type WorkerBuild } from './worker.build.js';

/** Without faults; with them as long as each takes once. */
const SECONDS = 3;
const TIMEOUT_MS = 90_000;

describe('what a read sees', () => {
  let build: WorkerBuild;

  beforeAll(() => {
    build = buildWorker();
  });

  afterAll(() => build.remove());

  // Side by side, as many as jest.config.js says: a run spends half its time waiting.
  it.concurrent.each(
    CONFIGURATIONS.map((one, i) => ({ ...one, title: titleOf(one), seed: i + 1 })),
  )(
    'is never older than what was invalidated before: $title, faults: $faults',
    async ({ seed, title: _title, ...configuration }) => {
      const { workerFile } = build;
      const outcome = await run(configuration, { seed, seconds: SECONDS, workerFile });
      expect(outcome.history.reads.length).toBeGreaterThan(LEAST.reads);
      expect(outcome.history.invalidations.length).toBeGreaterThan(LEAST.invalidations);
      expect(complaintsOf(outcome).join('\n')).toBe('');
    },
    TIMEOUT_MS,
  );

  it(
    'is too old where nothing orders loads and evictions, and the checker finds it',
    async () => {
      const configuration = {
        subject: 'naive',
        consistency: 'default',
        faults: 'none',
        servers: 'standalone',
      } as const;
      const { workerFile } = build;
      const outcome = await run(configuration, { seed: 1, seconds: SECONDS, workerFile });
      expect(outcome.stale.length).toBeGreaterThan(0);
      expect(complaintsOf(outcome).length).toBeGreaterThan(1);
    },
    TIMEOUT_MS,
  );
});
