/** The part of a history that explains a finding, for whoever has to find out how it came about. */
import type { Finding, History, Span } from './history.js';

/** Of what came before, so much is told; it began before the promise was given. */
const BEFORE_MS = 250;
const MOST_LINES = 40;

export function explain(history: History, { read, lateMs }: Finding): string {
  const { key, begin } = read;
  const from = begin - lateMs - BEFORE_MS;
  const lines: [number, string][] = [];
  const span = (one: Span, what: string) =>
    lines.push([one.begin, `${at(one.begin)} … ${at(one.end)} ${one.process} ${one.how}${what}`]);
  const at = (instant: number) => (instant - begin).toFixed(1).padStart(8);
  const isNear = (one: Span) => one.end >= from && one.begin <= read.end;
  for (const one of history.reads)
    if (one.key === key && isNear(one)) span(one, ` saw ${one.version}`);
  for (const one of history.loads)
    if (one.key === key && isNear(one)) span(one, ` brought ${one.version}`);
  for (const one of history.invalidations)
    if (one.keys.includes(key) && isNear(one)) span(one, one.version ? ` of ${one.version}` : '');
  for (const one of history.commits) {
    if (one.key !== key || one.at < from || one.at > read.end) continue;
    lines.push([one.at, `${at(one.at)}            commit of ${one.version}`]);
  }
  const told = lines.sort(([a], [b]) => a - b).map(([, line]) => line);
  const head = `key ${key}: version ${read.version} seen ${lateMs.toFixed(1)} ms late`;
  return [head, ...told.slice(-MOST_LINES)].join('\n');
}
