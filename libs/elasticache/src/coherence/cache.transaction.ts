import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';

import type { Glob } from '../key/glob.js';

/** What a write in a unit of work changes of one cache: one entry, those that match, or all. */
export type Touched = { readonly text: string } | Glob | 'everything';

/** A write that waits for its unit of work to end. */
export interface Enlisted {
  /** Rejects where the failure is to be seen by whoever commits. */
  commit(): Promise<unknown>;
  rollback(): Promise<unknown>;
}

interface Concealed {
  everything: boolean;
  readonly texts: Set<string>;
  readonly globs: Glob[];
}

const storage = new AsyncLocalStorage<CacheTransaction>();
/** Units under way; the storage is off while there are none, for it makes every promise of the process dearer. */
let open = 0;

/**
 * A unit of work: puts and evictions made within it wait until it commits, and are dropped when it
 * rolls back. Meanwhile other readers are kept from storing the entries it changes, and its own
 * reads load them. Begin it around the database's transaction, so that it ends after the commit.
 * (Spring: `TransactionAwareCacheDecorator`.)
 *
 * @example
 * await CacheTransaction.run(() => db.transaction((tx) => moveArticle(tx, 7)));
 */
export class CacheTransaction {
  private readonly enlisted: Enlisted[] = [];
  private readonly concealed = new Map<object, Concealed>();
  private readonly tags = new Set<string>();
  private state: 'open' | 'committed' | 'rolled back' = 'open';

  private constructor() {
    open++;
  }

  /**
   * Commits when `work` resolves and rolls back when it throws. Within another unit of work it is
   * part of that one.
   *
   * @throws what `work` throws; `CacheUnavailableError` where an eviction failed under `onEvictFailure: 'throw'`
   */
  static async run<T>(work: () => Promise<T> | T): Promise<T> {
    if (CacheTransaction.current() !== undefined) return work();
    const unit = CacheTransaction.begin();
    let result: T;
    try {
      result = await unit.run(work);
    } catch (error) {
      await unit.rollback().catch(() => undefined); // told to the error handler; the work's own error wins
      throw error;
    }
    await unit.commit();
    return result;
  }

  /**
   * A unit of work whose end somebody else knows: call `commit` or `rollback` from the hooks of an ORM.
   *
   * @example
   * const unit = CacheTransaction.begin();
   * runOnTransactionCommit(() => unit.commit());
   * runOnTransactionRollback(() => unit.rollback());
   * await unit.run(() => articles.rename(7, title));
   */
  static begin(): CacheTransaction {
    return new CacheTransaction();
  }

  /** @internal Whether any code may be part of a unit of work. */
  static get isAnyOpen(): boolean {
    return open > 0;
  }

  /** @internal The unit of work that the running code is part of. */
  static current(): CacheTransaction | undefined {
    const unit = open > 0 ? storage.getStore() : undefined;
    return unit?.state === 'open' ? unit : undefined;
  }

  /** @internal Runs what is no part of the unit, though begun in it. */
  static outside<T>(work: () => T): T {
    return open > 0 ? storage.exit(work) : work();
  }

  /** Runs work as part of this unit, without ending it. */
  async run<T>(work: () => Promise<T> | T): Promise<T> {
    return storage.run(this, async () => work());
  }

  /** Applies what was collected; each failure is told to the error handler. */
  async commit(): Promise<void> {
    await this.end('committed', ({ commit }) => commit());
  }

  /** Drops what was collected. */
  async rollback(): Promise<void> {
    await this.end('rolled back', ({ rollback }) => rollback());
  }

  /**
   * @internal Takes in a write; one that was still being prepared when the unit ended ends as the unit
   * did. It ends in the context it was made in, whoever commits: its options may ask on whose behalf.
   */
  async enlist(write: Enlisted): Promise<void> {
    if (this.state === 'open') {
      const commit = AsyncResource.bind(() => write.commit());
      this.enlisted.push({ commit, rollback: () => write.rollback() });
    } else await (this.state === 'committed' ? write.commit() : write.rollback());
  }

  /** @internal From now on own reads load what was touched. */
  conceal(cache: object, touched: Touched): void {
    let known = this.concealed.get(cache);
    if (known === undefined) {
      known = { everything: false, texts: new Set(), globs: [] };
      this.concealed.set(cache, known);
    }
    if (touched === 'everything') known.everything = true;
    else if ('text' in touched) known.texts.add(touched.text);
    else known.globs.push(touched);
  }

  /** @internal */
  concealTags(tags: readonly string[]): void {
    for (const tag of tags) this.tags.add(tag);
  }

  /** @internal Whether own reads must not see an entry. */
  conceals(cache: object, text: string, tags: readonly string[] = []): boolean {
    if (tags.some((tag) => this.tags.has(tag))) return true;
    const known = this.concealed.get(cache);
    if (known === undefined) return false;
    return (
      known.everything || known.texts.has(text) || known.globs.some((glob) => glob.matches(text))
    );
  }

  private async end(
    state: 'committed' | 'rolled back',
    conclude: (write: Enlisted) => Promise<unknown>,
  ): Promise<void> {
    if (this.state !== 'open') return;
    this.state = state;
    const failures: unknown[] = [];
    // One after another, as they were made.
    for (const write of this.enlisted) {
      await conclude(write).catch((error: unknown) => failures.push(error));
    }
    if (--open === 0) storage.disable();
    if (failures.length > 0) throw failures[0];
  }
}
