import type { View } from '../store/cache.store.js';
import { newToken } from '../store/token.js';
import { ManyFailures } from './cache.recorder.js';
import { isValid } from './read.load.js';
import {
  type Batch,
  flightOf,
  giveUp,
  type Joined,
  type Loading,
  loadMissing,
  type Part,
  seatIn,
  targetOf,
} from './read.load.many.js';
import { delivered, handedOut, type Outcome, type Target } from './read.target.js';

/** The load that the call itself runs, beside which it waits for others. */
export interface OwnLoad {
  state: 'running' | 'done' | 'failed';
}

/** Keys that a round claims of those that other processes load. */
const MOST_TRIED = 64;

/** A load that ended without a value for the key: there is none. */
const NOT_THERE: Outcome = { value: undefined, own: false };

/** Fills in what others load, and what they leave. Answers with what is to be loaded unstored. */
export async function awaitOthers(batch: Batch, loading: Loading, own: OwnLoad): Promise<number[]> {
  const others = new Others(batch, loading, own);
  for (const [i, share] of loading.shares) {
    if (share.kind === 'join') others.join(i, share);
    if (share.kind === 'wait') others.holders.set(i, share.token);
  }
  return others.wait();
}

/**
 * The keys of a batch that others load. Those of other processes are looked after together, round by
 * round. What such a load leaves, because it failed or was evicted, is claimed, and all that is won in
 * a round is loaded at once: a lease that waited for other keys could have two processes wait for each
 * other. So nothing is claimed while the call's own load runs, and the method runs once at a time.
 */
class Others {
  /** The token of the load that has each key; none where it is looked for at once. */
  readonly holders = new Map<number, string>();
  private readonly left: number[] = [];
  private readonly joins: Promise<void>[] = [];
  /** Where among the keys the next round claims. */
  private tried = 0;

  constructor(
    private readonly batch: Batch,
    private readonly loading: Loading,
    private readonly own: OwnLoad,
  ) {}

  join(i: number, joined: Joined): void {
    const landing = this.take(i, joined);
    landing.catch(() => undefined); // told at the end of the wait
    this.joins.push(landing);
  }

  async wait(): Promise<number[]> {
    try {
      await Promise.all([...this.joins, this.rounds()]);
      await Promise.all(this.joins);
      return this.left;
    } catch (error) {
      this.own.state = 'failed'; // nothing more is loaded for a call that has failed
      throw error;
    }
  }

  private async rounds(): Promise<void> {
    const { cache } = this.batch.parts[0]!;
    const until = cache.clock.now() + cache.policy.waitMs;
    while (this.holders.size > 0 && this.own.state !== 'failed') {
      await this.nextRound();
      const views = await this.look(cache.clock.now() >= until);
      if (this.own.state !== 'done') continue;
      const won = await this.claimFree(views);
      if (won.length > 0) await loadMissing(this.batch, won, this.loading);
    }
  }

  private async nextRound(): Promise<void> {
    const { cache } = this.batch.parts[0]!;
    const [first] = this.holders;
    const isAtOnce = [...this.holders.values()].includes('');
    if (!isAtOnce) await cache.waitingRoom.nextLook(this.target(first![0]).ask.text, first![1]);
  }

  /** Takes what has come, and answers with the views of what has not. */
  private async look(isLast: boolean): Promise<ReadonlyMap<number, View>> {
    const views = new Map<number, View>();
    const failures = this.failures('get');
    const looks = [...this.holders].map(async ([i, token]) => {
      const target = this.target(i);
      const finding = await target.cache.lookAgain(target.ask, target.options, failures.note);
      const outcome = isValid(finding) ? await handedOut(target, finding) : undefined;
      if (outcome !== undefined) this.bring(i, outcome);
      else if (isValid(finding) || finding.view === undefined || isLast) this.leave(i);
      else {
        views.set(i, finding.view);
        if (token === '') this.holders.set(i, newToken()); // found wanting once: not at once again
      }
    });
    await Promise.all(looks);
    failures.tell();
    return views;
  }

  /** Of many keys some are claimed in turn, to see whether they are free yet; where one is, so may be the others. */
  private async claimFree(views: ReadonlyMap<number, View>): Promise<number[]> {
    const all = [...views];
    const from = this.tried % Math.max(all.length, 1);
    const some = all.slice(from, from + MOST_TRIED);
    this.tried = from + some.length;
    const won = await this.claim(some);
    if (won.length === 0) return won;
    try {
      const others = [...all.slice(0, from), ...all.slice(from + MOST_TRIED)];
      return [...won, ...(await this.claim(others))];
    } catch (error) {
      this.giveUp(won, error);
      throw error;
    }
  }

  private async claim(views: readonly (readonly [number, View])[]): Promise<number[]> {
    const won: number[] = [];
    if (views.length === 0) return won;
    const failures = this.failures('put');
    const claims = views.map(async ([i, view]) => {
      if (await this.wins(i, view, failures.note)) won.push(i);
    });
    const settled = await Promise.allSettled(claims);
    try {
      for (const claim of settled) if (claim.status === 'rejected') throw claim.reason;
      failures.tell();
      if (this.own.state === 'done') return won;
      this.giveUp(won, undefined); // the call has failed meanwhile
      return [];
    } catch (error) {
      this.giveUp(won, error);
      throw error;
    }
  }

  private giveUp(won: readonly number[], reason: unknown): void {
    const { cache } = this.batch.parts[0]!;
    for (const i of won) giveUp(cache, this.loading.shares.get(i)!, reason);
  }

  private failures(operation: 'get' | 'put'): ManyFailures {
    const [part] = this.batch.parts as [Part];
    const [first] = this.holders.keys();
    const { method } = part.optionsOf(first!);
    return new ManyFailures(part.cache.recorder, { operation, method });
  }

  private async wins(i: number, view: View, failed: ManyFailures['note']): Promise<boolean> {
    const { batch } = this;
    const { cache, ask, options } = this.target(i);
    const flight = flightOf(batch);
    const token = newToken();
    const attempt = { flight, token, method: options.method, failed };
    const claim = await cache.claim(ask, view, attempt);
    if (claim?.kind === 'won') {
      this.holders.delete(i);
      this.loading.shares.set(i, { kind: 'load', flight, lease: claim.lease });
      return true;
    }
    if (claim?.kind === 'changed') {
      this.holders.set(i, token); // it is stored again and again: not at once
      return false;
    }
    if (claim?.kind !== 'held') {
      this.leave(i);
      return false;
    }
    const known = cache.flights.get(claim.token);
    const isCurrent = known?.lease && (await cache.store.isCurrent(known.lease, view));
    if (known?.isOver) {
      this.holders.set(i, ''); // meanwhile
      return false;
    }
    const joined = isCurrent ? seatIn(known, cache, batch) : undefined;
    if (joined !== undefined) {
      this.holders.delete(i);
      this.join(i, joined);
    } else if (known !== undefined || !claim.waits) this.leave(i);
    else this.holders.set(i, claim.token);
    return false;
  }

  private async take(i: number, joined: Joined): Promise<void> {
    const outcome = await landedIn(this.target(i), joined);
    if (outcome === undefined) this.left.push(i);
    else if (outcome !== NOT_THERE) this.bring(i, outcome);
  }

  private bring(i: number, outcome: Outcome): void {
    const { cache, ask } = this.target(i);
    this.holders.delete(i);
    cache.recorder.coalesced(ask.text);
    this.loading.results[i] = outcome;
  }

  private leave(i: number): void {
    this.holders.delete(i);
    this.left.push(i);
  }

  private target(i: number): Target {
    return targetOf(this.batch, this.batch.parts[0]!, i);
  }
}

async function landedIn(target: Target, { flight, landing }: Joined): Promise<Outcome | undefined> {
  const { cache, ask, options } = target;
  const loaded = await landing;
  if (loaded === undefined) return undefined;
  if (flight.isNested) {
    const finding = await cache.lookAgain(ask, options);
    return isValid(finding) ? handedOut(target, finding) : undefined;
  }
  if (loaded.absent) return NOT_THERE;
  return (await delivered(target, loaded)) ?? { ...loaded, own: false };
}
