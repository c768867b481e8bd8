/** bentocache on Redis; as `bentocache/memory` with its memory tier and bus before it. */
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis';
import { type CreateSubject, groupOf } from '../subject.js';
import { connectStandalone } from './connect.js';
import { peerWrites } from './peer.writes.js';

const HOUR_MS = 3_600_000;

const create: CreateSubject = async ({ subject, redis }, { load }) => {
  const connections = [connectStandalone(redis!), connectStandalone(redis!)] as const;
  const shared = redisDriver({ connection: connections[0] });
  const store = subject.endsWith('/memory')
    ? bentostore()
        .useL1Layer(memoryDriver({ maxItems: 10_000 }))
        .useL2Layer(shared)
        .useBus(redisBusDriver({ connection: connections[1] }))
    : bentostore().useL2Layer(shared);
  const bento = new BentoCache({ default: 'things', ttl: HOUR_MS, stores: { things: store } });
  const nameOf = (key: number) => `${key}`;
  const evict = async (key: number) => {
    await bento.delete({ key: nameOf(key) });
    return true;
  };
  return {
    reads: [
      {
        name: 'getOrSet',
        weight: 1,
        async run(key) {
          const tags = [groupOf(key)];
          const factory = async () => ({ version: await load(key) });
          return (await bento.getOrSet({ key: nameOf(key), tags, factory })).version;
        },
      },
    ],
    writes: peerWrites({
      evict,
      set: (key, version) =>
        bento.set({ key: nameOf(key), value: { version }, tags: [groupOf(key)] }),
      evictGroup: (group) => bento.deleteByTag({ tags: [group] }),
      clear: () => bento.clear(),
    }),
    evict,
    failures: () => 0,
    close: () => bento.disconnectAll(),
  };
};
export default create;
