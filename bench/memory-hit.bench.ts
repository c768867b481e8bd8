/** What does a hit in this process's memory cost? 10,000 articles of 1 KB, asked for as Zipf has it, one at a time. */
import { overMap } from './articles.js';
import { decorated, inRedis, programmatic } from './elasticache.subject.js';
import { peers } from './memory.peers.js';
import type { Article, Question, World } from './question.js';

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

type Isolation = 'shared' | 'freeze' | 'clone';

const memory = (isolation: Isolation) => ({ caches: { articles: { memory: { isolation } } } });

const copies = (isolation: Isolation) => inRedis('msgpack', { memory: { isolation } });

export default {
  title: 'A hit in memory',
  needsRedis: true,
  calls: 'hits',
  cases: [{ name: '', inFlight: 1, batch: 4096 }],
  contenders: [
    { name: 'async function over a Map', create: async ({ load }) => ({ call: overMap(load) }) },
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
