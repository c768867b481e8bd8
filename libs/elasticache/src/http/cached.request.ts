import type { CallHandler, ExecutionContext } from '@nestjs/common';
import { NEVER, Observable } from 'rxjs';

import { Flight } from '../cache/flight.js';
import type { Finding } from '../cache/named.cache.js';
import type { Entry } from '../entry/cache.entry.js';
import type { Ask, Claim, Lease } from '../store/cache.store.js';
import { newToken } from '../store/token.js';
import { type Account, type Answer, sendHit, sendStored, timesOf } from './answer.js';
import type { Forward } from './cache.status.js';
import { type ClientDemands, suits } from './client.demands.js';
import {
  type Captured,
  copyFields,
  type Start,
  startOf,
  withLateFields,
} from './detached.response.js';
import type { Exchange } from './exchange.js';
import type { Place } from './place.js';
import { type Passage, runDetached } from './response.loads.js';
import { sendCaptured } from './captured.answer.js';
import type { ResponseMaker } from './response.maker.js';
import type { RoutePlan } from './route.plan.js';
import { shown } from './shown.js';
import type { StoredResponse } from './stored.response.js';

export interface CachedRequestParts {
  readonly plan: RoutePlan;
  readonly context: ExecutionContext;
  readonly next: CallHandler;
  readonly exchange: Exchange;
  readonly place: Place;
  readonly maker: ResponseMaker;
  /** Answers as Nest does. */
  readonly reply: (exchange: Exchange, body: unknown) => unknown;
  readonly demands: ClientDemands | undefined;
  /** It sends credentials, and its route shares nothing that was made for them. */
  readonly isAuthorised: boolean;
  /** The keys it may be answered under, the likeliest first; another list as the route is got to know. */
  readonly texts: () => readonly string[];
  /** The request's keys without a variant had answers before. */
  readonly isKnown: boolean;
  readonly tagsOf: () => readonly string[];
}

/** Times that something else was found than before, after which the handler runs and nothing is stored. */
const MOST_CHANGES = 5;

/** Every stale entry is looked at: how long it may serve is for it to say. */
const ANY_AGE = {
  staleWhileRevalidateMs: Number.POSITIVE_INFINITY,
  staleIfErrorMs: Number.POSITIVE_INFINITY,
} as const;

/** How loads ended that others waited for; those that stored are not here. */
const unstored = new WeakMap<Flight, 'refused' | 'failed'>();

interface Seen {
  readonly ask: Ask;
  readonly finding: Finding;
}

/** One request that memory had no plain hit for. */
export class CachedRequest {
  private collapsed = false;
  /** Before anything of this request's answer stands on it. */
  private readonly start: Start;

  constructor(private readonly parts: CachedRequestParts) {
    this.start = startOf(parts.exchange);
  }

  /** Answers, or says what is left for Nest to do. */
  async run(): Promise<Observable<unknown>> {
    const seen = await this.look();
    const { finding } = seen;
    const { demands, exchange, plan } = this.parts;
    const entry = this.fitting(finding);
    const isFresh = finding.freshness === 'fresh' || finding.freshness === 'due';
    if (entry !== undefined && isFresh && this.suits(entry)) return this.hit(seen, entry);
    if (entry !== undefined && !isFresh && this.mayServeStale(entry))
      return this.stale(seen, entry);
    if (demands?.onlyIfCached) return this.refuse();
    if (exchange.method === 'HEAD') return this.pass(this.forwardOf(seen));
    const isForced = entry !== undefined && isFresh;
    if (isForced || demands?.noStore)
      return this.load(seen, await this.leaseAtOnce(seen), 'request');
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
      if (claim?.kind === 'won') return this.load(seen, { flight, lease: claim.lease }, forward);
      const step = await this.wait(claim, { seen, until });
      if (step === 'unstored') break;
      if (typeof step === 'object') {
        replaced = step.replaced;
        continue;
      }
      if (step === 'changed') changes++;
      seen = await this.lookAgain();
      const entry = this.fitting(seen.finding);
      const isFresh = seen.finding.freshness === 'fresh' || seen.finding.freshness === 'due';
      if (entry !== undefined && isFresh) return this.collapse(entry, { seen, forward });
    }
    return this.load(seen, undefined, forward);
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
    if (known?.lease && !cache.store.isCurrent(known.lease, finding.view!)) {
      return { replaced: claim.token };
    }
    const sharing = cache.sharingOf({});
    // Whoever sends credentials waits for nothing that would not be his.
    if (sharing === false || this.parts.isAuthorised || cache.clock.now() >= until)
      return 'unstored';
    if (known !== undefined) {
      await cache.patiently(known.join((value) => value));
      this.collapsed = true;
      return known.isOver && unstored.get(known) !== 'refused' ? 'again' : 'unstored';
    }
    if (sharing !== 'distributed' || !claim.waits) return 'unstored';
    await cache.waitingRoom.nextLook(ask.text, claim.token);
    this.collapsed = true;
    return 'again';
  }

  /** The first of the keys under which something fits. */
  private async look(): Promise<Seen> {
    const { cache } = this.parts.place;
    const { plan } = this.parts;
    const options = { freshness: this.freshness, method: plan.method };
    return this.lookBy((ask) => cache.findShared(ask, options, (finding) => finding));
  }

  private lookAgain(): Promise<Seen> {
    const { cache } = this.parts.place;
    const options = { freshness: this.freshness, method: this.parts.plan.method };
    return this.lookBy((ask) => cache.lookAgain(ask, options));
  }

  private async lookBy(find: (ask: Ask) => Promise<Finding>): Promise<Seen> {
    const { texts, plan } = this.parts;
    const first = await this.seenAt(texts()[0]!, find);
    if (first.finding.entry !== undefined) this.learn(first.finding.entry);
    let misfit: Seen | undefined;
    for (const text of texts()) {
      const seen = text === first.ask.text ? first : await this.seenAt(text, find);
      if (this.fitting(seen.finding) !== undefined) return seen;
      misfit ??= seen.finding.entry && seen;
    }
    const [likeliest] = texts();
    if (likeliest === first.ask.text || plan.learned.size === 0) return first;
    return this.seenAt(likeliest!, find);
  }

  private async seenAt(text: string, find: (ask: Ask) => Promise<Finding>): Promise<Seen> {
    const ask = this.askOf(text);
    return { ask, finding: await find(ask) };
  }

  private askOf(text: string): Ask {
    const { plan, tagsOf } = this.parts;
    const tags = tagsOf();
    return typeof plan.options.tags === 'function'
      ? { text, tags, lateTags: true }
      : { text, tags };
  }

  /** An entry says what it was selected by, also where another process has made it. */
  private learn(entry: Entry): void {
    const { plan } = this.parts;
    for (const [name] of (entry.value as StoredResponse)[3][5]) {
      if (!plan.vary.includes(name)) plan.learned.add(name);
    }
  }

  private get freshness() {
    return { ...ANY_AGE, refreshAhead: this.parts.place.cache.policy.freshness.refreshAhead };
  }

  /** The entry, where it was made for a request like this one. */
  private fitting({ entry }: Finding): Entry | undefined {
    const { exchange, isAuthorised } = this.parts;
    return entry !== undefined && fits(entry.value as StoredResponse, exchange, isAuthorised)
      ? entry
      : undefined;
  }

  private suits(entry: Entry): boolean {
    const { demands } = this.parts;
    return demands === undefined || suits(demands, timesOf(answerOf(entry), this.now));
  }

  private mayServeStale(entry: Entry): boolean {
    const { demands } = this.parts;
    const [, , staleWhileRevalidateMs] = (entry.value as StoredResponse)[3];
    if (demands !== undefined && !demands.noCache && demands.maxStale !== undefined) {
      if (this.suits(entry)) return true;
    }
    const isWithin = this.now < entry.expiresAt + staleWhileRevalidateMs;
    return isWithin && !demands?.noCache && demands?.maxAge === undefined;
  }

  private forwardOf({ finding }: Seen): Forward {
    const { demands, isKnown } = this.parts;
    const { entry } = finding;
    if (entry === undefined) return isKnown ? 'vary-miss' : 'uri-miss';
    if (this.fitting(finding) === undefined)
      return this.parts.isAuthorised ? 'bypass' : 'vary-miss';
    return demands?.noCache ? 'request' : 'stale';
  }

  private hit(
    { ask, finding }: Seen,
    entry: Entry,
  ): Observable<unknown> | Promise<Observable<unknown>> {
    const { exchange, place } = this.parts;
    if (finding.freshness === 'due') {
      sendHit(exchange, answerOf(entry), this.now);
      return this.reload({ ask, finding }, entry);
    }
    sendHit(exchange, answerOf(entry), this.now);
    return this.shown(entry, place);
  }

  private stale(seen: Seen, entry: Entry): Promise<Observable<unknown>> {
    const { place, exchange } = this.parts;
    const { ttl } = timesOf(answerOf(entry), this.now);
    this.send(entry, { verdict: 'STALE', handling: { kind: 'hit', ttl } });
    place.cache.recorder.hit(seen.ask.text, place.cache.kind);
    place.cache.servedStale(seen.ask.text);
    return exchange.hasSendHooks
      ? sentOut(exchange).then(() => this.reload(seen, entry))
      : this.reload(seen, entry);
  }

  /** The client has its answer; what is left of its request makes a new one, unless somebody does. */
  private async reload(seen: Seen, entry: Entry): Promise<Observable<unknown>> {
    const { place } = this.parts;
    const { cache } = place;
    const { text } = seen.ask;
    const isBusy = cache.loads.isFull || cache.refreshing.has(text) || this.parts.isAuthorised;
    if (isBusy) return this.shown(entry, place);
    cache.refreshing.add(text);
    const under = await this.leaseAtOnce(seen).catch(() => undefined);
    if (under === undefined) {
      cache.refreshing.delete(text);
      return this.shown(entry, place);
    }
    return this.load(seen, { ...under, isAnswered: true }, 'stale');
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
    return this.shown(entry, place);
  }

  /** Runs the handler. Without a lease nothing is stored. */
  private load(seen: Seen, under: Under | undefined, forward: Forward): Observable<unknown> {
    const { exchange, next, place } = this.parts;
    const { cache } = place;
    const { start } = this;
    const { text } = seen.ask;
    const isAnswered = under?.isAnswered ?? false;
    let held = under;
    const lost = (why: 'streamed' | 'left') => {
      this.landed(seen, held, why === 'left' ? 'failed' : 'refused');
      held = undefined;
    };
    const captured = (response: Captured, passage: Passage) => {
      const load = { seen, under: held, forward, passage, isAnswered };
      void this.conclude(response, load);
    };
    const { plan, reply } = this.parts;
    const run = { exchange, next, cache, text, flight: under?.flight, start, isAnswered };
    return runDetached(
      { ...run, reply: plan.hasOuter ? undefined : (body) => reply(exchange, body) },
      { captured, lost },
    );
  }

  private async conclude(whole: Captured, load: Load): Promise<void> {
    const { exchange, place, plan, maker } = this.parts;
    const { seen, under, passage, isAnswered } = load;
    const response = isAnswered ? whole : withLateFields(exchange, whole);
    const isFailure = passage.isBroken || FAILURES.includes(response.status);
    const { stored, detail } = await this.keep(response, load).catch((error: unknown) => {
      const { method } = plan;
      place.cache.recorder.failed(error, { operation: 'put', method, key: seen.ask.text });
      return { stored: undefined, detail: 'failed' };
    });
    if (stored === undefined) this.landed(seen, under, isFailure ? 'failed' : 'refused');
    else this.settled(seen, under);
    if (isAnswered) return;
    const instead = isFailure ? await this.insteadOf(seen) : undefined;
    if (instead !== undefined) return this.sendInstead(instead, { seen, status: response.status });
    const account = this.accountOf(load, { stored, status: response.status, detail });
    sendCaptured(exchange, response, { account, stored, now: this.now, vary: maker.varyOf(plan) });
  }

  private accountOf(
    { forward }: Load,
    { stored, status, detail }: Kept & { readonly status: number },
  ): Account {
    const { isAuthorised, plan } = this.parts;
    const isBypass = isAuthorised && stored === undefined;
    const handling = {
      kind: 'forward',
      forward: isBypass ? 'bypass' : forward,
      status,
      stored: stored !== undefined,
      detail: plan.options.explain ? detail : undefined,
    } as const;
    return { verdict: isBypass ? 'BYPASS' : 'MISS', handling };
  }

  /** The expired response stands in for the failure. */
  private sendInstead(entry: Entry, { seen, status }: { seen: Seen; status: number }): void {
    const { exchange, place } = this.parts;
    const { ttl } = timesOf(answerOf(entry), this.now);
    place.cache.servedStale(seen.ask.text);
    copyFields(this.start.fields, exchange.response);
    const handling = { kind: 'forward', forward: 'stale', status, ttl } as const;
    this.send(entry, { verdict: 'STALE', handling }, true);
  }

  private async keep(response: Captured, { seen, under, passage }: Load): Promise<Kept> {
    const { place, plan, exchange, maker, isAuthorised, context } = this.parts;
    const before = this.start.fields;
    const making = { response, before, passage, place, plan, exchange, isAuthorised, context };
    const made = await maker.make(making);
    if (typeof made === 'string') return { stored: undefined, detail: made };
    if (under === undefined) return { stored: undefined, detail: 'not the one to store it' };
    const { inheritance } = under.flight;
    const { stored, options } = made;
    const { lease } = under;
    const { ask } = seen;
    const loaded = { value: stored };
    const isKept = await place.cache.writes.keep({ ask, lease, loaded, options, inheritance });
    if (!isKept) return { stored: undefined, detail: 'invalidated meanwhile' };
    const createdAt = this.now;
    return { stored: { stored, createdAt, expiresAt: createdAt + made.lifetimeMs } };
  }

  private settled({ ask }: Pick<Seen, 'ask'>, under: Under | undefined): void {
    this.parts.place.cache.refreshing.delete(ask.text);
    under?.flight.land(undefined);
  }

  /** Nothing was stored: who waited goes on without. */
  private landed(
    { ask }: Pick<Seen, 'ask'>,
    under: Under | undefined,
    why: 'refused' | 'failed',
  ): void {
    const { cache } = this.parts.place;
    if (under !== undefined) {
      unstored.set(under.flight, why);
      void cache.writes.release(under.lease, why === 'refused');
    }
    this.settled({ ask }, under);
  }

  /** The expired entry that may stand in for a failure, if it is valid still. */
  private async insteadOf(seen: Seen): Promise<Entry | undefined> {
    const { cache } = this.parts.place;
    const options = { freshness: this.freshness, method: this.parts.plan.method };
    const again = await cache.lookAgain(seen.ask, options).catch(() => undefined);
    const entry = again && this.fitting(again);
    if (entry === undefined) return undefined;
    return this.now < entry.expiresAt + (entry.value as StoredResponse)[3][3] ? entry : undefined;
  }

  private send(entry: Entry, account: Account, isDetached = false): void {
    const { exchange } = this.parts;
    sendStored(exchange, answerOf(entry), { account, now: this.now, isDetached });
  }

  private shown(entry: Entry, { cache }: Place): Observable<unknown> {
    const { plan, exchange } = this.parts;
    return plan.hasOuter ? shown(exchange, cache, entry) : NEVER;
  }

  /** RFC 9111 §5.2.1.7. */
  private refuse(): Observable<unknown> {
    const { exchange } = this.parts;
    const { response } = exchange;
    response.writeHead(504, ['content-length', '0']).end();
    return NEVER;
  }

  private pass(forward: Forward): Observable<unknown> {
    const { next, maker, exchange } = this.parts;
    maker.announce(exchange, { verdict: 'MISS', handling: { kind: 'forward', forward } });
    return next.handle();
  }

  private get now(): number {
    return this.parts.place.cache.clock.now();
  }
}

/** What a failure is that an expired response stands in for. (RFC 5861 §4) */
const FAILURES = [500, 502, 503, 504];

interface Under {
  readonly flight: Flight;
  readonly lease: Lease;
  /** The client has an answer: this is for those who come. */
  readonly isAnswered?: boolean;
}

interface Load {
  readonly seen: Seen;
  readonly under: Under | undefined;
  readonly forward: Forward;
  readonly passage: Passage;
  readonly isAnswered: boolean;
}

interface Kept {
  readonly stored: Answer | undefined;
  readonly detail?: string | undefined;
}

export function answerOf({ value, createdAt, expiresAt }: Entry): Answer {
  return { stored: value as StoredResponse, createdAt, expiresAt };
}

/** Whether a response was made for a request like this one. (RFC 9111 §4.1) */
export function fits(
  [, , , facts]: StoredResponse,
  exchange: Exchange,
  isAuthorised: boolean,
): boolean {
  if (isAuthorised && !facts[4]) return false;
  for (const [name, value] of facts[5]) if (exchange.header(name) !== value) return false;
  return true;
}

function sentOut({ response }: Exchange): Promise<void> {
  if (response.writableEnded) return Promise.resolve();
  return new Promise((resolve) => {
    response.once('finish', resolve);
    response.once('close', resolve);
  });
}
