import type { CallHandler, ExecutionContext } from '@nestjs/common';

import type { ClientDemands } from './client.demands.js';
import type { Exchange } from './exchange.js';
import type { Place } from './place.js';
import type { ResponseMaker } from './response.maker.js';
import type { RoutePlan } from './route.plan.js';

/** One request that may be answered from the cache, and everything known of it. */
export interface ReadParts {
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
