import { catalogue, type CacheErrorCode, type CatalogueParams, type Fault } from './catalogue.js';

/**
 * What every failure of the cache extends; the application's own errors are never wrapped in it.
 *
 * @example
 * try { await articles.findOne(id); } catch (error) { if (error instanceof CacheError) log(error.code); }
 */
export class CacheError<C extends CacheErrorCode = CacheErrorCode> extends Error {
  override readonly name: string = 'CacheError';
  /** Stable, for programs; the message is for people. */
  readonly code: C;

  constructor(code: C, params: CatalogueParams<C>, cause?: unknown) {
    const describe = catalogue[code] as (p: CatalogueParams<C>) => string;
    super(describe(params), cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** The options or decorators of the application are wrong; `faults` names each of them. Thrown at start-up. */
export class CacheConfigurationError extends CacheError<'CACHE_CONFIGURATION'> {
  override readonly name = 'CacheConfigurationError';
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super('CACHE_CONFIGURATION', { faults });
    this.faults = faults;
  }
}

/** A cache name that nobody configured, where `dynamicCaches` is false. */
export class UnknownCacheError extends CacheError<'CACHE_UNKNOWN'> {
  override readonly name = 'UnknownCacheError';

  constructor(cache: string, known: readonly string[]) {
    super('CACHE_UNKNOWN', { cache, known });
  }
}

/** A value that cannot be stored, or stored bytes that cannot be read. */
export class CacheSerializationError extends CacheError<
  'CACHE_SERIALIZATION' | 'CACHE_UNDECODABLE'
> {
  override readonly name = 'CacheSerializationError';
}

/** The shared tier did not answer within `timeouts.store`, or a load found no room in time. */
export class CacheTimeoutError extends CacheError<
  'CACHE_TIMEOUT' | 'CACHE_LOADS_FULL' | 'CACHE_LOAD_TIMEOUT'
> {
  override readonly name = 'CacheTimeoutError';
}

/**
 * The shared tier cannot be reached, or refused the command; `cause` is what it said. In strict mode
 * also: an invalidation could not be prepared, and the method did not run. Under
 * `onEvictFailure: 'throw'` also: an invalidation was not acknowledged.
 */
export class CacheUnavailableError extends CacheError<
  'CACHE_UNAVAILABLE' | 'CACHE_NOT_GUARDED' | 'CACHE_NOT_EVICTED'
> {
  override readonly name = 'CacheUnavailableError';
}

/**
 * A cache keeps the entries of tenants (or users) apart, and nobody knows whose the running code
 * works for. The method did not run. Other scopes are never used instead.
 */
export class TenantRequiredError extends CacheError<'CACHE_TENANT_REQUIRED'> {
  override readonly name = 'TenantRequiredError';

  constructor(what: 'tenant' | 'user', where: string) {
    super('CACHE_TENANT_REQUIRED', { what, where });
  }
}

/** The outcome of an option function of the application, or a `CACHE_OPTION_FAILED` whose cause is what it threw. */
export function evaluated<T>(where: string, option: string, evaluate: () => T): T {
  try {
    return evaluate();
  } catch (error) {
    throw optionFailure(where, option, error);
  }
}

/** What is thrown where an option function of the application throws. */
export function optionFailure(where: string, option: string, cause: unknown): CacheError {
  if (cause instanceof CacheError) return cause; // told already, by whoever knows the place better
  return new CacheError('CACHE_OPTION_FAILED', { where, option }, cause);
}
