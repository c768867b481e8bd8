/** What every CacheStore does, whatever is behind it. */
import { beforeAll } from '@jest/globals';
import { entriesContract } from './store.contract.entries.js';
import { guardsContract } from './store.contract.guards.js';
import { leasesContract } from './store.contract.leases.js';
import { matchingContract } from './store.contract.matching.js';
import { versionsContract } from './store.contract.versions.js';
import { writesContract } from './store.contract.writes.js';
import { type Contract, fresh, type StoreUnderTest } from './store.subject.js';

/** Call inside a `describe`; the factory is asked once. */
export function storeContract(factory: () => Promise<StoreUnderTest>, guards = true): void {
  let under: StoreUnderTest;
  beforeAll(async () => {
    under = await factory();
  });
  const contract: Contract = {
    under: () => under,
    fresh,
    open: () => under.open(fresh()),
  };
  entriesContract(contract);
  leasesContract(contract);
  writesContract(contract);
  versionsContract(contract);
  matchingContract(contract);
  if (guards) guardsContract(contract);
}
