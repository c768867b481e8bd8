import type { ExecutionContext } from '@nestjs/common';

import type { KeepOptions } from '../cache/entry.maker.js';
import { evaluated } from '../errors/cache.errors.js';
import { type Duration, parseDuration } from '../time/duration.js';
import type { Account } from './answer.js';
import { type FieldValue, joined } from './cache.control.js';
import { cacheStatus } from './cache.status.js';
import type { Captured } from './detached.response.js';
import type { Exchange } from './exchange.js';
import { responseDefaults } from './http.options.js';
import type { Place } from './place.js';
import { reflected } from './reflection.js';
import type { Passage } from './response.loads.js';
import type { RoutePlan } from './route.plan.js';
import { comesBack } from './shown.js';
import { type Freshness, freshnessOf, obstacle } from './storability.js';
import { dependsOn, storedFrom, type StoredResponse } from './stored.response.js';

/** A response, and the circumstances it was made in. */
export interface Making {
  readonly response: Captured;
  readonly before: ReadonlyMap<string, FieldValue>;
  readonly passage: Passage;
  readonly place: Place;
  readonly plan: RoutePlan;
  readonly exchange: Exchange;
  readonly isAuthorised: boolean;
  readonly context: ExecutionContext;
}

/** A response as it is to be stored. */
export interface MadeResponse {
  readonly stored: StoredResponse;
  readonly lifetimeMs: number;
  readonly options: KeepOptions;
}

/** Fields that a route may be found to depend on; beyond them it depends on everything. */
const MOST_LEARNED = 8;

/** Decides whether a response is stored, and what is kept of it. */
export class ResponseMaker {
  private readonly told = new Set<string>();

  constructor(private readonly warn: (message: string) => void) {}

  /** What is stored, or why nothing is. */
  async make(making: Making): Promise<MadeResponse | string> {
    const { response, plan, place, isAuthorised } = making;
    const { options } = plan;
    const { statuses = responseDefaults.statuses, maxBodyBytes = responseDefaults.maxBodyBytes } =
      options;
    const { status, fields, unhooked } = response;
    const refused = obstacle(fields, { status, statuses, isUsers: place.isUsers, isAuthorised });
    if (refused !== undefined) return refused;
    const body = unhooked?.body ?? response.body;
    if (body.length > maxBodyBytes) return 'too large';
    if (holdsSensitive(making, body)) return 'sensitive';
    if (!this.learn(making)) return 'Vary';
    const { now } = this.clockOf(place);
    const freshness = freshnessOf(fields, now);
    const lifetimeMs = freshness.lifetimeMs ?? (await this.ownLifetime(making));
    const leftMs = (lifetimeMs ?? 0) - freshness.ageMs;
    if (lifetimeMs === undefined || leftMs <= 0) return 'no freshness';
    const stored = this.storedOf(making, { freshness, lifetimeMs, now });
    const repeated = repeatedIn(making, stored);
    if (repeated !== undefined) return this.repeats(repeated, plan);
    return { stored, lifetimeMs: leftMs, options: this.keepOptions(making, stored, leftMs) };
  }

  /** Says on a response that is not looked at what becomes of the request, and what it depends on. */
  announce(exchange: Exchange, { verdict, handling }: Account, plan?: RoutePlan): void {
    exchange.setField('cache-status', cacheStatus(handling));
    exchange.setField('x-cache', verdict);
    const vary = plan === undefined ? [] : this.varyOf(plan);
    if (vary.length > 0) exchange.addVary(vary);
  }

  varyOf({ vary, learned }: RoutePlan): string[] {
    return [...vary, ...learned];
  }

  /** Told once of a route: names come from strangers. */
  private repeats(name: string, { method }: RoutePlan): string {
    if (!this.told.has(method)) {
      const remedy = 'name it in vary if the answer depends on it';
      this.warn(
        `${method} repeats the request's ${name}, and such answers are not cached: ${remedy}.`,
      );
      this.told.add(method);
    }
    return `repeats ${name}`;
  }

  private clockOf({ cache }: Place) {
    return { now: cache.clock.now() };
  }

  /** Remembers what the route depends on. False where that is too much to tell variants by. */
  private learn(making: Making): boolean {
    const { plan } = making;
    const added = namesInVary(making).filter((name) => !plan.vary.includes(name));
    if (new Set([...plan.learned, ...added]).size > MOST_LEARNED) return false;
    for (const name of added) plan.learned.add(name);
    return true;
  }

  private async ownLifetime({ plan, place, context }: Making): Promise<number | undefined> {
    if (plan.isByHandler) return undefined;
    const chosen = await plan.ttl?.(context);
    if (chosen !== undefined && chosen !== null) return parseDuration(chosen) ?? 0;
    const { ttl } = place.cache.policy;
    if (typeof ttl === 'number') return ttl;
    const answer: Duration = evaluated(plan.method, 'ttl', () =>
      ttl({ key: plan.label, value: undefined }),
    );
    return parseDuration(answer) ?? 0;
  }

  private storedOf(
    making: Making,
    { freshness, lifetimeMs, now }: { freshness: Freshness; lifetimeMs: number; now: number },
  ): StoredResponse {
    const { response: captured, before, plan, place, exchange, passage } = making;
    const { options, decorated } = plan;
    const { policy } = place.cache;
    const windowOf = (name: 'staleWhileRevalidate' | 'staleIfError') =>
      parseDuration(options[name]) ?? policy.freshness[`${name}Ms`];
    const names = [...new Set([...plan.vary, ...namesInVary(making)])];
    return storedFrom({
      captured,
      before,
      decorated,
      freshness,
      windows: {
        staleWhileRevalidateMs:
          freshness.staleWhileRevalidateMs ?? windowOf('staleWhileRevalidate'),
        staleIfErrorMs: freshness.staleIfErrorMs ?? windowOf('staleIfError'),
      },
      cacheControl: `${place.isPrivate ? 'private, ' : ''}max-age=${Math.floor(lifetimeMs / 1000)}`,
      vary: plan.vary,
      weakEtags: options.weakEtags ?? responseDefaults.weakEtags,
      selecting: names.map((name) => [name, exchange.header(name)] as const),
      seen: plan.hasOuter ? seenIn(passage) : [],
      now,
    });
  }

  private keepOptions({ plan, context, passage }: Making, stored: StoredResponse, leftMs: number) {
    const { tags } = plan.options;
    const [, , staleWhileRevalidateMs, staleIfErrorMs] = stored[3];
    const options: KeepOptions = {
      ttl: () => leftMs,
      isExact: true,
      method: plan.method,
      freshness: { staleWhileRevalidateMs, staleIfErrorMs, refreshAhead: undefined },
      ...(typeof tags === 'function' && {
        lateTags: () => tags(context, passage.emitted.at(-1)),
      }),
    };
    return options;
  }
}

/** What interceptors around the cache saw: one value, if it comes back as it was. */
function seenIn({ emitted }: Passage): readonly unknown[] {
  return emitted.length === 1 && comesBack(emitted[0]) ? emitted : [];
}

function namesInVary({ response: captured, before, plan: { decorated } }: Making): string[] {
  return dependsOn({ captured, before, decorated });
}

/** What a stranger sent and everybody would get. Who is told apart by something of his own gets his own. */
function repeatedIn(making: Making, stored: StoredResponse): string | undefined {
  const { place, plan, exchange } = making;
  if (place.isPrivate || plan.key !== undefined) return undefined;
  const [, fields, body, facts] = stored;
  const keyed = facts[5].map(([name]) => name);
  return reflected(exchange.request.headers, keyed, { body, fields });
}

/** What must not be cached must not be in a response either. */
function holdsSensitive({ place, plan, response }: Making, body: Buffer): boolean {
  const { cache } = place;
  const isJson = /[/+]json\b/i.test(joined(response.fields.get('content-type')) ?? '');
  if (cache.sensitive === undefined || !isJson || body.length === 0) return false;
  try {
    return cache.sensitive.isIn(JSON.parse(body.toString()), plan.method);
  } catch {
    return false; // not the JSON it says it is
  }
}
