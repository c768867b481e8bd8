import { readFileSync } from 'node:fs';
import type { CaseResult, Result } from './harness.js';
import type { Contender } from './question.js';

const HEADINGS = ['', 'ratio', 'min–max', 'CPU ratio', 'min–max', 'ns per call', 'CPU ns'];

/** The results of one case as a Markdown table. */
export function tableOf(results: readonly Result[], caseIndex: number): string {
  const floor = caseOf(results[0]!, caseIndex)!;
  const rows = results.map((result) => {
    const name = nameOf(result.contender);
    const measured = caseOf(result, caseIndex);
    if (measured !== undefined) return [name, ...figures(measured, floor)];
    const { notRunning } = result.outcome as { notRunning: string };
    return [name, notRunningOf(notRunning), ...Array(5).fill('')];
  });
  return aligned([HEADINGS, ...rows]);
}

function caseOf({ outcome }: Result, index: number): CaseResult | undefined {
  return 'notRunning' in outcome ? undefined : outcome[index];
}

function figures({ rounds }: CaseResult, floor: CaseResult): string[] {
  const ratios = (clock: 'wall' | 'cpu') => {
    const each = rounds.map((round, i) => floor.rounds[i]![clock] / round[clock]);
    const [least, most] = [Math.min(...each), Math.max(...each)].map(twoDigits);
    return [twoDigits(median(each)), `${least}–${most}`];
  };
  const nanoseconds = (clock: 'wall' | 'cpu') =>
    median(rounds.map((round) => round[clock])).toFixed(0);
  return [...ratios('wall'), ...ratios('cpu'), nanoseconds('wall'), nanoseconds('cpu')];
}

export function notRunningOf(reason: string): string {
  const problem = reason.split(/\n| imported from /)[0]!;
  return `does not run on Node ${process.versions.node}: ${problem}`;
}

export function nameOf({ name, peer }: Pick<Contender, 'name' | 'peer'>): string {
  if (peer === undefined) return name;
  const manifest = new URL(`../../../node_modules/${peer}/package.json`, import.meta.url);
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  return `${name} ${version}`;
}

function twoDigits(ratio: number): string {
  return ratio.toFixed(ratio < 0.1 ? 3 : 2);
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

/** A Markdown table, its first row the headings, aligned as Prettier does it. */
export function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) =>
    Math.max(3, ...rows.map((row) => row[column]!.length)),
  );
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const [head, ...body] = rows.map((row) =>
    line(row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))),
  );
  const rule = line(
    widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)),
  );
  return [head, rule, ...body].join('\n');
}
