export const TAG_NAMES = (
  'api architecture aws caching cloud containers databases debugging design devops docker ' +
  'elasticache frontend graphql http javascript kubernetes linux microservices monitoring nestjs ' +
  'nodejs performance postgresql redis scaling security testing typescript valkey'
).split(' ');

const FIRST_NAMES =
  'Ada Alan Barbara Bjarne Dennis Donald Edsger Frances Grace Hedy Jean Joan John Katherine Ken Leslie Linus Margaret Niklaus Radia Tim'.split(
    ' ',
  );
const LAST_NAMES =
  'Allen Bartik Berners Clarke Dijkstra Hamilton Hopper Johnson Kernighan Knuth Lamarr Lamport Liskov Lovelace Perlman Ritchie Shannon Thompson Turing Wirth'.split(
    ' ',
  );
const OPENINGS = 'Why How When Where Whether'.split(' ');
const SUBJECTS =
  'a cache,the database,our service,one query,a cold start,the slow page,every request,a small team,the second call,an index'.split(
    ',',
  );
const VERBS =
  'answers,forgets,waits for,outlives,replaces,slows down,protects,measures,remembers,surprises'.split(
    ',',
  );
const OBJECTS =
  'its readers,the first release,a busy afternoon,the network,stale data,its own success,ten thousand rows,a deadline,the garbage collector,an old assumption'.split(
    ',',
  );

/** Makes up names and texts, the same ones for the same seed. */
export function createWriter(seed: number) {
  const random = mulberry32(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <T>(choices: readonly T[]): T => choices[below(choices.length)]!;
  const clause = () => `${pick(SUBJECTS)} ${pick(VERBS)} ${pick(OBJECTS)}`;
  const sentence = () => capitalised(`${clause()}.`);
  return {
    pick,
    sentence,
    name: () => `${pick(FIRST_NAMES)} ${pick(LAST_NAMES)}`,
    title: () => `${pick(OPENINGS)} ${clause()}`,
    paragraph: () => Array.from({ length: 4 + below(8) }, sentence).join(' '),
    /** One to four neighbours among the choices. */
    some: <T>(choices: readonly T[]): T[] => {
      const start = below(choices.length - 4);
      return choices.slice(start, start + 1 + below(4));
    },
  };
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A generator of 32 bits of state, small and good enough for filler (Tommy Ettinger, public domain). */
function mulberry32(state: number): () => number {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
