import type { Article, World } from './question.js';

export const ARTICLES = 10_000;
export const BATCH = 100;

/** Long enough for the pattern not to be learnt, short enough to stay in the processor's cache. */
const DRAWS = 1 << 16;

/** Popularity of the n-th article is 1 / n^s, as it is of pages on the web. */
const ZIPF_EXPONENT = 0.99;

const WORDS =
  'a cache keeps what was asked for near to whoever asks again until the truth has changed'.split(
    ' ',
  );

/** The article of that id, the same in every process; a new object each time. */
export function articleOf(id: number): Article {
  const text = (length: number) =>
    Array.from({ length }, (_, i) => WORDS[(id * 7 + i * i) % WORDS.length]).join(' ');
  return {
    id,
    slug: `article-${id}`,
    title: text(8),
    body: text(125),
    tags: ['cache', 'redis', WORDS[id % WORDS.length]!],
    author: { id: id % 500, name: `Author ${id % 500}`, bio: id % 3 === 0 ? null : text(12) },
    views: (id * 7919) % 100_000,
    published: id % 5 !== 0,
    createdAt: 1_700_000_000_000 + id * 60_000,
  };
}

/** The floor of a hit in memory: an async function over a Map. */
export function overMap(load: World['load']): (id: number) => Promise<Article> {
  const articles = new Map<number, Article>();
  return async (id) => {
    const known = articles.get(id);
    if (known !== undefined) return known;
    const article = await load(id);
    articles.set(id, article);
    return article;
  };
}

/** The ids asked for, one after the other, round and round: drawn beforehand, the same in every process. */
export function drawIds(): (call: number) => number {
  const random = randomFrom(42);
  const ids = shuffled(everyId(), random);
  const cumulated = new Float64Array(ARTICLES);
  let sum = 0;
  for (let i = 0; i < ARTICLES; i++) cumulated[i] = sum += 1 / (i + 1) ** ZIPF_EXPONENT;
  const draws = Uint16Array.from({ length: DRAWS }, () => ids[rankAt(cumulated, random() * sum)]!);
  return (call) => draws[call & (DRAWS - 1)]!;
}

/** Every article once in as many batches as that takes, round and round; the same in every process. */
export function drawBatches(): (call: number) => readonly number[] {
  const ids = shuffled(everyId(), randomFrom(42));
  const batches = Array.from({ length: ARTICLES / BATCH }, (_, i) =>
    ids.slice(i * BATCH, (i + 1) * BATCH),
  );
  return (call) => batches[call % batches.length]!;
}

function everyId(): number[] {
  return Array.from({ length: ARTICLES }, (_, i) => i + 1);
}

function rankAt(cumulated: Float64Array, point: number): number {
  let [low, high] = [0, cumulated.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cumulated[middle]! < point) low = middle + 1;
    else high = middle;
  }
  return low;
}

function shuffled(ids: number[], random: () => number): number[] {
  for (let i = ids.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [ids[i], ids[j]] = [ids[j]!, ids[i]!];
  }
  return ids;
}

/** Mulberry32. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
