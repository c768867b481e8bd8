/** Cache-aside by hand, as the tutorials have it: GET, else load and SET; UNLINK after the write. */
import { type CreateSubject, groupOf, KEYS } from '../subject.js';
import { connectStandalone } from './connect.js';
import { peerWrites } from './peer.writes.js';

const LIFE_S = 3600;

const create: CreateSubject = async ({ redis: address }, { load }) => {
  const redis = connectStandalone(address!);
  const nameOf = (key: number) => `things:${key}`;
  const unlink = async (keys: readonly number[]) => (await redis.unlink(keys.map(nameOf))) >= 0;
  const set = (key: number, version: number) => redis.set(nameOf(key), version, 'EX', LIFE_S);
  const evict = (key: number) => unlink([key]);
  return {
    reads: [
      {
        name: 'GET or load',
        weight: 1,
        async run(key) {
          const known = await redis.get(nameOf(key));
          if (known !== null) return Number(known);
          const version = await load(key);
          await set(key, version);
          return version;
        },
      },
    ],
    writes: peerWrites({
      evict,
      set,
      evictGroup: (group) => unlink(KEYS.filter((key) => groupOf(key) === group)),
      clear: () => unlink(KEYS),
    }),
    evict,
    failures: () => 0,
    close: async () => redis.disconnect(),
  };
};
export default create;
