import { ARTICLES, articleOf, drawBatches, drawIds } from './articles.js';
import type { Article, Question } from './question.js';

/** What the calls of a question ask for, and what may be expected of them. */
export interface Workload {
  /** How many calls, from the first on, fill the cache before anything is measured. */
  readonly fillingCalls: number;
  /** How many of them are under way at a time. */
  readonly fillingLanes: number;
  /** Of the loader, for one measured call; every other call is a fault of the contender. */
  readonly loadsPerCall: number;
  /** Whether everything is forgotten after a round, so that no round works on what others have left. */
  readonly forgets: boolean;
  /** The argument of the n-th call that fills, and of the n-th measured one, counted from 0. */
  fillingArgument(call: number): number;
  argument(call: number): number;
  /** What the loader brings: a new object each time. */
  article(id: number): Article;
  /** A quick look at an answer; {@link expected} is for a thorough one. */
  fits(answer: unknown, argument: number): boolean;
  expected(argument: number): unknown;
}

type Calls = Question['calls'];

export function workloadOf(calls: Calls): Workload {
  return { hits, misses, batches }[calls]();
}

const isArticle = (answer: unknown, id: number) => (answer as Article).id === id;

function hits(): Workload {
  return {
    fillingCalls: ARTICLES,
    fillingLanes: 64,
    loadsPerCall: 0,
    forgets: false,
    fillingArgument: (call) => call + 1,
    argument: drawIds(),
    article: articleOf,
    fits: isArticle,
    expected: articleOf,
  };
}

/** No id comes twice. */
function misses(): Workload {
  // Made beforehand: how long it takes to make up an article is no matter of the cache's.
  const articles = Array.from({ length: ARTICLES }, (_, id) => articleOf(id));
  const article = (id: number) => ({ ...articles[id % ARTICLES]!, id });
  return {
    fillingCalls: 0,
    fillingLanes: 1,
    loadsPerCall: 1,
    forgets: true,
    fillingArgument: (call) => call,
    argument: (call) => call,
    article,
    fits: isArticle,
    expected: article,
  };
}

function batches(): Workload {
  const idsOf = drawBatches();
  const fits = (answer: unknown, batch: number) => {
    const [articles, ids] = [answer as Article[], idsOf(batch)];
    return articles.length === ids.length && articles[0]!.id === ids[0];
  };
  return {
    fillingCalls: ARTICLES / idsOf(0).length,
    fillingLanes: 1,
    loadsPerCall: 0,
    forgets: false,
    fillingArgument: (call) => call,
    argument: (call) => call,
    article: articleOf,
    fits,
    expected: (batch) => idsOf(batch).map(articleOf),
  };
}
