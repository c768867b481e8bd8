/** What stands above the table of COMPARISON.md: how it was measured, so that it can be again. */
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { LATE_MS } from './history.js';
import { PROCESSES } from './run.js';
import { KEYS } from './subject.js';
import { WORKLOAD } from './workload.js';

const PEERS = ['bentocache', 'cacheable', '@keyv/redis', 'ioredis'];

export function introduction(seconds: number): string {
  const { loops, writes, burstMs, calmMs, pauseMs, loadMs, commitMs } = WORKLOAD;
  return `# The same checker on other caches

\`npm run test:long -- --compare --seed 1\` makes this page again.

${PROCESSES} processes of ${loops} loops each, ${KEYS.length} keys in three tag groups, at least ${seconds} s a run. A loop waits
0 to ${pauseMs} ms and calls: a read of a random key or, in bursts of ${burstMs} ms with ${calmMs} ms between, once in
${Math.round(1 / writes)} calls a write. A load takes 0 to ${loadMs} ms, a commit 0 to ${commitMs} ms; writes evict the key, put the new
value, evict a group of keys (by its tag, where what a read loads can bear one) or clear, each after
the commit. Every process has a connection of its own on loopback; entries live an hour. The seed
repeats the choices; how the processes interleave is the machine's.

Faults \`all\`, one after the other and again until the time is over: a process stopped for 3 s between
its load and its store, while another is killed between its commit and its invalidation; a process
cut off for 2.5 s, and again one killed; Redis stopped for 2 s; Redis killed and started anew, empty;
all connections cut.

- **stale**: the read began after an invalidation had returned, and saw what that invalidated;
  **latest**: how long after it had returned.
- **sticky**: stale by more than ${LATE_MS} ms; how many reads, of how many values.
- **old, no ack**: replaced more than ${LATE_MS} ms ago, but no invalidation has returned, since the writer
  was killed. That there are none is promised by strict mode alone.
- **old for good**: what some process still sees after the run and a quiet second.

It is a hostile mix: compare zero with not zero, not the rates; and not the reads/s, for each cache
is asked for what it has to offer. \`naive\` is cache-aside by hand on ioredis; \`/memory\` has the
peer's memory tier before Redis.

Measured on Node ${process.versions.node}, ${serverVersion()}, ${availableParallelism()} processors;
${PEERS.map((peer) => `${peer} ${versionOf(peer)}`).join(', ')}.
`;
}

function versionOf(peer: string): string {
  const { resolve } = createRequire(import.meta.url);
  const folders = resolve.paths(peer) ?? [];
  for (const folder of folders) {
    try {
      const manifest = createRequire(import.meta.url)(`${folder}/${peer}/package.json`) as object;
      return (manifest as { version: string }).version;
    } catch {
      continue;
    }
  }
  return '';
}

function serverVersion(): string {
  const line = execFileSync('redis-server', ['--version'], { encoding: 'utf8' });
  return `redis-server ${/v=(\S+)/.exec(line)?.[1] ?? ''}`;
}
