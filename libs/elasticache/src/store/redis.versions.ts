import { LRUCache } from 'lru-cache';

import { TOKEN_BYTES } from '../codec/entry.versions.js';
import type { Clock } from '../time/clock.js';
import { ENSURE, EXTEND, REMOVE, RESUME, SUSPEND } from './lua.scripts.js';
import type { ScriptItem, ScriptRunner } from './script.runner.js';
import { newToken } from './token.js';

/** How long a version lives that no entry has asked more of yet. */
const FIRST_LIFE_MS = 10 * 60_000;

/** Version keys whose expiry is remembered; one that is forgotten is prolonged once too often. */
const MOST_REMEMBERED = 10_000;

/**
 * The versions of caches and tags, each a random token under a key of its own. Removing the key is
 * the invalidation, whatever bears the old token: it works where memory is full, and a version lost
 * in any other way invalidates, too. The next reader makes a new one. A version outlives the
 * entries that depend on it: it gets twice the life of the longest-lived.
 */
export class RedisVersions {
  /** Until when a version lives at least, by its key. */
  private readonly until = new LRUCache<string, { token: string; until: number }>({
    maxSize: MOST_REMEMBERED, // `max` would take the room of all at once
    sizeCalculation: () => 1,
  });

  constructor(
    private readonly scripts: ScriptRunner,
    private readonly clock: Clock,
  ) {}

  /** The tokens under the keys, made where there are none; undefined for one that is pending. */
  async ensure(keys: readonly string[]): Promise<(string | undefined)[]> {
    const replies = await Promise.all(
      keys.map((key) =>
        this.scripts.run(ENSURE, { keys: [key], arguments: [newToken(), FIRST_LIFE_MS] }),
      ),
    );
    return replies.map((reply) => tokenOf(reply as Buffer));
  }

  /** Lets a version outlive an entry that bears it and is kept for so long from now on. */
  extend(key: string, token: string, lifeMs: number): void {
    const now = this.clock.now();
    const known = this.until.get(key);
    if (known?.token === token && known.until >= now + lifeMs) return;
    const life = Math.max(Math.ceil(2 * lifeMs), FIRST_LIFE_MS);
    this.until.set(key, { token, until: now + life });
    this.scripts
      .run(EXTEND, { keys: [key], arguments: [token, life] })
      .catch(() => this.until.delete(key)); // it ends earlier, and its entries with it
  }

  /** Invalidates all that bears these versions. */
  async remove(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.until.delete(key);
    await this.scripts.insist(
      REMOVE,
      keys.map((key) => ({ keys: [key], arguments: [] })),
    );
  }

  /** Nothing can bear these versions until {@link resume}, or until so long has passed. */
  async suspend(keys: readonly string[], options: SuspendOptions): Promise<void> {
    const { token, lifeMs, restore, renewing } = options;
    const flags = [restore ? '1' : '0', renewing ? '1' : '0'];
    const item = (key: string): ScriptItem => ({
      keys: [key],
      arguments: [token, lifeMs, ...flags],
    });
    await this.scripts.insist(SUSPEND, keys.map(item));
  }

  async resume(keys: readonly string[], token: string): Promise<void> {
    for (const key of keys) this.until.delete(key);
    await this.scripts.insist(
      RESUME,
      keys.map((key) => ({ keys: [key], arguments: [token] })),
    );
  }
}

export interface SuspendOptions {
  /** The writer's. */
  readonly token: string;
  readonly lifeMs: number;
  /** What was valid before is so again afterwards, if every writer ends in time. */
  readonly restore: boolean;
  readonly renewing: boolean;
}

/** The token under a version key; undefined where there is none, or it is pending. */
export function tokenOf(bytes: Buffer | null): string | undefined {
  return bytes?.length === TOKEN_BYTES ? bytes.toString('latin1') : undefined;
}
