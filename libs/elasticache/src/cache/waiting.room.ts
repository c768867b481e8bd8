import { LRUCache } from 'lru-cache';

import type { Clock } from '../time/clock.js';
import type { Random } from '../time/jitter.js';

/** The next look comes after this share of the time waited so far: late by no more than that. */
const SHARE = 0.1;
const SOONEST_MS = 2;
const LATEST_MS = 100;
/** Foreign loads whose beginning is remembered; a forgotten one is looked after more often. */
const MOST_REMEMBERED = 1_000;

/**
 * Waits for the loads of other processes. All calls of this process that wait for one key look
 * again together, ever more seldom: a second's load is asked after some fifty times, by one
 * question a process.
 */
export class WaitingRoom {
  private sinces: LRUCache<string, number> | undefined;
  private readonly looks = new Map<string, Promise<void>>();

  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  /** Resolves when it is time to look again after the load with that token. */
  nextLook(text: string, token: string): Promise<void> {
    const known = this.looks.get(text);
    if (known !== undefined) return known;
    const look = new Promise<void>((resolve) => {
      setTimeout(() => {
        this.looks.delete(text);
        resolve();
      }, this.delayMs(token));
    });
    this.looks.set(text, look);
    return look;
  }

  private delayMs(token: string): number {
    const now = this.clock.now();
    this.sinces ??= new LRUCache({ max: MOST_REMEMBERED }); // most scopes of most caches never need it
    let since = this.sinces.get(token);
    if (since === undefined) this.sinces.set(token, (since = now));
    const delay = Math.min(Math.max((now - since) * SHARE, SOONEST_MS), LATEST_MS);
    return delay * (0.75 + this.random() / 4);
  }
}
