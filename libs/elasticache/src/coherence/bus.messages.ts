import type { Invalidation } from '../memory/near.caches.js';

/** A message of the stream: its id, and its fields and their values in turn. */
export type Message = readonly [id: Buffer, fields: readonly Buffer[]];

/** The layout of a message. Another one may mean more than this process understands. */
const VERSION = '1';

/** Readable in redis-cli: `v 1 from <process> what [{"cache":"articles","texts":["7"]}]`. */
export function encoded(origin: string, invalidations: readonly Invalidation[]): string[] {
  return ['v', VERSION, 'from', origin, 'what', JSON.stringify(invalidations)];
}

/** What others invalidated: nothing in a message of one's own. Undefined where it cannot be told. */
export function invalidationsOf(
  fields: readonly Buffer[],
  origin: string,
): readonly Invalidation[] | undefined {
  const named = new Map<string, string>();
  const texts = fields.map(String);
  for (let i = 0; i + 1 < texts.length; i += 2) named.set(texts[i]!, texts[i + 1]!);
  if (named.get('v') !== VERSION) return undefined;
  if (named.get('from') === origin) return [];
  try {
    const invalidations: unknown = JSON.parse(named.get('what') ?? '');
    if (!isList(invalidations)) return undefined;
    const known = invalidations.map(invalidationOf);
    return known.includes(undefined) ? undefined : (known as Invalidation[]);
  } catch {
    return undefined;
  }
}

/** Its known parts alone, as one kind; undefined for what is none. */
function invalidationOf(value: unknown): Invalidation | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { cache, scope, texts, tags, everywhere, everyTag } = value as Record<string, unknown>;
  if (cache === undefined) {
    if (everyTag === true) return { everyTag };
    return isTexts(tags) ? { tags } : undefined;
  }
  if (!isText(cache)) return undefined;
  if (everywhere !== undefined) return everywhere === true ? { cache, everywhere } : undefined;
  if (scope !== undefined && !isText(scope)) return undefined;
  if (texts !== undefined && !isTexts(texts)) return undefined;
  return { cache, ...(scope !== undefined && { scope }), ...(texts !== undefined && { texts }) };
}

function isTexts(value: unknown): value is string[] {
  return isList(value) && value.every(isText);
}

function isList(value: unknown): value is unknown[] {
  return Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
