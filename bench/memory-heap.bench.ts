/** How much memory does an entry take beside its value? */
import { Child } from './child.js';
import { decorated } from './elasticache.subject.js';
import type { Filled } from './heap.process.js';
import { peers } from './memory.peers.js';
import type { Article, Contender, Experiment, World } from './question.js';
import { aligned, median, nameOf, notRunningOf } from './table.js';

const ROUNDS = 5;

/** By text, as the keys of all others are. */
async function bareMap({ load }: World) {
  const articles = new Map<string, Article>();
  const findOne = async (id: number) => {
    const known = articles.get(String(id));
    if (known !== undefined) return known;
    const article = await load(id);
    articles.set(String(id), article);
    return article;
  };
  return { call: findOne };
}

const memory = (isolation: 'shared' | 'freeze' | 'clone') => ({
  caches: { articles: { memory: { isolation } } },
});

export const contenders: readonly Contender[] = [
  { name: 'a Map', create: bareMap },
  { name: '**@Cacheable**, `shared`', create: decorated(memory('shared')) },
  { name: '**@Cacheable**, `freeze`', create: decorated(memory('freeze')) },
  { name: '**@Cacheable**, `clone`', create: decorated(memory('clone')) },
  ...peers,
];

export default {
  title: 'The heap of an entry of 1 KB',
  async ask({ file }) {
    const rounds = contenders.map((): Filled[] => []);
    const absent = new Map<Contender, string>();
    for (let n = 0; n < ROUNDS; n++) {
      for (const [i, contender] of contenders.entries()) {
        if (absent.has(contender)) continue;
        const filled = await fill(contender, file);
        if (typeof filled === 'string') absent.set(contender, filled);
        else rounds[i]!.push(filled);
      }
    }
    const bytesOf = (i: number) => rounds[i]!.map(({ bytes }) => bytes);
    const rows = contenders.map((contender, i) => {
      const reason = absent.get(contender);
      if (reason !== undefined) return [nameOf(contender), notRunningOf(reason), '', ''];
      const ratios = bytesOf(i).map((bytes, n) => bytes / bytesOf(0)[n]!);
      const range = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`;
      const bytes = median(bytesOf(i)).toFixed(0);
      return [nameOf(contender), median(ratios).toFixed(2), range, bytes];
    });
    const note = `More is worse: 1.06 takes six in a hundred more than the first row. A process each, ${ROUNDS} times over.`;
    return `${aligned([['', 'heap ×', 'min–max', 'bytes'], ...rows])}\n\n${note}`;
  },
} satisfies Experiment;

async function fill(contender: Contender, file: string): Promise<Filled | string> {
  const child = new Child(contender.name, './heap.process.js', [file, contender.name]);
  try {
    const problem = await child.ready();
    if (problem === undefined) return await child.ask<Filled>({});
    if (contender.peer === undefined) throw new Error(`${contender.name}: ${problem}`);
    return problem;
  } finally {
    child.end();
  }
}
