/** What does a hit in memory cost that hands out a copy? */
import { decorated, inRedis } from './elasticache.subject.js';
import type { Article, Question, World } from './question.js';

async function cloned({ load }: World) {
  const articles = new Map<number, Article>();
  const findOne = async (id: number) => {
    const known = articles.get(id);
    if (known !== undefined) return structuredClone(known);
    const article = await load(id);
    articles.set(id, structuredClone(article));
    return article;
  };
  return { call: findOne };
}

async function parsed({ load }: World) {
  const articles = new Map<number, string>();
  const findOne = async (id: number) => {
    const known = articles.get(id);
    if (known !== undefined) return JSON.parse(known) as Article;
    const article = await load(id);
    articles.set(id, JSON.stringify(article));
    return article;
  };
  return { call: findOne };
}

const clone = { memory: { isolation: 'clone' } } as const;

export default {
  title: 'A hit in memory that hands out a copy',
  needsRedis: true,
  calls: 'hits',
  cases: [{ name: '', inFlight: 1, batch: 1024 }],
  contenders: [
    { name: 'structuredClone from a Map', create: cloned },
    { name: 'JSON.parse from a Map', create: parsed },
    { name: '**@Cacheable**, `clone`', create: decorated({ caches: { articles: clone } }) },
    {
      name: '**@Cacheable**, `clone`, in front of Redis',
      create: decorated(inRedis('msgpack', clone)),
    },
  ],
} satisfies Question;
