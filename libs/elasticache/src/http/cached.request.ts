import { NEVER, type Observable } from 'rxjs';

import { Flight } from '../cache/flight.js';
import type { Entry } from '../entry/cache.entry.js';
import type { Claim } from '../store/cache.store.js';
import { newToken } from '../store/token.js';
import { type Account, sendHit, sendStored, timesOf } from './answer.js';
import { cacheStatus, type Forward } from './cache.status.js';
import { suits } from './client.demands.js';
import { answerOf, EntrySearch, type Seen } from './entry.search.js';
import type { Exchange } from './exchange.js';
import { HandlerLoad, type Under, wasRefused } from './handler.load.js';
import type { ReadParts } from './read.parts.js';
import type { RoutePlan } from './route.plan.js';
import { shown } from './shown.js';
import { forbidsStale } from './storability.js';
import { fieldOf, type StoredResponse } from './stored.response.js';

/** Times that something else was found than before, after which the handler runs and nothing is stored. */
const MOST_CHANGES = 5;

/** One request that memory had no plain hit for. */
export class CachedRequest {
  private readonly search: EntrySearch;
  private collapsed = false;

  constructor(private readonly parts: ReadParts) {
    this.search = new EntrySearch(parts);
  }

  /** Answers, or says what is left for Nest to do. */
  async run(): Promise<Observable<unknown>> {
    const seen = await this.search.first();
    const { finding } = seen;
    const { demands, exchange, plan } = this.parts;
    const entry = this.search.fitting(finding);
    const isFresh = finding.freshness === 'fresh' || finding.freshness === 'due';
    if (entry !== undefined && isFresh && this.suits(entry)) return this.hit(seen, entry);
    if (entry !== undefined && !isFresh && this.mayServeStale(entry))
      return this.stale(seen, entry);
    if (demands?.onlyIfCached) return this.refuse();
    if (exchange.method === 'HEAD') return this.pass(this.forwardOf(seen));
    const isForced = entry !== undefined && isFresh;
    if (isForced || demands?.noStore)
      return this.loading().run(seen, await this.leaseAtOnce(seen), 'request');
    return this.obtain(seen, plan);
  }

  /** Claims the right to store, or waits for who has it. */
  private async obtain(first: Seen, plan: RoutePlan): Promise<Observable<unknown>> {
    const { cache } = this.parts.place;
    const forward = this.forwardOf(first);
    const until = cache.clock.now() + cache.policy.waitMs;
    let seen = first;
    let replaced: string | undefined;
    for (let changes = 0; changes < MOST_CHANGES && seen.finding.view !== undefined;) {
      const flight = new Flight(true);
      const { ask, finding } = seen;
      const attempt = { flight, token: newToken(), replaced, method: plan.method };
      const claim = await cache.claim(ask, finding.view!, attempt);
      replaced = undefined;
      if (claim?.kind === 'won')
        return this.loading().run(seen, { flight, lease: claim.lease }, forward);
      const step = await this.wait(claim, { seen, until });
      if (step === 'unstored') break;
      if (typeof step === 'object') {
        replaced = step.replaced;
        continue;
      }
      if (step === 'changed') changes++;
      seen = await this.search.again();
      const entry = this.search.fitting(seen.finding);
      const isFresh = seen.finding.freshness === 'fresh' || seen.finding.freshness === 'due';
      if (entry !== undefined && isFresh) return this.collapse(entry, { seen, forward });
    }
    return this.loading().run(seen, undefined, forward);
  }

  /** What a claim that was not won leaves to do. */
  private async wait(
    claim: Claim | undefined,
    { seen, until }: { seen: Seen; until: number },
  ): Promise<'unstored' | 'again' | 'changed' | { replaced: string }> {
    const { cache } = this.parts.place;
    if (claim === undefined || claim.kind === 'barred' || claim.kind === 'won') return 'unstored';
    if (claim.kind === 'changed') return 'changed';
    const { ask, finding } = seen;
    const known = cache.flights.get(claim.token);
    if (known?.lease && !(await cache.store.isCurrent(known.lease, finding.view!))) {
      return { replaced: claim.token };
    }
    const sharing = cache.sharingOf({});
    // Whoever sends credentials waits for nothing that would not be his.
    if (sharing === false || this.parts.isAuthorised || cache.clock.now() >= until)
      return 'unstored';
    if (known !== undefined) {
      await cache.patiently(known.join((value) => value));
      this.collapsed = true;
      return known.isOver && !wasRefused(known) ? 'again' : 'unstored';
    }
    if (sharing !== 'distributed' || !claim.waits) return 'unstored';
    await cache.waitingRoom.nextLook(ask.text, claim.token);
    this.collapsed = true;
    return 'again';
  }

  private suits(entry: Entry): boolean {
    const { demands } = this.parts;
    return demands === undefined || suits(demands, timesOf(answerOf(entry), this.now));
  }

  private mayServeStale(entry: Entry): boolean {
    const { demands } = this.parts;
    const [, , staleWhileRevalidateMs] = (entry.value as StoredResponse)[3];
    const isWanted = demands?.maxStale !== undefined && this.suits(entry);
    if (isWanted && !forbidsStale(fieldOf(entry.value as StoredResponse, 'cache-control')))
      return true;
    const isWithin = this.now < entry.expiresAt + staleWhileRevalidateMs;
    const { noCache = false, maxAge, minFresh } = demands ?? {};
    return isWithin && !noCache && maxAge === undefined && minFresh === undefined;
  }

  private forwardOf({ finding }: Seen): Forward {
    const { demands, isKnown } = this.parts;
    const { entry } = finding;
    if (entry === undefined) return isKnown ? 'vary-miss' : 'uri-miss';
    if (this.search.fitting(finding) === undefined)
      return this.parts.isAuthorised ? 'bypass' : 'vary-miss';
    return demands?.noCache ? 'request' : 'stale';
  }

  private hit(seen: Seen, entry: Entry): Observable<unknown> | Promise<Observable<unknown>> {
    const renewal = seen.finding.freshness === 'due' ? this.loading() : undefined;
    sendHit(this.parts.exchange, answerOf(entry), this.now);
    return renewal === undefined ? this.shown(entry) : this.reload(seen, entry, renewal);
  }

  private stale(seen: Seen, entry: Entry): Promise<Observable<unknown>> {
    const { place } = this.parts;
    const renewal = this.loading();
    const { ttl } = timesOf(answerOf(entry), this.now);
    this.send(entry, { verdict: 'STALE', handling: { kind: 'hit', ttl } });
    place.cache.recorder.hit(seen.ask.text, place.cache.kind);
    place.cache.servedStale(seen.ask.text);
    return this.reload(seen, entry, renewal);
  }

  /** The client has its answer; what is left of its request makes a new one, unless somebody does. */
  private async reload(
    seen: Seen,
    entry: Entry,
    renewal: HandlerLoad,
  ): Promise<Observable<unknown>> {
    const { exchange, isAuthorised, place } = this.parts;
    const { cache } = place;
    const { text } = seen.ask;
    await sentOut(exchange);
    const isBusy = cache.loads.isFull || cache.refreshing.has(text);
    // What comes of a HEAD, or of credentials, is nothing for others.
    const isUnfit = exchange.method === 'HEAD' || isAuthorised;
    if (isBusy || isUnfit) return this.shown(entry);
    cache.refreshing.add(text);
    const under = await this.leaseAtOnce(seen).catch(() => undefined);
    if (under === undefined) {
      cache.refreshing.delete(text);
      return this.shown(entry);
    }
    return renewal.run(seen, { ...under, isAnswered: true }, 'stale');
  }

  /** To be made before anything is sent: it takes note of what stands on the response. */
  private loading(): HandlerLoad {
    return new HandlerLoad(this.parts, this.search);
  }

  private async leaseAtOnce({ ask, finding }: Seen): Promise<Under | undefined> {
    const { cache } = this.parts.place;
    if (finding.view === undefined || this.parts.demands?.noStore) return undefined;
    const flight = new Flight(true);
    const { method } = this.parts.plan;
    const claim = await cache.claim(ask, finding.view, { flight, token: newToken(), method });
    return claim?.kind === 'won' ? { flight, lease: claim.lease } : undefined;
  }

  /** The answer of a load that this request waited for. */
  private collapse(entry: Entry, { seen, forward }: { seen: Seen; forward: Forward }) {
    const { place } = this.parts;
    place.cache.recorder.coalesced(seen.ask.text);
    const [status] = entry.value as StoredResponse;
    const handling = { kind: 'forward', forward, status, collapsed: this.collapsed } as const;
    this.send(entry, { verdict: 'MISS', handling });
    return this.shown(entry);
  }

  private send(entry: Entry, account: Account): void {
    sendStored(this.parts.exchange, answerOf(entry), { account, now: this.now });
  }

  private shown(entry: Entry): Observable<unknown> {
    const { plan, exchange, place } = this.parts;
    return plan.hasOuter ? shown(exchange, place.cache, entry) : NEVER;
  }

  /** RFC 9111 §5.2.1.7. */
  private refuse(): Observable<unknown> {
    const { exchange } = this.parts;
    const { response } = exchange;
    const status = cacheStatus({ kind: 'answer', detail: 'only-if-cached' });
    response
      .writeHead(504, ['content-length', '0', 'cache-status', status, 'x-cache', 'MISS'])
      .end();
    return NEVER;
  }

  private pass(forward: Forward): Observable<unknown> {
    const { next, maker, exchange, plan } = this.parts;
    maker.announce(exchange, { verdict: 'MISS', handling: { kind: 'forward', forward } }, plan);
    return next.handle();
  }

  private get now(): number {
    return this.parts.place.cache.clock.now();
  }
}

/** Others may be at work on it yet, compressing, with the response that a renewal takes over. */
async function sentOut({ response }: Exchange): Promise<void> {
  if (response.writableEnded) return;
  await new Promise((resolve) => {
    response.once('finish', resolve);
    response.once('close', resolve);
  });
}
