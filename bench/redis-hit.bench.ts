/** What does a hit in Redis cost? 10,000 articles of 1 KB, asked for as Zipf has it, on one connection of its own. */
import { decorated } from './elasticache.subject.js';
import type { Article, Contender, Question, World } from './question.js';

const HOUR_MS = 3_600_000;

async function plainRedis({ load, redisUrl }: World) {
  const { Redis } = await import('ioredis');
  const redis = new Redis(redisUrl);
  const findOne = async (id: number) => {
    const known = await redis.get(`articles:${id}`);
    if (known !== null) return JSON.parse(known) as Article;
    const article = await load(id);
    await redis.set(`articles:${id}`, JSON.stringify(article), 'PX', HOUR_MS);
    return article;
  };
  return { call: findOne };
}

const peers: Contender[] = [
  {
    name: 'layered-loader `get`',
    peer: 'layered-loader',
    async create({ load, redisUrl }) {
      const { Loader, RedisCache } = await import('layered-loader');
      const { Redis } = await import('ioredis');
      const settings = { prefix: 'articles', json: true, ttlInMsecs: HOUR_MS };
      const loader = new Loader<Article>({
        inMemoryCache: false,
        asyncCache: new RedisCache<Article>(new Redis(redisUrl), settings),
        dataSourceGetOneFn: (key) => load(Number(key)),
      });
      return { call: (id) => loader.get(String(id)) };
    },
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
    async create({ load, redisUrl }) {
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
          bento.getOrSet({ key: String(id), factory: () => load(id), ttl: HOUR_MS, grace: false }),
      };
    },
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

const serializedBy =
  (serializer: 'msgpack' | 'json') =>
  ({ redisUrl }: World) => ({
    connection: redisUrl,
    // On a machine with too much to do an answer may take longer than the default 250 ms, and the call is no hit.
    caches: { articles: { serializer, timeouts: { store: '10s' } } },
  });

export default {
  title: 'A hit in Redis',
  needsRedis: true,
  cases: [
    { name: '1 in flight', inFlight: 1, batch: 256 },
    { name: '64 in flight', inFlight: 64, batch: 1024 },
    { name: '512 in flight', inFlight: 512, batch: 2048 },
  ],
  contenders: [
    { name: 'ioredis GET and JSON.parse', create: plainRedis },
    { name: '**@Cacheable**, msgpack (the default)', create: decorated(serializedBy('msgpack')) },
    { name: '**@Cacheable**, json', create: decorated(serializedBy('json')) },
    ...peers,
  ],
} satisfies Question;
