import type { Evicted } from '../coherence/journal.js';
import type { CacheError } from '../errors/cache.errors.js';
import { CacheUnavailableError } from '../errors/cache.errors.js';
import { Glob } from '../key/glob.js';
import type { CacheStore, Guard } from '../store/cache.store.js';
import type { CachePolicy } from './cache.policy.js';
import type { CacheRecorder, FailureSite } from './cache.recorder.js';

export interface CacheEvictionsParts {
  readonly policy: CachePolicy;
  readonly store: CacheStore;
  readonly recorder: CacheRecorder;
  /** Names the cache in errors. */
  readonly where: string;
  /** Told what has failed, to be made up for. */
  readonly hold: (evicted: Evicted) => void;
}

/** An eviction around a method: its first phase is over. */
export interface EvictionUnderWay {
  /** After the method. How many entries were removed, or undefined if that could not be acknowledged. */
  finish(evicted: Evicted): Promise<number | undefined>;
  /** The method failed. */
  abandon(): Promise<void>;
  /** Something else failed that should have been evicted beside it: what was guarded is invalid when the guard ends. */
  lapse(): void;
}

/** Every invalidation of one cache: done when the tier has acknowledged it, else it has failed and is told. */
export class CacheEvictions {
  constructor(private readonly parts: CacheEvictionsParts) {}

  /**
   * How many entries were removed, or undefined if that could not be acknowledged.
   *
   * @throws CacheUnavailableError for the latter, under `onEvictFailure: 'throw'`
   */
  evict(evicted: Evicted, method?: string): Promise<number | undefined> {
    return this.run(() => this.remove(evicted), siteOf(evicted, method), evicted);
  }

  /**
   * First phase. In strict mode nothing that the method makes untrue is stored until the second; what
   * is removed may be known only then.
   *
   * @throws CacheUnavailableError where that cannot be had: the method must not run
   */
  async begin(known: Evicted | undefined, method?: string): Promise<EvictionUnderWay> {
    const guard = this.parts.policy.strict ? await this.guard(known, method) : undefined;
    if (guard === undefined) {
      return {
        finish: (evicted) => this.evict(evicted, method),
        abandon: async () => undefined,
        lapse: () => undefined,
      };
    }
    return {
      finish: (evicted) =>
        this.run(() => this.conclude(guard, { known, evicted }), siteOf(evicted, method), evicted),
      abandon: async () => {
        await this.run(() => guard.lift(), { operation: 'evict', method });
      },
      lapse: () => guard.lapse(),
    };
  }

  private async guard(known: Evicted | undefined, method?: string): Promise<Guard> {
    const { store, recorder, where } = this.parts;
    try {
      if (known === 'everything') return await store.guard({ everything: true, restore: false });
      if (known === undefined || known instanceof Glob) {
        return await store.guard({ everything: true, restore: true });
      }
      return await store.guard(known);
    } catch (error) {
      recorder.failed(error, siteOf(known ?? 'everything', method));
      throw unprepared(method ?? where, error);
    }
  }

  private async conclude(
    guard: Guard,
    { known, evicted }: { known: Evicted | undefined; evicted: Evicted },
  ): Promise<number> {
    const isGuarded = known === 'everything' || (known !== undefined && 'texts' in known);
    try {
      const removed = isGuarded ? 0 : await this.remove(evicted);
      return removed + (await guard.lift());
    } catch (error) {
      guard.lapse();
      throw error;
    }
  }

  private async remove(evicted: Evicted): Promise<number> {
    const { store } = this.parts;
    if (evicted === 'everything') return store.clear();
    if (!(evicted instanceof Glob)) return store.evict(evicted.texts);
    return evicted.exact === undefined
      ? store.evictMatching(evicted)
      : store.evict([evicted.exact]);
  }

  private async run(
    remove: () => Promise<number>,
    site: FailureSite,
    evicted?: Evicted,
  ): Promise<number | undefined> {
    const { recorder, policy, where, hold } = this.parts;
    try {
      const removed = await remove();
      recorder.evicted(removed, site.key);
      return removed;
    } catch (error) {
      if (evicted !== undefined) hold(evicted);
      recorder.failed(error, site);
      if (policy.onEvictFailure === 'throw') throw unacknowledged(site.method ?? where, error);
      return undefined;
    }
  }
}

/** What a strict write fails with whose first phase was not acknowledged. */
export function unprepared(where: string, cause: unknown): CacheUnavailableError {
  const problem = (cause as CacheError).message;
  return new CacheUnavailableError('CACHE_NOT_GUARDED', { where, problem }, cause);
}

/** What an invalidation that failed is thrown as, under `onEvictFailure: 'throw'`. */
export function unacknowledged(where: string, cause: unknown): CacheUnavailableError {
  const problem = (cause as CacheError).message;
  return new CacheUnavailableError('CACHE_NOT_EVICTED', { where, problem }, cause);
}

function siteOf(evicted: Evicted, method: string | undefined): FailureSite {
  if (evicted === 'everything') return { operation: 'clear', method };
  const texts = evicted instanceof Glob ? [evicted.exact] : evicted.texts;
  return { operation: 'evict', method, key: texts.length === 1 ? texts[0] : undefined };
}
