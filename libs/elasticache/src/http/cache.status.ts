/** Why a request was not answered from the cache. (RFC 9211 §2.2) */
export type Forward = 'uri-miss' | 'vary-miss' | 'stale' | 'request' | 'bypass' | 'method';

/** What the cache did with one request. */
export type Handling =
  | { readonly kind: 'hit'; readonly ttl: number }
  /** An answer of its own, from nowhere. */
  | { readonly kind: 'answer'; readonly detail: string }
  | {
      readonly kind: 'forward';
      readonly forward: Forward;
      /** What came back, where it is known. */
      readonly status?: number;
      readonly stored?: boolean;
      readonly collapsed?: boolean;
      readonly ttl?: number;
      readonly detail?: string | undefined;
    };

const CACHE = 'elasticache';

/** One member of a Cache-Status field, which is a list of RFC 9651's. */
export function cacheStatus(handling: Handling): string {
  if (handling.kind === 'hit') return `${CACHE}; hit; ttl=${handling.ttl}`;
  if (handling.kind === 'answer') return `${CACHE}; detail="${handling.detail}"`;
  const { forward, status, stored, collapsed, ttl, detail } = handling;
  return [
    `${CACHE}; fwd=${forward}`,
    ...(status === undefined ? [] : [`fwd-status=${status}`]),
    ...(ttl === undefined ? [] : [`ttl=${ttl}`]),
    ...(stored ? ['stored'] : []),
    ...(collapsed ? ['collapsed'] : []),
    ...(detail === undefined ? [] : [`detail="${detail.replace(/[^ !#-[\]-~]/g, '')}"`]),
  ].join('; ');
}

/** A field relayed from caches further in is kept, and ours comes after it. */
export function appended(relayed: string | undefined, own: string): string {
  return relayed === undefined || relayed === '' ? own : `${relayed}, ${own}`;
}

/** The same in one word. */
export type Verdict = 'HIT' | 'MISS' | 'STALE' | 'BYPASS';
