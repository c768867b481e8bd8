/** The three invariants: the application answers, what it answers is right, and nothing is lost. */
import { type Finding, judge } from '../coherence/history.js';
import type { Attempt } from './messages.js';
import type { Outcome } from './run.js';
import { STRICT_KEYS } from './subject.js';

/** Copies are believed for a second by default; and a millisecond is the clock's. */
const MAX_STALENESS_MS = 1001;
const CLOCK_MS = 1;
const MOST_EXAMPLES = 5;

export interface StaleReads {
  /** By anyone, later than {@link MAX_STALENESS_MS} after an eviction that was acknowledged. */
  readonly acknowledged: readonly Finding[];
  /** By the process that evicted, acknowledged or not. */
  readonly own: readonly Finding[];
  /** By anyone, in strict mode, of what was committed for longer than copies are believed. */
  readonly strict: readonly Finding[];
}

/** What breaks an invariant, told so that it can be looked into; empty where nothing does. */
export function complaintsOf(outcome: Outcome): string[] {
  const { chronicle, stuck, storesAfterMs, lagging, fault } = outcome;
  const { acknowledged, own, strict } = staleReads(outcome);
  const surfaced = chronicle.calls.filter(
    ({ fault: text, isWrongRow }) => text !== undefined && !(isWrongRow && fault.changesBytes),
  );
  const unreported = chronicle.attempts.filter((one) => !one.isAcknowledged && !one.isReported);
  const right = fault.changesBytes
    ? []
    : [
        ...told('stale, though the eviction was acknowledged', acknowledged, findingOf(outcome)),
        ...told('stale in the process that evicted', own, findingOf(outcome)),
        ...told('stale in strict mode', strict, findingOf(outcome)),
        ...told(
          'old for good',
          lagging,
          ({ key, version, process }) => `${process}: ${version} of ${key}`,
        ),
      ];
  return [
    ...told('surfaced', surfaced, (call) => `${call.kind} of ${call.key}: ${call.fault}`),
    ...told('of no call', chronicle.faults, (text) => text),
    ...told('stuck', stuck, (call) => call),
    ...right,
    ...told('evictions failed and were not reported', unreported, ({ keys }) => keys.join(', ')),
    ...(storesAfterMs === undefined ? ['nothing is stored any more'] : []),
  ];
}

export function staleReads({ chronicle }: Pick<Outcome, 'chronicle'>): StaleReads {
  const { commits, reads, loads, attempts } = chronicle;
  const staleBy = (process: string | undefined, invalidations: readonly Attempt[]) =>
    judge({
      commits,
      loads,
      invalidations,
      reads: reads.filter((read) => process === undefined || read.process === process),
    });
  const acknowledged = staleBy(
    undefined,
    attempts.filter(({ isAcknowledged }) => isAcknowledged),
  );
  const processes = [...new Set(attempts.map(({ process }) => process))];
  const own = processes.flatMap(
    (process) =>
      staleBy(
        process,
        attempts.filter((one) => one.process === process),
      ).stale,
  );
  const strictKeys = new Set(STRICT_KEYS);
  const old = judge({ commits, loads, invalidations: [], reads }).old;
  return {
    acknowledged: acknowledged.stale.filter(({ lateMs }) => lateMs > MAX_STALENESS_MS),
    own: own.filter(({ lateMs }) => lateMs > CLOCK_MS),
    strict: old.filter(({ read, lateMs }) => strictKeys.has(read.key) && lateMs > MAX_STALENESS_MS),
  };
}

function told<T>(what: string, items: readonly T[], describe: (item: T) => string): string[] {
  if (items.length === 0) return [];
  const examples = items.slice(0, MOST_EXAMPLES).map((item) => `  ${describe(item)}`);
  return [`${items.length} ${what}:`, ...examples];
}

/** With its time since the fault began, and ended. */
function findingOf({ from, to, chronicle }: Outcome) {
  return ({ read, lateMs }: Finding) => {
    const at = `${(read.begin - from).toFixed(0)} ms after the fault, ${(read.begin - to).toFixed(0)} ms after its end`;
    const evictions = (chronicle.attempts as readonly Attempt[])
      .filter(({ keys, end }) => keys.includes(read.key) && end < read.begin)
      .slice(-3)
      .map(
        (one) =>
          `${one.process} ${one.isAcknowledged ? 'acknowledged' : 'failed'} at ${(one.end - from).toFixed(0)}`,
      );
    return `${read.process} saw ${read.version} of ${read.key}, ${lateMs.toFixed(0)} ms late, ${at}; ${evictions.join(', ')}`;
  };
}
