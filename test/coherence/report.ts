/** The outcome of runs: as a row of a Markdown table, and as a test's complaint. */
import { explain } from './excerpt.js';
import type { Finding } from './history.js';
import type { Configuration, Outcome } from './run.js';
import { hasCopies, MAX_STALENESS_MS } from './subject.js';

const MOST_EXCERPTS = 3;

const COLUMNS: readonly (readonly [string, (outcome: Outcome) => string])[] = [
  ['cache', ({ configuration }) => titleOf(configuration)],
  ['faults', ({ configuration }) => configuration.faults],
  ['seed', ({ seed }) => `${seed}`],
  ['reads/s · writes', ratesOf],
  ['stale', ({ stale, history }) => share(stale.length, history.reads.length)],
  ['stale > 50 ms', ({ stale }) => `${stale.filter(({ lateMs }) => lateMs > 50).length}`],
  ['latest', ({ stale }) => (stale.length === 0 ? '–' : `${latestOf(stale).toFixed(0)} ms`)],
  ['sticky: reads / values', stickyOf],
  ['old, no ack: reads / values', ({ old }) => `${old.length} / ${valuesOf(old)}`],
  ['loads', ({ history }) => `${history.loads.length}`],
  ['errors read · write', ({ tally }) => `${tally.readErrors} · ${tally.writeErrors}`],
  ['old for good', endOf],
];

export const TABLE_HEAD = [
  `| ${COLUMNS.map(([name]) => name).join(' | ')} |`,
  `|${COLUMNS.map((_, i) => (i < 2 ? ' --- |' : ' ---: |')).join('')}`,
].join('\n');

export function rowOf(outcome: Outcome): string {
  return `| ${COLUMNS.map(([, cell]) => cell(outcome)).join(' | ')} |`;
}

export function titleOf({ subject, consistency, servers }: Configuration): string {
  const isOurs = subject.startsWith('elasticache');
  return [
    subject,
    ...(isOurs ? [consistency] : []),
    ...(servers === 'standalone' ? [] : [servers]),
  ].join(', ');
}

/** How late a read may be: copies in memory are believed for so long. A millisecond is the clock's. */
function boundOf({ subject }: Configuration): number {
  return hasCopies(subject) ? MAX_STALENESS_MS + 1 : 0;
}

/** What breaks the promise of the configuration, told so that it can be looked into; empty where nothing does. */
export function complaintsOf(outcome: Outcome): string[] {
  const { configuration, seed, stale, old, history, lagging, refused, hung } = outcome;
  const isStrict = configuration.consistency === 'strict';
  const bound = boundOf(configuration);
  const findings = [...stale, ...(isStrict ? old : [])].filter(({ lateMs }) => lateMs > bound);
  const complaints = [
    ...(findings.length > 0 ? [`${findings.length} stale or old reads`] : []),
    ...findings.slice(0, MOST_EXCERPTS).map((finding) => explain(history, finding)),
    ...lagging.map(({ key, version, process }) => `${process} ends with ${version} of key ${key}`),
    ...refused.map((object) => `the user was refused ${object}`),
    ...hung.map((process) => `${process} did not come to its end`),
  ];
  const where = `${titleOf(configuration)}, faults: ${configuration.faults}, seed ${seed}`;
  return complaints.length === 0 ? [] : [where, ...complaints];
}

function ratesOf({ history, seconds }: Outcome): string {
  return `${(history.reads.length / seconds).toFixed(0)} · ${history.commits.length}`;
}

function endOf({ oldForGood, hung }: Outcome): string {
  if (hung.length > 0) return `${hung.length} hung`;
  return oldForGood.length === 0 ? 'none' : `${oldForGood.length} keys`;
}

/** Copies may be late for longer than that makes others' reads sticky. */
function stickyOf({ configuration, sticky }: Outcome): string {
  const bound = boundOf(configuration);
  const beyond = sticky.filter(({ lateMs }) => lateMs > bound);
  return `${beyond.length} / ${valuesOf(beyond)}`;
}

function share(count: number, of: number): string {
  return count === 0 ? '0' : `${count} (${((100 * count) / of).toFixed(2)} %)`;
}

function latestOf(findings: readonly Finding[]): number {
  return findings.reduce((latest, { lateMs }) => Math.max(latest, lateMs), 0);
}

function valuesOf(findings: readonly Finding[]): number {
  return new Set(findings.map(({ read }) => `${read.key}:${read.version}`)).size;
}
