import { AsyncLocalStorage } from 'node:async_hooks';

import { CacheError } from '../errors/cache.errors.js';

/** On whose behalf code runs. */
export interface Identity {
  readonly tenant?: string | undefined;
  readonly user?: string | undefined;
  readonly roles?: readonly string[] | undefined;
}

/** The longest name of a tenant or a user, in UTF-16 units. */
const LONGEST_NAME = 256;

const RUN = 'CacheContext.run';

const storage = new AsyncLocalStorage<Identity>();

/**
 * On whose behalf the running code works: what keeps the entries of tenants and users apart. A
 * request has one by the module's option `identity`; jobs and scripts give one by hand.
 *
 * @example
 * for (const tenant of tenants) await CacheContext.run({ tenant }, () => reports.renew());
 */
export class CacheContext {
  private constructor() {}

  /**
   * Runs `work`, and everything it begins, on behalf of that identity alone: nothing is taken over
   * from the one around it.
   *
   * @throws CacheError (`CACHE_IDENTITY`) for a name that is no text of 1 to 256 characters
   */
  static run<T>(identity: Identity, work: () => T): T {
    return storage.run(checked(identity), work);
  }

  /**
   * The identity that the running code works for, or undefined. Option functions may ask.
   *
   * @example
   * `@Cacheable('prices', { condition: () => !CacheContext.current()?.roles?.includes('editor') })`
   */
  static current(): Identity | undefined {
    return storage.getStore();
  }
}

function checked({ tenant, user, roles }: Identity): Identity {
  return Object.freeze({
    ...(tenant !== undefined && { tenant: checkedName(tenant, 'tenant', RUN) }),
    ...(user !== undefined && { user: checkedName(user, 'user', RUN) }),
    ...(roles !== undefined && { roles: Object.freeze([...roles]) }),
  });
}

/** A name as it may stand in a scope. What it is stays untold, since it may be anybody's. */
export function checkedName(name: unknown, what: 'tenant' | 'user', where: string): string {
  if (typeof name === 'string' && name.length > 0 && name.length <= LONGEST_NAME) return name;
  throw new CacheError('CACHE_IDENTITY', { where, what, longest: LONGEST_NAME });
}
