/**
 * Every message the library can fail with, by code. `docs/reference/errors.md` lists the same
 * codes, and a test holds the two together. A message says what was wrong, where, and what to do;
 * none holds a value, a password or a token.
 */
export const catalogue = {
  CACHE_CONFIGURATION: (p: { faults: readonly Fault[] }) =>
    p.faults.length === 1
      ? `${p.faults[0]!.path}: ${p.faults[0]!.message}`
      : `${p.faults.length} faults in the cache configuration:\n` +
        p.faults.map((fault) => `  - ${fault.path}: ${fault.message}`).join('\n'),
  CACHE_UNKNOWN: (p: { cache: string; known: readonly string[] }) =>
    `There is no cache named '${p.cache}' and dynamicCaches is false. ` +
    `Add it to forRoot({ caches }) or forFeature(); known: ${p.known.join(', ') || 'none'}.`,
  CACHE_KEY: (p: { where: string; problem: string }) =>
    `${p.where}: ${p.problem}. Name a key made of strings, numbers, booleans, dates, arrays or plain objects.`,
  CACHE_OPTION_FAILED: (p: { where: string; option: string }) =>
    `${p.where}: its option \`${p.option}\` failed; the cause is attached.`,
  CACHE_OPTION_VALUE: (p: { where: string; option: string; problem: string }) =>
    `${p.where}: its option \`${p.option}\` ${p.problem}.`,
  CACHE_NAMES_EMPTY: (p: { where: string }) =>
    `${p.where}: no cache could be resolved. Give cacheNames, or let the cacheResolver answer with at least one name.`,
  CACHE_RESULT_LENGTH: (p: { where: string; expected: number; actual: string }) =>
    `${p.where}: asked for ${p.expected} elements, the method answered with ${p.actual}; nothing was stored. ` +
    `Return one result per element, in order, null where there is none.`,
  CACHE_RESULT_ORDER: (p: { where: string }) =>
    `${p.where}: the method changed the order of its batch, so its results cannot be told apart; nothing was stored. Sort a copy.`,
  CACHE_SERIALIZATION: (p: { where: string; path: string; problem: string }) =>
    `${p.where}: the value at ${p.path} ${p.problem}, so it cannot be stored. Return plain data, or leave it out with \`unless\`.`,
  CACHE_UNDECODABLE: (p: { where: string; problem: string }) =>
    `${p.where}: the stored bytes could not be read (${p.problem}). The entry is dropped and loaded anew.`,
  CACHE_TIMEOUT: (p: { where: string; ms: number }) =>
    `${p.where}: no answer within ${p.ms} ms (timeouts.store). Check the server's load and the network, or raise the time-out.`,
  CACHE_UNAVAILABLE: (p: { where: string; problem: string }) =>
    `${p.where}: the shared tier is not available (${p.problem}). The call goes on without the cache; check the connection.`,
  CACHE_NOT_EVICTED: (p: { where: string; problem: string }) =>
    `${p.where}: the invalidation was not acknowledged (${p.problem}). What is cached may be out of date until it expires; evict it again.`,
  CACHE_NOT_GUARDED: (p: { where: string; problem: string }) =>
    `${p.where}: the strict invalidation could not be prepared, so the method did not run (${p.problem}). Try again; check the connection.`,
  CACHE_LOAD_FAILED: (p: { where: string }) =>
    `${p.where}: a load failed whose caller was given a stored value; the cause is attached.`,
  CACHE_LOADS_FULL: (p: { where: string; concurrent: number; queue: number }) =>
    `${p.where}: ${p.concurrent} loads run and ${p.queue} wait at most (loads), and this one found no room in time. Make the loader faster, or raise loads or timeouts.wait.`,
  CACHE_TENANT_REQUIRED: (p: { where: string; what: 'tenant' | 'user' }) =>
    `${p.where}: no ${p.what} is known here, so nothing was read, run or written. ` +
    `Run it within CacheContext.run({ ${p.what} }, …), see that the option identity${p.what === 'tenant' ? ' or tenancy.resolve' : ''} finds one, or give the cache the scope 'global'.`,
  CACHE_NO_TENANTS: (p: { where: string }) =>
    `${p.where}: belongs to everybody, so no tenant has one of its own. Use it as it is, or give it the scope 'tenant'.`,
  CACHE_IDENTITY: (p: { where: string; what: 'tenant' | 'user'; longest: number }) =>
    `${p.where}: the ${p.what} given is no text of 1 to ${p.longest} characters, so nothing ran on its behalf. Give its identifier.`,
  CACHE_PATTERN: (p: { where: string }) =>
    `${p.where}: a pattern finds nothing among keys that cannot be read (keys.secret). Evict by key or by tag.`,
} as const;

/** One thing wrong with the options: where, and what to do about it. */
export interface Fault {
  /** The option's path, such as `caches.articles.ttl`, or the class and method. */
  readonly path: string;
  readonly message: string;
}

/** The code of a {@link CacheError}; each has one message, listed in the reference. */
export type CacheErrorCode = keyof typeof catalogue;

export type CatalogueParams<C extends CacheErrorCode> = Parameters<(typeof catalogue)[C]>[0];
