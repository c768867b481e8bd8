/** Caches of one kind: Redis alone, without memory of their own, over ioredis where there is a choice. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Article, Contender, Subject, World } from './question.js';

const HOUR_MS = 3_600_000;

interface ClientSettings {
  readonly enableAutoPipelining?: boolean;
}

/** What one writes without a library. */
export async function getThenSet(
  { load, redisUrl }: World,
  settings: ClientSettings = {},
): Promise<Subject> {
  const { Redis } = await import('ioredis');
  const redis = new Redis(redisUrl, settings);
  const findOne = async (id: number) => {
    const known = await redis.get(`articles:${id}`);
    if (known !== null) return JSON.parse(known) as Article;
    const article = await load(id);
    await redis.set(`articles:${id}`, JSON.stringify(article), 'PX', HOUR_MS);
    return article;
  };
  return { call: findOne };
}

/** One process loads, whichever comes first; the others look again and again whether it has stored. */
export async function lockByHand({ load, redisUrl }: World): Promise<Subject> {
  const { Redis } = await import('ioredis');
  const redis = new Redis(redisUrl);
  const running = new Map<number, Promise<Article>>();
  const find = async (id: number): Promise<Article> => {
    const known = await redis.get(`articles:${id}`);
    if (known !== null) return JSON.parse(known) as Article;
    if ((await redis.set(`lock:${id}`, '1', 'PX', 5000, 'NX')) !== 'OK') {
      await delay(5);
      return find(id);
    }
    const article = await load(id);
    await redis.set(`articles:${id}`, JSON.stringify(article), 'PX', HOUR_MS);
    await redis.del(`lock:${id}`);
    return article;
  };
  const findOne = (id: number) => {
    const promise = running.get(id) ?? find(id).finally(() => running.delete(id));
    running.set(id, promise);
    return promise;
  };
  return { call: findOne };
}

/** One round trip for the entry and the version of what it belongs to. */
export async function mgetWithVersions({ load, redisUrl }: World): Promise<Subject> {
  const { Redis } = await import('ioredis');
  const redis = new Redis(redisUrl);
  await redis.set('version', '0123456789abcdef');
  const findOne = async (id: number) => {
    const [known, version] = await redis.mget(`articles:${id}`, 'version');
    if (known && known.startsWith(version!)) {
      return JSON.parse(known.slice(version!.length)) as Article;
    }
    const article = await load(id);
    await redis.set(`articles:${id}`, version + JSON.stringify(article), 'PX', HOUR_MS);
    return article;
  };
  return { call: findOne };
}

export async function layeredLoader(
  { load, redisUrl }: World,
  client: ClientSettings = {},
): Promise<Subject> {
  const { Loader, RedisCache } = await import('layered-loader');
  const { Redis } = await import('ioredis');
  const settings = { prefix: 'articles', json: true, ttlInMsecs: HOUR_MS };
  const loader = new Loader<Article>({
    inMemoryCache: false,
    asyncCache: new RedisCache<Article>(new Redis(redisUrl, client), settings),
    dataSourceGetOneFn: (key) => load(Number(key)),
  });
  return { call: (id) => loader.get(String(id)) };
}

export async function groupLoader({ load, redisUrl }: World): Promise<Subject> {
  const { GroupLoader, RedisGroupCache } = await import('layered-loader');
  const { Redis } = await import('ioredis');
  const settings = { prefix: 'articles', json: true, ttlInMsecs: HOUR_MS };
  const source = {
    name: 'articles',
    getFromGroup: (key: string) => load(Number(key)),
    getManyFromGroup: (keys: string[]) => Promise.all(keys.map((key) => load(Number(key)))),
  };
  const loader = new GroupLoader<Article>({
    inMemoryCache: false,
    asyncCache: new RedisGroupCache<Article>(new Redis(redisUrl), settings),
    dataSources: [source],
  });
  return { call: (id) => loader.get(String(id), 'all') };
}

export async function bentocache(
  { load, redisUrl }: World,
  tagsOf?: (id: number) => string[],
): Promise<Subject> {
  const { BentoCache, bentostore } = await import('bentocache');
  const { redisDriver } = await import('bentocache/drivers/redis');
  const { Redis } = await import('ioredis');
  const driver = redisDriver({ connection: new Redis(redisUrl) });
  const bento = new BentoCache({
    default: 'redis',
    stores: { redis: bentostore().useL2Layer(driver) },
  });
  return {
    call: (id) =>
      bento.getOrSet({
        key: String(id),
        factory: () => load(id),
        ttl: HOUR_MS,
        grace: false,
        ...(tagsOf === undefined ? {} : { tags: tagsOf(id) }),
      }),
  };
}

export const peers: Contender[] = [
  {
    name: 'layered-loader `get`',
    peer: 'layered-loader',
    create: (world) => layeredLoader(world),
  },
  {
    name: 'async-cache-dedupe',
    peer: 'async-cache-dedupe',
    async create({ load, redisUrl }) {
      const { createCache } = await import('async-cache-dedupe');
      const { Redis } = await import('ioredis');
      const storage = { type: 'redis', options: { client: new Redis(redisUrl) } } as const;
      const cache = createCache({ ttl: HOUR_MS / 1000, storage }).define('findOne', load);
      return { call: (id) => cache.findOne(id) };
    },
  },
  {
    name: 'cache-manager `wrap`, @keyv/redis',
    peer: 'cache-manager',
    async create({ load, redisUrl }) {
      const { createCache } = await import('cache-manager');
      const { createKeyv } = await import('@keyv/redis');
      const cache = createCache({ stores: [createKeyv(redisUrl)], ttl: HOUR_MS });
      return { call: (id) => cache.wrap(String(id), () => load(id)) };
    },
  },
  {
    name: 'bentocache `getOrSet`',
    peer: 'bentocache',
    create: (world) => bentocache(world),
  },
  {
    name: '@type-cacheable/core',
    peer: '@type-cacheable/core',
    async create({ load, redisUrl }) {
      const { Cacheable } = await import('@type-cacheable/core');
      const { useAdapter } = await import('@type-cacheable/ioredis-adapter');
      const { Redis } = await import('ioredis');
      const client = useAdapter(new Redis(redisUrl));
      class Articles {
        @Cacheable({ client, cacheKey: ([id]: number[]) => `articles:${id}`, ttlSeconds: 3600 })
        findOne(id: number): Promise<Article> {
          return load(id);
        }
      }
      const articles = new Articles();
      return { call: (id) => articles.findOne(id) };
    },
  },
];
