import type { CacheFamily } from '../cache/cache.family.js';
import { CacheConfigurationError } from '../errors/cache.errors.js';

/**
 * What one call reads and fills is of one scope: a value that is made for one tenant and stored for all
 * would be given to the next.
 *
 * @throws CacheConfigurationError where it is not
 */
export function assertOneScope(where: string, families: readonly CacheFamily[]): void {
  const [first, ...others] = families;
  const other = others.find(({ kind }) => kind !== first!.kind);
  if (other === undefined) return;
  const message = `its caches '${first!.name}' and '${other.name}' are of different scopes: what it stores for one tenant or user would be read by others`;
  throw new CacheConfigurationError([{ path: where, message }]);
}
