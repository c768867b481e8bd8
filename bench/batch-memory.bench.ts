/** What does a batch of a hundred hits in this process's memory cost? */
import { drawBatches, overMap } from './articles.js';
import { decoratedMany, inRedis, programmaticMany } from './elasticache.subject.js';
import type { Article, Contender, Question, Subject, World } from './question.js';

const HOUR_MS = 3_600_000;

/** One call an article, as without batches. */
async function oneByOne({ load }: World): Promise<Subject> {
  const [findOne, idsOf] = [overMap(load), drawBatches()];
  return { call: (batch) => Promise.all(idsOf(batch).map(findOne)) };
}

const peers: Contender[] = [
  {
    name: 'layered-loader `getMany`',
    peer: 'layered-loader',
    async create({ load }) {
      const { Loader } = await import('layered-loader');
      const loader = new Loader<Article>({
        inMemoryCache: { cacheType: 'lru-object', maxItems: 10_000, ttlInMsecs: HOUR_MS },
        dataSourceGetManyFn: (keys) => Promise.all(keys.map((key) => load(Number(key)))),
      });
      const idsOf = drawBatches();
      return {
        call: (batch) => loader.getMany(idsOf(batch).map(String), ({ id }) => String(id)),
      };
    },
  },
];

const shared = { memory: { isolation: 'shared' } } as const;
const inMemory = { caches: { articles: shared } };
const copies = inRedis('msgpack', shared);

export default {
  title: 'A batch of 100 hits in memory',
  needsRedis: true,
  calls: 'batches',
  cases: [{ name: '', inFlight: 1, batch: 64 }],
  contenders: [
    { name: '`Promise.all` over a Map', create: oneByOne },
    { name: '**@CacheableMany**, `shared`', create: decoratedMany(inMemory) },
    { name: '**@CacheableMany**, `shared`, in front of Redis', create: decoratedMany(copies) },
    { name: '**cache.getMany**, `shared`', create: programmaticMany(inMemory) },
    ...peers,
  ],
} satisfies Question;
