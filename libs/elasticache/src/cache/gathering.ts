import { type FreshnessPolicy, isSameFreshness } from '../entry/freshness.js';
import type { SingleFlight } from './cache.policy.js';
import type { Loaded } from './flight.js';
import type { Finding } from './finding.js';
import { isHit, type Outcome, type Target } from './read.target.js';

/** A call that takes part in another's. */
interface Follower {
  readonly target: Target;
  /** With nothing where waiting took too long. */
  readonly resolve: (outcome: Outcome | undefined) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A call whose look is not sent yet, and those who came for the same key before it was: a thousand
 * of them cost one look, one claim and one wait.
 */
export class Gathering {
  /** What the leader's look brought. */
  finding: Finding | undefined;
  /** What the leader's call comes to. */
  outcome: Promise<Outcome> | undefined;
  private followers: Follower[] | undefined;

  constructor(
    readonly text: string,
    private readonly freshness: FreshnessPolicy | undefined,
    private readonly sharing: SingleFlight,
  ) {}

  isOpenTo(freshness: FreshnessPolicy | undefined, sharing: SingleFlight): boolean {
    return this.sharing === sharing && isSameFreshness(this.freshness, freshness);
  }

  /** What the leader's call brings, counted as if it had been the follower's own; what `late` brings where that takes too long. */
  follow(target: Target, late: () => Promise<Outcome>): Promise<Outcome> {
    const followers = (this.followers ??= this.wait(target));
    const outcome = new Promise<Outcome | undefined>((resolve, reject) => {
      followers.push({ target, resolve, reject });
    });
    return outcome.then((came) => came ?? late()); // in the follower's own async context
  }

  /** One wait for all, since they came in one turn. The copies are made before the leader's caller has the value, who may change it. */
  private wait({ cache }: Target): Follower[] {
    const followers: Follower[] = [];
    const landing = this.outcome!.then((outcome) => {
      const copies = followers.map(() => cache.copyForJoiner(outcome.value));
      return { ...outcome, value: copies };
    });
    cache.patiently({ landing, leave: () => undefined }).then(
      (loaded) => this.hand(loaded, followers),
      (error: Error) => {
        for (const { target, reject } of followers) {
          this.count(target);
          reject(error);
        }
      },
    );
    return followers;
  }

  private hand(loaded: Loaded | undefined, followers: readonly Follower[]): void {
    const isPlain = !loaded?.emissions && !loaded?.stale;
    for (const [i, { target, resolve }] of followers.entries()) {
      this.count(target);
      if (loaded === undefined) {
        resolve(undefined);
        continue;
      }
      if (loaded.stale) target.cache.servedStale(target.ask.text);
      const value = (loaded.value as unknown[])[i];
      resolve(isPlain ? { value, own: false } : { ...loaded, value, own: false });
    }
  }

  private count(target: Target): void {
    const { finding } = this;
    if (finding === undefined) return;
    const { cache, ask } = target;
    const { recorder } = cache;
    if (isHit(target, finding)) {
      if (finding.freshness !== 'stale') recorder.hit(ask.text, cache.kind);
      return;
    }
    if (finding.miss !== undefined) recorder.miss(ask.text, finding.miss);
    recorder.coalesced(ask.text);
  }
}
