/** What does a hit in this process's memory cost? 10,000 articles of 1 KB, asked for as Zipf has it, one at a time. */
import { ARTICLES } from './articles.js';
import { decorated, inRedis, programmatic } from './elasticache.subject.js';
import type { Article, Contender, Question, World } from './question.js';

const HOUR_MS = 3_600_000;

/** What one writes without a library: a key in text, a Map, and the time looked at on every hit. */
function Memoized(ttlMs: number) {
  return (_: object, name: string, descriptor: PropertyDescriptor) => {
    const method = descriptor.value as (...args: unknown[]) => Promise<unknown>;
    const entries = new Map<string, { value: unknown; expiresAt: number }>();
    descriptor.value = async function (this: object, ...args: unknown[]) {
      const key = `${name}:${JSON.stringify(args)}`;
      const entry = entries.get(key);
      if (entry !== undefined && entry.expiresAt > Date.now()) return entry.value;
      const value = await method.apply(this, args);
      entries.set(key, { value, expiresAt: Date.now() + ttlMs });
      return value;
    };
  };
}

async function byHand({ load }: World) {
  class Articles {
    @Memoized(HOUR_MS)
    findOne(id: number): Promise<Article> {
      return load(id);
    }
  }
  const articles = new Articles();
  return { call: (id: number) => articles.findOne(id) };
}

async function overMap({ load }: World) {
  const articles = new Map<number, Article>();
  const findOne = async (id: number) => {
    const known = articles.get(id);
    if (known !== undefined) return known;
    const article = await load(id);
    articles.set(id, article);
    return article;
  };
  return { call: findOne };
}

const peers: Contender[] = [
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

type Isolation = 'shared' | 'freeze' | 'clone';

const memory = (isolation: Isolation) => ({ caches: { articles: { memory: { isolation } } } });

const copies = (isolation: Isolation) => inRedis('msgpack', { memory: { isolation } });

export default {
  title: 'A hit in memory',
  needsRedis: true,
  calls: 'hits',
  cases: [{ name: '', inFlight: 1, batch: 4096 }],
  contenders: [
    { name: 'async function over a Map', create: overMap },
    { name: 'decorator by hand', create: byHand },
    { name: '**@Cacheable**, `shared`', create: decorated(memory('shared')) },
    { name: '**@Cacheable**, `freeze`', create: decorated(memory('freeze')) },
    { name: '**@Cacheable**, `clone` (the default)', create: decorated(memory('clone')) },
    { name: '**@Cacheable**, `shared`, in front of Redis', create: decorated(copies('shared')) },
    { name: '**@Cacheable**, `clone`, in front of Redis', create: decorated(copies('clone')) },
    { name: '**cache.get**, `shared`', create: programmatic(memory('shared')) },
    ...peers,
  ],
} satisfies Question;
