/** The peers, with this process's memory as their only tier. */
import { ARTICLES } from './articles.js';
import type { Article, Contender } from './question.js';

const HOUR_MS = 3_600_000;

export const peers: readonly Contender[] = [
  {
    name: 'layered-loader `get`',
    peer: 'layered-loader',
    async create({ load }) {
      const { Loader } = await import('layered-loader');
      const loader = new Loader({
        inMemoryCache: { cacheType: 'lru-object', maxItems: ARTICLES, ttlInMsecs: HOUR_MS },
        dataSourceGetOneFn: (key) => load(Number(key)),
      });
      return { call: (id) => loader.get(String(id)) };
    },
  },
  {
    name: 'async-cache-dedupe',
    peer: 'async-cache-dedupe',
    async create({ load }) {
      const { createCache } = await import('async-cache-dedupe');
      const storage = { type: 'memory', options: { size: ARTICLES } } as const;
      const cache = createCache({ ttl: HOUR_MS / 1000, storage }).define('findOne', load);
      return { call: (id) => cache.findOne(id) };
    },
  },
  {
    name: 'cache-manager `wrap`',
    peer: 'cache-manager',
    async create({ load }) {
      const { createCache } = await import('cache-manager');
      const { Keyv } = await import('keyv');
      // Without its serialization, which is on even for a Map.
      const store = new Keyv();
      store.serialize = store.deserialize = undefined;
      const cache = createCache({ stores: [store], ttl: HOUR_MS });
      return { call: (id) => cache.wrap(String(id), () => load(id)) };
    },
  },
  {
    name: 'bentocache `getOrSet`',
    peer: 'bentocache',
    async create({ load }) {
      const { BentoCache, bentostore } = await import('bentocache');
      const { memoryDriver } = await import('bentocache/drivers/memory');
      const driver = memoryDriver({ maxItems: ARTICLES, serialize: false });
      const bento = new BentoCache({
        default: 'memory',
        stores: { memory: bentostore().useL1Layer(driver) },
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
    async create({ load }) {
      const { Cacheable } = await import('@type-cacheable/core');
      const { useAdapter } = await import('@type-cacheable/lru-cache-adapter');
      const { LRUCache } = await import('lru-cache');
      const lru = new LRUCache<string, object>({ max: ARTICLES, ttl: HOUR_MS });
      // The adapter's types are of the same class for `require`.
      const client = useAdapter(lru as unknown as Parameters<typeof useAdapter>[0]);
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
