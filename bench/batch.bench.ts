/** What does a batch of a hundred hits in Redis cost? */
import { drawBatches } from './articles.js';
import { decoratedMany, inRedis, programmaticMany } from './elasticache.subject.js';
import type { Article, Contender, Question, Subject, World } from './question.js';

const HOUR_MS = 3_600_000;

async function plainMget({ load, redisUrl }: World): Promise<Subject> {
  const { Redis } = await import('ioredis');
  const [redis, idsOf] = [new Redis(redisUrl), drawBatches()];
  const loadAndStore = async (id: number) => {
    const article = await load(id);
    await redis.set(`articles:${id}`, JSON.stringify(article), 'PX', HOUR_MS);
    return article;
  };
  const findMany = async (ids: readonly number[]) => {
    const known = await redis.mget(ids.map((id) => `articles:${id}`));
    if (known.every((text) => text !== null)) {
      return known.map((text) => JSON.parse(text) as Article);
    }
    return Promise.all(ids.map(loadAndStore));
  };
  return { call: (batch) => findMany(idsOf(batch)) };
}

/** The same with the serializer that is the default here. */
async function mgetAndMsgpack({ load, redisUrl }: World): Promise<Subject> {
  const { Redis } = await import('ioredis');
  const { Packr } = await import('msgpackr/pack');
  const packr = new Packr({ useRecords: false });
  const [redis, idsOf] = [new Redis(redisUrl), drawBatches()];
  const loadAndStore = async (id: number) => {
    const article = await load(id);
    await redis.set(`articles:${id}`, packr.pack(article), 'PX', HOUR_MS);
    return article;
  };
  const findMany = async (ids: readonly number[]) => {
    const known = await redis.mgetBuffer(ids.map((id) => `articles:${id}`));
    if (known.every((bytes) => bytes !== null)) {
      return known.map((bytes) => packr.unpack(bytes) as Article);
    }
    return Promise.all(ids.map(loadAndStore));
  };
  return { call: (batch) => findMany(idsOf(batch)) };
}

const peers: Contender[] = [
  {
    name: 'layered-loader `getMany`',
    peer: 'layered-loader',
    async create({ load, redisUrl }) {
      const { Loader, RedisCache } = await import('layered-loader');
      const { Redis } = await import('ioredis');
      const settings = { prefix: 'articles', json: true, ttlInMsecs: HOUR_MS };
      const loader = new Loader<Article>({
        inMemoryCache: false,
        asyncCache: new RedisCache<Article>(new Redis(redisUrl), settings),
        dataSourceGetManyFn: (keys) => Promise.all(keys.map((key) => load(Number(key)))),
      });
      const idsOf = drawBatches();
      return {
        call: (batch) => loader.getMany(idsOf(batch).map(String), ({ id }) => String(id)),
      };
    },
  },
  {
    name: 'cache-manager `mget`, @keyv/redis',
    peer: 'cache-manager',
    async create({ load, redisUrl }) {
      const { createCache } = await import('cache-manager');
      const { createKeyv } = await import('@keyv/redis');
      const cache = createCache({ stores: [createKeyv(redisUrl)], ttl: HOUR_MS });
      const idsOf = drawBatches();
      const findMany = async (ids: readonly number[]) => {
        const known = await cache.mget<Article>(ids.map(String));
        if (known.every((article) => article !== undefined)) return known;
        const articles = await Promise.all(ids.map(load));
        await cache.mset(articles.map((value) => ({ key: String(value.id), value })));
        return articles;
      };
      return { call: (batch) => findMany(idsOf(batch)) };
    },
  },
];

export default {
  title: 'A batch of 100 hits in Redis',
  needsRedis: true,
  calls: 'batches',
  cases: [
    { name: '1 in flight', inFlight: 1, batch: 16 },
    { name: '16 in flight', inFlight: 16, batch: 64 },
  ],
  contenders: [
    { name: 'ioredis MGET and JSON.parse', create: plainMget },
    { name: 'ioredis MGET and msgpackr', create: mgetAndMsgpack },
    {
      name: '**@CacheableMany**, msgpack (the default)',
      create: decoratedMany(inRedis('msgpack')),
    },
    { name: '**@CacheableMany**, json', create: decoratedMany(inRedis('json')) },
    { name: '**cache.getMany**, msgpack', create: programmaticMany(inRedis('msgpack')) },
    { name: '**cache.getMany**, json', create: programmaticMany(inRedis('json')) },
    ...peers,
  ],
} satisfies Question;
