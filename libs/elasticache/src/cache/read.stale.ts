import { CacheTransaction } from '../coherence/cache.transaction.js';
import { mayServeOnError } from '../entry/freshness.js';
import type { View } from '../store/cache.store.js';
import { newToken } from '../store/token.js';
import { Flight } from './flight.js';
import { outsideOfLoads } from './load.context.js';
import { concealed, type Finding } from './finding.js';
import type { NamedCache } from './named.cache.js';
import { loadAndKeep } from './read.load.js';
import { handedOut, type Loader, type Outcome, reportLoad, type Target } from './read.target.js';

/** The expired copy instead of a load that failed or found no room. */
export async function staleOutcome(target: Target, finding: Finding): Promise<Outcome | undefined> {
  const { cache, ask, options } = target;
  if (finding.freshness !== 'stale') return undefined;
  const policy = options.freshness ?? cache.policy.freshness;
  if (!mayServeOnError(finding.entry!, policy, cache.clock.now())) return undefined;
  const outcome = await handedOut(target, finding);
  if (outcome === undefined) return undefined;
  cache.servedStale(ask.text);
  return { ...outcome, stale: true };
}

/** Whether something may be there that stands in for a load: an expired copy, or one in memory where the tier has failed. */
export function mayStandIn({ freshness, view, seen }: Finding): boolean {
  return freshness === 'stale' || (view === undefined && seen === undefined);
}

/** What stands in for a load that failed: the expired copy, if it is still there, or the one in memory. */
export async function standIn({ cache, ask, options }: Target, finding: Finding): Promise<Finding> {
  if (finding.freshness !== 'stale') return cache.copyOnError(ask, options);
  return cache.lookAgain(ask, options).catch(() => concealed); // the loader's own error wins
}

/** Loads anew for nobody, unless somebody does already; one load for all processes. */
export function refresh(target: Target, { view }: Finding, loader: Loader): void {
  const { cache, ask } = target;
  if (view === undefined || cache.loads.isFull || cache.refreshing.has(ask.text)) return;
  cache.refreshing.add(ask.text);
  const load: Loader['load'] = (_flight, _cache, signal) =>
    loader.reload?.() ?? loader.load(undefined, undefined, signal);
  outsideOfCalls(cache, () => {
    void reload(target, view, { ...loader, load })
      .catch((error: unknown) => reportLoad(target, error))
      .catch(() => undefined) // the handler's own: there is no call that it could fail
      .finally(() => cache.refreshing.delete(ask.text));
  });
}

/** Begins what is part of no call, though a call is the occasion. */
export function outsideOfCalls(cache: NamedCache, begin: () => void): void {
  CacheTransaction.outside(() => outsideOfLoads(() => cache.loads.outside(begin)));
}

async function reload(target: Target, view: View, loader: Loader): Promise<void> {
  const { cache, ask, options } = target;
  const flight = new Flight(loader.certain);
  const token = newToken();
  const claim = await cache.claim(ask, view, { flight, token, method: options.method });
  if (claim?.kind === 'won') await loadAndKeep([target], loader, { flight, leases: [claim.lease] });
}
