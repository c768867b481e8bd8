/** cacheable on Redis; as `cacheable/memory` with its memory tier before it, which is how it comes. */
import KeyvRedis from '@keyv/redis';
import { Cacheable } from 'cacheable';
import { type CreateSubject, groupOf, KEYS } from '../subject.js';
import { urlOf } from './connect.js';
import { peerWrites } from './peer.writes.js';

const create: CreateSubject = async ({ subject, redis }, { load }) => {
  const shared = new KeyvRedis(urlOf(redis!));
  const tiers = subject.endsWith('/memory') ? { secondary: shared } : { primary: shared };
  const cache = new Cacheable({ ...tiers, ttl: '1h' });
  // Of the connection; calls reject by themselves.
  cache.on('error', () => {});
  const nameOf = (key: number) => `${key}`;
  const evict = async (key: number) => {
    await cache.delete(nameOf(key));
    return true;
  };
  return {
    reads: [
      {
        name: 'getOrSet',
        weight: 1,
        async run(key) {
          const factory = async () => ({ version: await load(key) });
          return (await cache.getOrSet(nameOf(key), factory))?.version;
        },
      },
    ],
    writes: peerWrites({
      evict,
      set: (key, version) => cache.set(nameOf(key), { version }),
      // `getOrSet` takes no tags.
      evictGroup: (group) =>
        cache.deleteMany(KEYS.filter((key) => groupOf(key) === group).map(nameOf)),
      clear: () => cache.clear(),
    }),
    evict,
    failures: () => 0,
    close: () => cache.disconnect(),
  };
};
export default create;
