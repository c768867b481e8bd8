import type { Journal } from '../coherence/journal.js';
import type { Guard } from '../store/cache.store.js';
import type { TagStore } from '../store/tag.store.js';
import { unacknowledged, unprepared } from './cache.evictions.js';
import type { CacheRecorder } from './cache.recorder.js';

export interface TagEvictionsParts {
  /** Of the caches in this process's memory. */
  readonly memory: TagStore;
  /** Of the caches in Redis. */
  readonly shared: TagStore;
  /** Whether entries of a strict cache may bear any tag. */
  readonly strict: () => boolean;
  readonly onEvictFailure: 'journal' | 'throw';
  readonly recorder: CacheRecorder;
  readonly journal: Pick<Journal, 'noteTags' | 'noteAll'>;
}

/** An eviction of tags around a method: its first phase is over. */
export interface TagEvictionUnderWay {
  /** After the method. False where it could not be acknowledged. */
  finish(tags: readonly string[]): Promise<boolean>;
  /** The method failed. */
  abandon(): Promise<void>;
}

/** What an eviction is part of, and how what has failed is held. */
interface Made {
  readonly method?: string | undefined;
  readonly hold: () => void;
}

/** Evicts by tag, in all caches of the application at once. */
export class TagEvictions {
  constructor(private readonly parts: TagEvictionsParts) {}

  /** Where failures of evictions that name no cache are told. */
  get recorder(): CacheRecorder {
    return this.parts.recorder;
  }

  /**
   * True once acknowledged by every tier.
   *
   * @throws CacheUnavailableError where it was not, under `onEvictFailure: 'throw'`
   */
  async evict(tags: readonly string[], method?: string): Promise<boolean> {
    if (tags.length === 0) return true;
    const { memory, shared } = this.parts;
    const evict = async () => {
      try {
        await shared.evict(tags);
      } finally {
        await memory.evict(tags);
      }
    };
    return this.run(evict, this.made(tags, method));
  }

  /** As {@link evict}, in all scopes; by the tags themselves. */
  evictEverywhere(tags: readonly string[]): Promise<boolean> {
    const { memory, shared, journal } = this.parts;
    const evict = async () => {
      try {
        await shared.evictEverywhere(tags);
      } finally {
        await memory.evictEverywhere(tags);
      }
    };
    return this.run(evict, { hold: () => journal.noteAll() });
  }

  /**
   * First phase, which only strict mode has. Tags that are not known yet cannot be guarded.
   *
   * @throws CacheUnavailableError where it was not acknowledged: the method must not run
   */
  async begin(known: readonly string[] | undefined, method?: string): Promise<TagEvictionUnderWay> {
    const { shared, strict, recorder } = this.parts;
    const plain = { finish: (tags: readonly string[]) => this.evict(tags, method) };
    if (known === undefined || known.length === 0 || !strict()) {
      return { ...plain, abandon: async () => undefined };
    }
    let guard: Guard;
    try {
      guard = await shared.guard(known);
    } catch (error) {
      recorder.failed(error, { operation: 'evict', method });
      throw unprepared(method ?? 'evictTags', error);
    }
    return {
      finish: (tags) => this.conclude(guard, tags, method),
      abandon: async () => {
        await this.run(() => guard.lift(), this.made([], method));
      },
    };
  }

  private async conclude(guard: Guard, tags: readonly string[], method?: string): Promise<boolean> {
    const evict = async () => {
      try {
        await guard.lift();
      } finally {
        guard.lapse();
        await this.parts.memory.evict(tags);
      }
    };
    return this.run(evict, this.made(tags, method));
  }

  private made(tags: readonly string[], method: string | undefined): Made {
    return { method, hold: () => this.parts.journal.noteTags(tags) };
  }

  private async run(evict: () => Promise<unknown>, { method, hold }: Made): Promise<boolean> {
    const { recorder, onEvictFailure } = this.parts;
    try {
      await evict();
      recorder.evicted(0);
      return true;
    } catch (error) {
      hold();
      recorder.failed(error, { operation: 'evict', method });
      if (onEvictFailure === 'throw') throw unacknowledged(method ?? 'evictTags', error);
      return false;
    }
  }
}
