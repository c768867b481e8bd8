import { plainTag } from '../key/tag.names.js';
import type { Ask } from '../store/cache.store.js';
import type { CacheExplanation } from './cache.js';
import type { NamedCache } from './named.cache.js';

/** What a lookup would find under the key, and what stands beside it. */
export async function explain(cache: NamedCache, ask: Ask): Promise<CacheExplanation> {
  const { look, key, lease, versions } = await cache.store.inspect(ask);
  const copy = cache.copyOf(ask.text);
  const entry = copy ?? look.entry;
  const parts = { ...cache.place, cache: cache.name, key: cache.recorder.told(ask.text) };
  const tier = copy === undefined ? cache.kind : 'memory';
  const common = { key, parts, tier, versions, lease } as const;
  const freshness = entry === undefined ? 'dead' : cache.freshnessOf(entry, {});
  const isPending = cache.isPending({ ...ask, tags: entry?.tags ?? look.tags ?? ask.tags });
  if (entry === undefined || freshness === 'dead' || isPending) {
    const reason = entry === undefined ? look.miss! : 'expired';
    const found = reason === 'absent' ? cache.recorder.whyAbsent(ask.text) : reason;
    const miss = isPending ? 'eviction pending' : found;
    return {
      ...common,
      found: 'miss',
      miss,
      tags: (entry?.tags ?? look.tags ?? ask.tags).map(plainTag),
    };
  }
  const now = cache.clock.now();
  return {
    ...common,
    found: freshness === 'stale' ? 'stale' : 'fresh',
    ageMs: now - entry.createdAt,
    remainingMs: entry.expiresAt - now,
    tags: (entry.tags ?? []).map(plainTag),
  };
}
