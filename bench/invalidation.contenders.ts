/** Who can invalidate a hundred thousand entries in one call. */
import { articleOf } from './articles.js';
import { inRedis, start } from './elasticache.subject.js';

export interface InvalidationContender {
  readonly name: string;
  /** As in {@link import('./question.js').Contender}. */
  readonly peer?: string;
  create(redisUrl: string): Promise<InvalidationTarget>;
}

/** A cache all of whose entries bear one tag, or are of one group. */
export interface InvalidationTarget {
  /** Stores the articles of these ids. */
  put(ids: readonly number[]): Promise<unknown>;
  /** Undefined or null on a miss. */
  get(id: number): Promise<unknown>;
  /** Of all at once. */
  invalidate(): Promise<unknown>;
}

const HOUR_MS = 3_600_000;
const TAG = 'all';

async function elasticache(redisUrl: string) {
  const load = async (id: number) => articleOf(id);
  const options = inRedis('msgpack', { ttl: HOUR_MS, tags: [TAG] })({ redisUrl });
  const { manager, cache } = await start(options, { load, redisUrl });
  const put = (ids: readonly number[]) => cache.putMany(ids.map((id) => [id, articleOf(id)]));
  return { manager, cache, put, get: (id: number) => cache.get(id) };
}

async function scanAndUnlink(redisUrl: string): Promise<InvalidationTarget> {
  const { Redis } = await import('ioredis');
  const redis = new Redis(redisUrl);
  const keyOf = (id: number) => `articles:${id}`;
  return {
    put: (ids) =>
      Promise.all(
        ids.map((id) => redis.set(keyOf(id), JSON.stringify(articleOf(id)), 'PX', HOUR_MS)),
      ),
    get: (id) => redis.get(keyOf(id)),
    async invalidate() {
      const batches: AsyncIterable<string[]> = redis.scanStream({
        match: 'articles:*',
        count: 1000,
      });
      for await (const keys of batches) if (keys.length > 0) await redis.unlink(keys);
    },
  };
}

async function bentocache(redisUrl: string) {
  const { BentoCache, bentostore } = await import('bentocache');
  const { redisDriver } = await import('bentocache/drivers/redis');
  const { Redis } = await import('ioredis');
  const driver = redisDriver({ connection: new Redis(redisUrl) });
  const bento = new BentoCache({
    default: 'redis',
    stores: { redis: bentostore().useL2Layer(driver) },
  });
  const setOne = (id: number) =>
    bento.set({ key: String(id), value: articleOf(id), ttl: HOUR_MS, tags: [TAG] });
  return {
    bento,
    put: (ids: readonly number[]) => Promise.all(ids.map(setOne)),
    get: (id: number) => bento.get({ key: String(id), grace: false }),
  };
}

export const invalidationContenders: readonly InvalidationContender[] = [
  {
    name: '**manager.evictTags**',
    async create(redisUrl) {
      const { manager, ...target } = await elasticache(redisUrl);
      return { ...target, invalidate: () => manager.evictTags(TAG) };
    },
  },
  {
    name: '**cache.clear**',
    async create(redisUrl) {
      const { cache, ...target } = await elasticache(redisUrl);
      return { ...target, invalidate: () => cache.clear() };
    },
  },
  { name: 'ioredis SCAN and UNLINK, a thousand at a time', create: scanAndUnlink },
  {
    name: 'layered-loader group',
    peer: 'layered-loader',
    async create(redisUrl) {
      const { RedisGroupCache } = await import('layered-loader');
      const { Redis } = await import('ioredis');
      const settings = { prefix: 'articles', json: true, ttlInMsecs: HOUR_MS };
      const cache = new RedisGroupCache<object>(new Redis(redisUrl), settings);
      return {
        put: (ids) => Promise.all(ids.map((id) => cache.setForGroup(`${id}`, articleOf(id), TAG))),
        get: (id) => cache.getFromGroup(`${id}`, TAG),
        invalidate: () => cache.deleteGroup(TAG),
      };
    },
  },
  {
    name: 'layered-loader `clear`',
    peer: 'layered-loader',
    async create(redisUrl) {
      const { RedisCache } = await import('layered-loader');
      const { Redis } = await import('ioredis');
      const settings = { prefix: 'articles', json: true, ttlInMsecs: HOUR_MS };
      const cache = new RedisCache<object>(new Redis(redisUrl), settings);
      return {
        put: (ids) => Promise.all(ids.map((id) => cache.set(`${id}`, articleOf(id)))),
        get: (id) => cache.get(`${id}`),
        invalidate: () => cache.clear(),
      };
    },
  },
  {
    name: 'bentocache `deleteByTag`',
    peer: 'bentocache',
    async create(redisUrl) {
      const { bento, ...target } = await bentocache(redisUrl);
      return { ...target, invalidate: () => bento.deleteByTag({ tags: [TAG] }) };
    },
  },
  {
    name: 'bentocache `clear`',
    peer: 'bentocache',
    async create(redisUrl) {
      const { bento, ...target } = await bentocache(redisUrl);
      return { ...target, invalidate: () => bento.clear() };
    },
  },
  {
    name: 'async-cache-dedupe `clear`',
    peer: 'async-cache-dedupe',
    async create(redisUrl) {
      const { createCache } = await import('async-cache-dedupe');
      const { Redis } = await import('ioredis');
      const storage = { type: 'redis', options: { client: new Redis(redisUrl) } } as const;
      const find = async (id: number) => articleOf(id);
      const cache = createCache({ ttl: HOUR_MS / 1000, storage }).define('findOne', find);
      return {
        put: (ids) => Promise.all(ids.map((id) => cache.findOne(id))),
        get: (id) => cache.get('findOne', `findOne~${id}`),
        invalidate: () => cache.clear('findOne'),
      };
    },
  },
  {
    name: 'cache-manager `clear`, @keyv/redis',
    peer: 'cache-manager',
    async create(redisUrl) {
      const { createCache } = await import('cache-manager');
      const { createKeyv } = await import('@keyv/redis');
      const cache = createCache({ stores: [createKeyv(redisUrl)], ttl: HOUR_MS });
      return {
        put: (ids) => cache.mset(ids.map((id) => ({ key: `${id}`, value: articleOf(id) }))),
        get: (id) => cache.get(`${id}`),
        invalidate: () => cache.clear(),
      };
    },
  },
];
