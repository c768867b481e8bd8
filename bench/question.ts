/** What a file `<name>.bench.ts` exports as default: one question, and everyone who answers it. */
export interface Question {
  readonly title: string;
  readonly needsRedis: boolean;
  /** What the calls are: hits, misses, or hits of a hundred articles each. */
  readonly calls: 'hits' | 'misses' | 'batches';
  readonly cases: readonly Case[];
  /** The first is the floor: 1.00. */
  readonly contenders: readonly Contender[];
}

/** A question of another shape, on a Redis of its own. */
export interface Experiment {
  readonly title: string;
  /** Resolves with the answer in Markdown. */
  ask(files: { file: string; redisUrl: string }): Promise<string>;
}

/** The same question under another load. */
export interface Case {
  readonly name: string;
  /** Calls under way at a time. */
  readonly inFlight: number;
  /** Calls between two looks at the clock. */
  readonly batch: number;
}

export interface Contender {
  readonly name: string;
  /** The package of a peer. One that does not start on this Node is said so in the table. */
  readonly peer?: string;
  create(world: World): Promise<Subject>;
}

/** What a contender is given to build its cache on. */
export interface World {
  /** The slow method. Who has an answer may not call it again. */
  readonly load: (id: number) => Promise<Article>;
  /** A database of its own. */
  readonly redisUrl: string;
}

/** A cache in front of {@link World.load}. */
export interface Subject {
  /** For the article of that id; or, where the calls are batches, for the articles of the batch of that number. */
  call(id: number): Promise<unknown>;
  close?(): Promise<unknown>;
}

/** About 1 KB of JSON, and nothing that a peer would not bring back: no Date, and no text that reads as one. */
export interface Article {
  readonly id: number;
  readonly slug: string;
  readonly title: string;
  readonly body: string;
  readonly tags: readonly string[];
  readonly author: { readonly id: number; readonly name: string; readonly bio: string | null };
  readonly views: number;
  readonly published: boolean;
  readonly createdAt: number;
}
