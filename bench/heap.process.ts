/** One contender in a process of its own, whose heap is looked at before and after it is filled. */
import { setFlagsFromString } from 'node:v8';
import { setImmediate as turn } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import { ARTICLES, articleOf } from './articles.js';
import { serve } from './child.js';
import type { Contender } from './question.js';

/** Bytes per entry, typed arrays included. */
export interface Filled {
  readonly bytes: number;
}

/** What is made once, such as code, is made by then. What makes room for all entries beforehand is given that. */
const FIRST = 500;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const [file = '', name] = process.argv.slice(2);

await serve<object>(async () => {
  const { contenders } = (await import(file)) as { contenders: readonly Contender[] };
  const contender = contenders.find((one) => one.name === name)!;
  let loads = 0;
  const load = async (id: number) => {
    loads++;
    return articleOf(id);
  };
  const subject = await contender.create({ load, redisUrl: '' });
  const fill = async (from: number, to: number) => {
    for (let id = from; id <= to; id++) await subject.call(id);
  };
  return async () => {
    await fill(1, FIRST);
    const before = await used();
    await fill(FIRST + 1, ARTICLES);
    const bytes = ((await used()) - before) / (ARTICLES - FIRST);
    await fill(1, ARTICLES);
    if (loads !== ARTICLES)
      throw new Error(`the loader ran ${loads} times for ${ARTICLES} entries`);
    return { bytes };
  };
});

async function used(): Promise<number> {
  for (let n = 0; n < 4; n++) {
    await turn();
    collect();
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
