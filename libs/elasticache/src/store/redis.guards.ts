import type { Guard, Guarded } from './cache.store.js';
import { BARRIER_MS, type LeaseKeeper } from './lease.keeper.js';
import type { RedisVersions } from './redis.versions.js';
import type { RedisWrites } from './redis.writes.js';
import { newToken } from './token.js';

interface Suspended {
  readonly versions: RedisVersions;
  readonly keeper: LeaseKeeper;
  /** The version keys that nothing may bear while the write is under way. */
  readonly keys: readonly string[];
  readonly restore: boolean;
}

/** First phase of a strict invalidation, acknowledged or rejected. */
export async function guard(
  guarded: Guarded,
  { writes, ...cache }: Omit<Suspended, 'restore'> & { readonly writes: RedisWrites },
): Promise<Guard> {
  if ('everything' in guarded) return suspend({ ...cache, restore: guarded.restore });
  const token = newToken();
  const renewal = await writes.raise(guarded.texts, token);
  return {
    async lift() {
      await renewal.end();
      return writes.lift(guarded.texts, token);
    },
    lapse: () => void renewal.end(),
  };
}

/** Holds versions pending, and keeps them so until the guard is lifted. */
export async function suspend({ versions, keeper, keys, restore }: Suspended): Promise<Guard> {
  const token = newToken();
  const options = { token, lifeMs: BARRIER_MS, restore };
  await versions.suspend(keys, { ...options, renewing: false });
  const renewal = keeper.keep(() => versions.suspend(keys, { ...options, renewing: true }));
  return {
    async lift() {
      await renewal.end();
      await versions.resume(keys, token);
      return 0;
    },
    lapse: () => void renewal.end(),
  };
}
