import type { Tier } from '../entry/cache.entry.js';
import type { FreshnessOptions } from './freshness.options.js';

/** The tiers that one operation goes without. */
export interface TierOptions {
  readonly memory?: false;
  readonly shared?: false;
}

/** The one tier that an operation is left with; undefined where it has those of its cache. */
export function onlyTier({ memory, shared }: TierOptions): Tier | undefined {
  if (memory === false) return 'shared';
  return shared === false ? 'memory' : undefined;
}

/** Whether memory is asked first: it does not know expired entries. */
export function takesCopies(options: {
  readonly freshness?: unknown;
  readonly only?: Tier | undefined;
}): boolean {
  return options.freshness === undefined && options.only !== 'shared';
}

const WITHOUT_MEMORY = ['memory', 'staleWhileRevalidate', 'staleIfError', 'refreshAhead'] as const;

/** What is wrong with an operation that goes without the shared tier; `tiers`: its cache's, where that is known. */
export function tierProblem(
  options: TierOptions & FreshnessOptions,
  tiers: readonly Tier[] = ['memory'],
): string | undefined {
  if (options.shared !== false) return undefined;
  const clash = WITHOUT_MEMORY.filter((name) => options[name] !== undefined);
  if (clash.length > 0) {
    return `false leaves this process's copies alone, which are no hits once they expire: leave out ${clash.join(', ')}`;
  }
  if (tiers.includes('memory')) return undefined;
  return 'false leaves no tier: the cache has no copies in memory';
}
