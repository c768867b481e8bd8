/** The figures of a run: how long calls took while the fault lasted, what went wrong, how soon it was over. */
import type { CallKind } from './messages.js';
import { NEAR, type Outcome } from './run.js';
import { complaintsOf, staleReads } from './verdict.js';

/** Within it copies are believed even where the stream is silent. */
const BELIEVED_MS = 900;

type Figure = readonly [heading: string, of: (outcome: Outcome) => string];

const FIGURES: readonly Figure[] = [
  ['cold p50 / p99 / max', (outcome) => shares(timesOf(outcome, 'cold'), [0.5, 0.99, 1])],
  ['hot p99, first second', (outcome) => shares(timesOf(outcome, 'hot', BELIEVED_MS), [0.99])],
  ['hot p99', (outcome) => shares(timesOf(outcome, 'hot'), [0.99])],
  [
    'errors',
    ({ chronicle }) =>
      `${chronicle.calls.filter(({ fault, isWrongRow }) => fault !== undefined && !isWrongRow).length}`,
  ],
  ['wrong rows', ({ chronicle }) => `${chronicle.calls.filter((call) => call.isWrongRow).length}`],
  ['stuck', ({ stuck }) => `${stuck.length}`],
  ['unhandled', ({ chronicle }) => `${chronicle.faults.length}`],
  [
    'stores after',
    ({ storesAfterMs }) =>
      storesAfterMs === undefined ? 'never' : `${storesAfterMs.toFixed(0)} ms`,
  ],
  ['evictions: failed / all', evictions],
  ['stale: acknowledged / own / strict', staleness],
];

export const HEADINGS: readonly string[] = [
  '',
  ...FIGURES.map(([heading]) => heading),
  'invariants',
];

export function rowOf(name: string, outcome: Outcome): string[] {
  const verdict = complaintsOf(outcome).length === 0 ? 'kept' : 'broken';
  return [name, ...FIGURES.map(([, of]) => of(outcome)), verdict];
}

/** Of the calls that began while the fault lasted, or in its first so many milliseconds. */
function timesOf({ chronicle, from, to }: Outcome, of: CallKind, firstMs = Infinity): number[] {
  const until = Math.min(to, from + firstMs);
  return chronicle.calls
    .filter(({ process, kind }) => process === NEAR && kind === of)
    .filter(({ begin }) => begin >= from && begin < until)
    .map(({ begin, end }) => end - begin)
    .sort((a, b) => a - b);
}

function shares(sorted: readonly number[], each: readonly number[]): string {
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return sorted.length === 0 ? '–' : `${each.map((share) => at(share)!.toFixed(1)).join(' / ')} ms`;
}

function evictions({ chronicle: { attempts } }: Outcome): string {
  return `${attempts.filter(({ isAcknowledged }) => !isAcknowledged).length} / ${attempts.length}`;
}

function staleness(outcome: Outcome): string {
  const { acknowledged, own, strict } = staleReads(outcome);
  return [acknowledged, own, strict].map(({ length }) => length).join(' / ');
}
