import type { CallHandler, ExecutionContext, Type } from '@nestjs/common';
import { NEVER, noop, type Observable, tap } from 'rxjs';

import type { CacheManager } from '../cache/cache.manager.js';
import { mergedTags } from '../cache/tags.js';
import { optionFailure } from '../errors/cache.errors.js';
import { sendHit } from './answer.js';
import { CachedRequest } from './cached.request.js';
import { type ClientDemands, demandsOf } from './client.demands.js';
import { baseText, textsOf } from './entry.key.js';
import { answerOf, fits } from './entry.search.js';
import { Exchange, type PlatformRequest } from './exchange.js';
import { responseDefaults } from './http.options.js';
import { type Place, PlaceFinder, type Places } from './place.js';
import { uriTag } from './request.key.js';
import { ResponseMaker } from './response.maker.js';
import { type RoutePlan, routePlan, type RouteSurroundings } from './route.plan.js';
import { shown } from './shown.js';
import type { StoredResponse } from './stored.response.js';
import { evictAtTheEnd, evictUris, pathOf, urisOf } from './uri.evictions.js';

export interface ResponseCachingParts extends Places {
  readonly manager: CacheManager;
  readonly isKnown: (cacheName: string) => boolean;
  readonly surroundings: () => RouteSurroundings;
  /** Answers as Nest does. */
  readonly reply: (response: object, body: unknown) => unknown;
  readonly warn: (message: string) => void;
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND', 'REPORT', 'SEARCH', 'QUERY']);

/** Longer than anybody's links, and short enough that strangers do not fill the cache with them. */
const LONGEST_URL = 4_096;

/** Keys that are remembered of a route at a time, and up to which length. */
const MOST_REMEMBERED = 1_000;
const LONGEST_REMEMBERED = 512;

/** What is remembered of a route beside its plan. */
interface Route {
  readonly plan: RoutePlan;
  /** Keys without a variant that had answers. */
  readonly seen: Set<string>;
  readonly texts: Map<string, string>;
  /** Those of the entries under a key of such a cache: a tag of a URI takes longer to make than to read. */
  readonly tags: Map<string, readonly string[]>;
}

/** The responses of one application: which are cached, where, and how a request is answered. */
export class ResponseCaching {
  private readonly routes = new Map<object, Map<object, Route>>();
  private readonly places: PlaceFinder;
  private readonly maker: ResponseMaker;
  private readonly reply = ({ target }: Exchange, body: unknown) => this.parts.reply(target, body);

  constructor(private readonly parts: ResponseCachingParts) {
    this.places = new PlaceFinder(parts);
    this.maker = new ResponseMaker(parts.warn);
  }

  intercept(
    context: ExecutionContext,
    next: CallHandler,
  ): Observable<unknown> | Promise<Observable<unknown>> {
    const exchange = new Exchange(
      context.getArgByIndex<PlatformRequest>(0),
      context.getArgByIndex<object>(1),
    );
    const { method } = exchange;
    if (method !== 'GET' && method !== 'HEAD') return this.change(exchange, { context, next });
    const route = this.routeOf(context.getClass(), context.getHandler());
    const { kind, cacheName } = route.plan;
    if (kind === 'untouched' || !this.parts.isKnown(cacheName)) return next.handle();
    const reason = kind === 'off' ? 'not cached' : this.unanswerable(exchange);
    if (reason !== undefined) return this.bypass(exchange, { route, reason, next });
    return this.read(exchange, { route, context, next });
  }

  private change(
    exchange: Exchange,
    { context, next }: { context: ExecutionContext; next: CallHandler },
  ): Observable<unknown> {
    if (SAFE.has(exchange.method)) return next.handle();
    const evict = (uris: readonly string[]) =>
      this.places.asWhoAsks(context, () => evictUris(uris, this.parts.manager));
    evictAtTheEnd(exchange, evict);
    const handling = { kind: 'forward', forward: 'method' } as const;
    if (!exchange.response.headersSent) {
      this.maker.announce(exchange, { verdict: 'BYPASS', handling });
    }
    // Given up, since its client has left or it took too long: nobody knows what has been done by then.
    return next.handle().pipe(tap({ unsubscribe: () => void evict(urisOf(exchange)).catch(noop) }));
  }

  /** Why a request is one that no cache may answer. */
  private unanswerable(exchange: Exchange): string | undefined {
    if (exchange.hasContent) return 'content';
    const { url } = exchange;
    if (!url.startsWith('/')) return 'form of the URL';
    return url.length > LONGEST_URL ? 'length of the URL' : undefined;
  }

  private read(
    exchange: Exchange,
    { route, context, next }: { route: Route; context: ExecutionContext; next: CallHandler },
  ): Observable<unknown> | Promise<Observable<unknown>> {
    const { plan } = route;
    const { headers } = exchange.request;
    const family = this.parts.manager.family(plan.cacheName);
    let place: Place | undefined;
    let isAuthorised = false;
    try {
      place = this.places.find(family, plan.options.scope, context);
      if (place !== undefined && !place.isDeclared) {
        isAuthorised =
          headers.authorization !== undefined ||
          (!place.isPrivate && this.places.knowsUser(context));
      }
    } catch (error) {
      return this.failed(error, { option: 'scope', exchange, route, next });
    }
    if (place === undefined) return this.bypass(exchange, { route, reason: 'scope', next });
    if (headers.cookie !== undefined && !place.isDeclared) {
      return this.bypass(exchange, { route, reason: 'Cookie', next });
    }
    const request = { route, context, next, exchange, place, isAuthorised };
    if (plan.key === undefined) return this.answer(request, baseText(request));
    return this.byKey(request);
  }

  private async byKey(request: ReadRequest): Promise<Observable<unknown>> {
    const { context, exchange, route, next } = request;
    let base: string | undefined;
    try {
      const key = await route.plan.key!(context);
      const isNone = key === undefined || key === null || key === '';
      base = isNone ? undefined : baseText(request, key);
    } catch (error) {
      return this.failed(error, { option: 'key', exchange, route, next });
    }
    if (base === undefined) return this.bypass(exchange, { route, reason: 'key', next });
    return this.answer(request, base);
  }

  /** A function of the application's failed before the handler: it is reported, and the request passes. */
  private failed(error: unknown, { option, exchange, route, next }: Failing): Observable<unknown> {
    const { method, cacheName } = route.plan;
    const { recorder } = this.parts.manager.family(cacheName).inScope({});
    recorder.failed(optionFailure(method, option, error), { operation: 'get', method });
    return this.bypass(exchange, { route, reason: option, next });
  }

  private answer(
    request: ReadRequest,
    base: string,
  ): Observable<unknown> | Promise<Observable<unknown>> {
    const { exchange, place, isAuthorised, route } = request;
    const { plan } = route;
    const demands = plan.options.clientCacheControl === 'honour' ? demandsOf(exchange) : undefined;
    if (demands === undefined) {
      const { cache } = place;
      const now = cache.clock.now();
      for (const text of textsOf(request, base)) {
        const entry = cache.findInMemory(text, now);
        if (entry === undefined || !fits(entry.value as StoredResponse, exchange, isAuthorised)) {
          continue;
        }
        sendHit(exchange, answerOf(entry), now);
        return plan.hasOuter ? shown(exchange, cache, entry) : NEVER;
      }
    }
    return this.load(request, base, demands);
  }

  private load(
    request: ReadRequest,
    base: string,
    demands: ClientDemands | undefined,
  ): Promise<Observable<unknown>> {
    const { route, context, next, exchange, place, isAuthorised } = request;
    const { plan, seen } = route;
    const isKnown = seen.has(base);
    if (plan.vary.length > 0 && !isKnown) remember(seen, base);
    const tagsOf = () => (plan.key ? tagsOfAnswer(request) : rememberedTags(request, base));
    const texts = () => textsOf(request, base);
    const { maker, reply } = this;
    // Named one by one: a spread takes longer than all else that is made here.
    return new CachedRequest({
      plan,
      context,
      next,
      exchange,
      place,
      maker,
      reply,
      demands,
      isAuthorised,
      texts,
      isKnown,
      tagsOf,
    }).run();
  }

  private bypass(
    exchange: Exchange,
    { route, reason, next }: { route: Route; reason: string; next: CallHandler },
  ): Observable<unknown> {
    const detail = route.plan.options.explain ? reason : undefined;
    const handling = { kind: 'forward', forward: 'bypass', detail } as const;
    this.maker.announce(exchange, { verdict: 'BYPASS', handling }, route.plan);
    return next.handle();
  }

  private routeOf(type: Type, handler: RouteHandler): Route {
    let ofType = this.routes.get(type);
    if (ofType === undefined) this.routes.set(type, (ofType = new Map()));
    let route = ofType.get(handler);
    if (route === undefined) {
      const plan = routePlan(type, handler, this.parts.surroundings());
      route = { plan, seen: new Set(), texts: new Map(), tags: new Map() };
      ofType.set(handler, route);
      this.check(route.plan);
    }
    return route;
  }

  private check({ cacheName, method }: RoutePlan): void {
    if (this.parts.isKnown(cacheName)) return;
    const isDefault = cacheName === responseDefaults.cacheName;
    const remedy = isDefault ? 'add it to forRoot({ caches })' : 'nobody configured it';
    this.parts.warn(`${method} is not cached: there is no cache '${cacheName}'; ${remedy}.`);
  }
}

type RouteHandler = ReturnType<ExecutionContext['getHandler']>;

interface Failing {
  readonly option: string;
  readonly exchange: Exchange;
  readonly route: Route;
  readonly next: CallHandler;
}

interface ReadRequest {
  readonly route: Route;
  readonly context: ExecutionContext;
  readonly next: CallHandler;
  readonly exchange: Exchange;
  readonly place: Place;
  readonly isAuthorised: boolean;
}

function remember(seen: Set<string>, text: string): void {
  if (seen.size >= MOST_REMEMBERED) seen.clear();
  seen.add(text);
}

/** The tags that are known before there is an answer. */
function tagsOfAnswer({ route, exchange, place: { cache } }: ReadRequest): readonly string[] {
  const { options, key } = route.plan;
  const own = typeof options.tags === 'object' ? options.tags : [];
  const uris = key ? [] : [uriTag(exchange.hostname, pathOf(exchange.url))];
  return mergedTags(cache.tags, cache.nameTags([...own, ...uris]));
}

/** The same list each time, for a key that says host and path. */
function rememberedTags(request: ReadRequest, base: string): readonly string[] {
  const { route, place } = request;
  const { tags } = route;
  const key = `${place.cache.place.scope}\n${base}`;
  const known = tags.get(key);
  if (known !== undefined) return known;
  const made = tagsOfAnswer(request);
  if (key.length <= LONGEST_REMEMBERED) {
    if (tags.size >= MOST_REMEMBERED) tags.clear();
    tags.set(key, made);
  }
  return made;
}
