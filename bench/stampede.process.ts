/** One of the processes that all want the same article at the same moment. */
import { setTimeout as delay } from 'node:timers/promises';
import { articleOf } from './articles.js';
import { serve } from './child.js';
import type { Article, Contender } from './question.js';

/** Ask for this article, that many times at once, at that time by {@link machineMs}. */
export interface Rush {
  readonly id: number;
  readonly calls: number;
  readonly atMs: number;
}

export interface Rushed {
  readonly loads: number;
  /** When the last call had its answer, by the same clock. */
  readonly endedAtMs: number;
}

const [file = '', name, redisUrl = '', loaderMs] = process.argv.slice(2);
let loads = 0;

await serve<Rush>(async () => {
  const { contenders } = (await import(file)) as { contenders: readonly Contender[] };
  const contender = contenders.find((one) => one.name === name)!;
  const load = async (id: number) => {
    loads++;
    await delay(Number(loaderMs));
    return articleOf(id);
  };
  const { call } = await contender.create({ load, redisUrl });
  return ({ id, calls, atMs }) => rush(() => call(id) as Promise<Article>, { id, calls, atMs });
});

async function rush(call: () => Promise<Article>, { id, calls, atMs }: Rush): Promise<Rushed> {
  const before = loads;
  await delay(atMs - machineMs());
  const articles = await Promise.all(Array.from({ length: calls }, call));
  const endedAtMs = machineMs();
  if (articles.some((article) => article.id !== id)) {
    throw new Error(`a wrong answer came for ${id}`);
  }
  return { loads: loads - before, endedAtMs };
}

/** The same clock in every process. */
function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
