import type { Finding } from '../cache/finding.js';
import { CacheTransaction } from '../coherence/cache.transaction.js';
import type { Entry } from '../entry/cache.entry.js';
import type { Ask } from '../store/cache.store.js';
import type { Answer } from './answer.js';
import type { Exchange } from './exchange.js';
import type { ReadParts } from './read.parts.js';
import type { StoredResponse } from './stored.response.js';

/** Every stale entry is looked at: how long it may serve is for it to say. */
const ANY_AGE = Number.POSITIVE_INFINITY;

/** What was found under one of a request's keys. */
export interface Seen {
  readonly ask: Ask;
  readonly finding: Finding;
}

/** A look that others may join until it is sent. */
class UnsentLook {
  constructor(
    readonly text: string,
    readonly finding: Promise<Finding>,
  ) {}
}

/** Looks for the entry that fits a request, under each key that it may have. */
export class EntrySearch {
  constructor(private readonly parts: ReadParts) {}

  /** The first of the keys under which something fits. */
  first(): Promise<Seen> {
    return this.lookBy((ask) => this.together(ask));
  }

  /** The same, past what this process has in memory. */
  again(): Promise<Seen> {
    return this.lookBy((ask) => this.at(ask));
  }

  /** What is under one key, past what this process has in memory. */
  at(ask: Ask): Promise<Finding> {
    return this.parts.place.cache.lookAgain(ask, this.options);
  }

  /** Requests for one response, of which a crowd comes at once, look once, and take one copy of it. */
  private together(ask: Ask): Promise<Finding> {
    const { cache } = this.parts.place;
    const { unsent } = cache.store;
    // What is not sent gathers nobody, and within a unit of work other things are seen.
    const isAlone = cache.isPending(ask) || CacheTransaction.current() !== undefined;
    if (unsent === undefined || isAlone) return this.alone(ask);
    const { note } = unsent;
    if (note instanceof UnsentLook && note.text === ask.text) return this.join(note, ask);
    const finding = this.alone(ask);
    unsent.note = new UnsentLook(ask.text, finding);
    return finding;
  }

  /** Whoever finds no hit looks for himself: what he claims goes by what he has seen. */
  private async join({ finding }: UnsentLook, ask: Ask): Promise<Finding> {
    const found = await finding;
    if (found.entry === undefined || found.freshness !== 'fresh') return this.alone(ask);
    const { cache } = this.parts.place;
    cache.recorder.hit(ask.text, cache.kind);
    return found;
  }

  private alone(ask: Ask): Promise<Finding> {
    return this.parts.place.cache.findShared(ask, this.options, (finding) => finding);
  }

  private async lookBy(find: (ask: Ask) => Promise<Finding>): Promise<Seen> {
    const { texts, plan } = this.parts;
    const first = await this.seenAt(texts()[0]!, find);
    if (first.finding.entry !== undefined) this.learn(first.finding.entry);
    for (const text of texts()) {
      const seen = text === first.ask.text ? first : await this.seenAt(text, find);
      if (this.fitting(seen.finding) !== undefined) return seen;
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

  private get options() {
    const { place, plan } = this.parts;
    const { refreshAhead } = place.cache.policy.freshness;
    const [staleWhileRevalidateMs, staleIfErrorMs] = [ANY_AGE, ANY_AGE];
    const freshness = { staleWhileRevalidateMs, staleIfErrorMs, refreshAhead };
    return { freshness, method: plan.method };
  }

  /** The entry, where it was made for a request like this one. */
  fitting({ entry }: Finding): Entry | undefined {
    const { exchange, isAuthorised } = this.parts;
    return entry !== undefined && fits(entry.value as StoredResponse, exchange, isAuthorised)
      ? entry
      : undefined;
  }
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
