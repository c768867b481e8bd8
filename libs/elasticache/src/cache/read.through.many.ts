import { mayStandIn, outsideOfCalls, staleOutcome, standIn } from './read.stale.js';
import { awaitOthers, type OwnLoad } from './read.await.many.js';
import {
  type Batch,
  enqueue,
  flightOf,
  type Loading,
  type LoadMany,
  loadMissing,
  type Part,
  type Results,
  type Share,
  shareOut,
  targetOf,
} from './read.load.many.js';
import type { Finding } from './finding.js';
import { hitAtOnce, type Outcome, reportLoad, taken } from './read.target.js';

/**
 * The read path for many keys: one round trip to look, one to claim, one call of the loader for what
 * is neither there nor being loaded, one round trip to store. By the same rules as for one key; keys
 * that another process loads are waited for beside the loader, and loaded if that brings nothing.
 */
export async function readManyThrough(batch: Batch, load: LoadMany): Promise<Results> {
  const first = batch.parts[0]!;
  const results: Results = first.asks.map(() => undefined);
  const findings = await lookUpMany(batch, { results, load });
  const missing = missingOf(results);
  if (missing.length === 0) return results;
  const isFull = first.cache.loads.isFull;
  if (isFull && (await serveStale(batch, { missing, findings, results }))) return results;
  try {
    const shares = await shareOut(batch, first, { missing, findings });
    await fill(batch, { load, shares, results });
  } catch (error) {
    if (!(await serveStale(batch, { missing, findings, results }))) throw error;
    reportLoad(targetOf(batch, first, missing[0]!), error);
  }
  return results;
}

function missingOf(results: Results): number[] {
  const missing: number[] = [];
  for (const [i, result] of results.entries()) if (result === undefined) missing.push(i);
  return missing;
}

type Findings = readonly (Finding | undefined)[];

interface Missing {
  readonly missing: readonly number[];
  /** What the first cache has of each element. */
  readonly findings: Findings;
  readonly results: Results;
}

/**
 * Loads what is this call's to load, beside the wait for what others load, and then what these have
 * left, unstored; of that it may wait once more for somebody's load.
 */
async function fill(batch: Batch, loading: Loading, waits = 2): Promise<void> {
  const { shares, results, load } = loading;
  const turns = enqueue(batch, shares, waits > 0);
  const own = [...shares].filter(([, share]) => share.kind === 'load').map(([i]) => i);
  const ownLoad: OwnLoad = { state: own.length > 0 ? 'running' : 'done' };
  const others = awaitOthers(batch, loading, ownLoad);
  others.catch(() => undefined); // told below; our own method is not left running behind their failure
  try {
    if (own.length > 0) await loadMissing(batch, own, { ...loading, turns });
    ownLoad.state = 'done';
  } catch (error) {
    ownLoad.state = 'failed';
    throw error;
  }
  const left = await others;
  if (left.length === 0) return;
  const unstored = new Map<number, Share>();
  for (const i of left) unstored.set(i, { kind: 'load', flight: flightOf(batch) });
  await fill(batch, { load, results, shares: unstored }, waits - 1);
}

/** Copies in place of a load, if there is one for every element that is still missing. */
async function serveStale(batch: Batch, { missing, findings, results }: Missing): Promise<boolean> {
  const left = missing.filter((i) => results[i] === undefined);
  if (!left.every((i) => mayStandIn(findings[i]!))) return false;
  const targets = left.map((i) => targetOf(batch, batch.parts[0]!, i));
  const standIns = await Promise.all(
    targets.map((target, l) => standIn(target, findings[left[l]!]!)),
  );
  if (!standIns.every(({ freshness }) => freshness === 'stale')) return false;
  const copies: Outcome[] = [];
  for (const [l, target] of targets.entries()) {
    const outcome = await staleOutcome(target, standIns[l]!);
    if (outcome === undefined) return false;
    copies.push(outcome);
  }
  for (const [l, i] of left.entries()) results[i] = copies[l];
  return true;
}

/** Loads anew what nobody else does, behind the caller's back, for the cache that has it. */
function refreshMany(
  batch: Batch,
  part: Part,
  { due, findings, load }: { due: readonly number[]; findings: Findings; load: LoadMany },
): void {
  const { cache, asks } = part;
  const textOf = (i: number) => asks[i]!.text;
  const own = due.filter((i) => !cache.loads.isFull && !cache.refreshing.has(textOf(i)));
  if (own.length === 0) return;
  for (const i of own) cache.refreshing.add(textOf(i));
  const alone: Batch = { ...batch, parts: [part] };
  const reload = async () => {
    const shares = await shareOut(alone, part, { missing: own, findings });
    for (const share of shares.values()) if (share.kind === 'join') share.seat.leave();
    const won = [...shares].filter(([, share]) => share.kind === 'load' && share.lease);
    const results: Results = asks.map(() => undefined);
    const again: LoadMany = (missing, { signal }) => load(missing, { signal, isReload: true });
    const indices = won.map(([i]) => i);
    if (indices.length > 0) await loadMissing(alone, indices, { load: again, shares, results });
  };
  outsideOfCalls(cache, () => {
    void reload()
      .catch((error: unknown) => reportLoad(targetOf(alone, part, own[0]!), error))
      .catch(() => undefined) // the handler's own: there is no call that it could fail
      .finally(() => own.forEach((i) => cache.refreshing.delete(textOf(i))));
  });
}

/** Fills in the hits, and renews those that are due. Answers with what the first cache has of each element. */
async function lookUpMany(
  batch: Batch,
  { results, load }: { results: Results; load: LoadMany },
): Promise<Findings> {
  let first: Findings = [];
  for (const part of batch.parts) {
    const { cache, asks } = part;
    const missing = missingOf(results);
    if (missing.length === 0) break;
    const asked = missing.map((i) => asks[i]!);
    const found = await cache.findMany(asked, part.optionsOf(missing[0]!), part.looks);
    const site = { cache, revive: batch.revive };
    const findings: (Finding | undefined)[] = [];
    const due: number[] = [];
    for (const [m, i] of missing.entries()) {
      const finding = found[m]!;
      results[i] = hitAtOnce(site, finding);
      if (results[i] !== undefined) continue;
      const { outcome, left } = await taken(targetOf(batch, part, i), finding);
      results[i] = outcome;
      findings[i] = left;
      if (outcome !== undefined && left.freshness !== 'fresh') due.push(i);
    }
    if (due.length > 0) refreshMany(batch, part, { due, findings, load });
    if (part === batch.parts[0]) first = findings;
  }
  return first;
}
