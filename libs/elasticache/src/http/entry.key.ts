import type { Exchange } from './exchange.js';
import type { Place } from './place.js';
import { keyText, sortedQuery, variantSlot } from './request.key.js';
import type { RoutePlan } from './route.plan.js';
import { pathOf } from './uri.evictions.js';

/** URLs that are remembered of a route at a time, and up to which length. */
const MOST_URLS = 1_000;
const LONGEST_URL = 256;

interface Keyed {
  readonly exchange: Exchange;
  readonly place: Place;
  readonly route: {
    readonly plan: RoutePlan;
    /** Keys by what they were made of: to make one takes longer than the rest of a hit. */
    readonly texts: Map<string, string>;
  };
}

/** A request's key without a variant; `key` replaces host, path and query. */
export function baseText({ exchange, place, route }: Keyed, key?: unknown): string {
  const { label, method, options } = route.plan;
  if (key !== undefined) return keyText([place.scope, label, key], method);
  const { url, keyOrigin } = exchange;
  const made = `${place.scope}\n${keyOrigin}\n${url}`;
  const known = route.texts.get(made);
  if (known !== undefined) return known;
  const path = pathOf(url);
  const query = url.length === path.length ? '' : url.slice(path.length + 1);
  const parts = [place.scope, label, keyOrigin, path, sortedQuery(query, options.query)];
  const text = keyText(parts, method);
  if (made.length <= LONGEST_URL) {
    if (route.texts.size >= MOST_URLS) route.texts.clear();
    route.texts.set(made, text);
  }
  return text;
}

/** The keys of the variant that a request selects: by all that the route is known to depend on, then by what it declares. */
export function textsOf({ exchange, route }: Keyed, base: string): readonly string[] {
  const { vary, learned } = route.plan;
  if (vary.length === 0 && learned.size === 0) return [base];
  const valuesOf = (names: readonly string[]) => names.map((name) => exchange.header(name));
  const declared = vary.length === 0 ? base : `${base}:${variantSlot(valuesOf(vary))}`;
  if (learned.size === 0) return [declared];
  return [`${base}:${variantSlot(valuesOf([...vary, ...learned]))}`, declared];
}
