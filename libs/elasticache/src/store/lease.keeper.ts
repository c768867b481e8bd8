/** How long a lease lives without being renewed. It decides how long others wait, never what is right. */
export const LEASE_MS = 5_000;

/**
 * How long a strict write's barrier lives without being renewed: no shorter than a statement may take
 * in the database of a process that has died.
 */
export const BARRIER_MS = 30_000;

/** How long a load that stored nothing keeps others from waiting for the next one. */
export const MARK_MS = 1_000;

const EVERY_MS = LEASE_MS / 3;

/** What is renewed until its work is done: a link of the keeper's ring, which is cheaper than a table of tokens. */
export class Renewal {
  previous: Renewal = this;
  next: Renewal = this;
  private underWay: Promise<unknown> | undefined;

  constructor(
    /** What cannot be renewed ends by itself, and the protocol bears it: a rejection is for nobody. */
    private readonly renew: () => Promise<unknown>,
  ) {}

  begin(): void {
    this.underWay ??= this.renew()
      .catch(() => undefined)
      .finally(() => (this.underWay = undefined));
  }

  /** No more. The renewal under way, if there is one: what ends a barrier waits for it, lest it be raised again. */
  end(): Promise<unknown> | undefined {
    this.previous.next = this.next;
    this.next.previous = this.previous;
    this.previous = this.next = this;
    return this.underWay;
  }
}

/** Renews what is held, at a third of the life of a lease; one timer for all. */
export class LeaseKeeper {
  /** Where the ring begins and ends. */
  private readonly head = new Renewal(async () => undefined);
  private timer: NodeJS.Timeout | undefined;

  keep(renew: () => Promise<unknown>): Renewal {
    const { head } = this;
    const renewal = new Renewal(renew);
    renewal.previous = head.previous;
    renewal.next = head;
    head.previous.next = renewal;
    head.previous = renewal;
    this.timer ??= setInterval(() => this.renewAll(), EVERY_MS).unref();
    return renewal;
  }

  private renewAll(): void {
    if (this.head.next === this.head) {
      clearInterval(this.timer);
      this.timer = undefined;
    }
    for (let held = this.head.next; held !== this.head; held = held.next) held.begin();
  }
}
