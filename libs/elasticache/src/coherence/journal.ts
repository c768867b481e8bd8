import { Glob } from '../key/glob.js';
import { wasRefused } from '../store/redis.exchange.js';

/** What one invalidation removes of a cache: entries by their keys, those that match, or all. */
export type Evicted = { readonly texts: readonly string[] } | Glob | 'everything';

/** A cache in one scope, and what evicts from it: acknowledged, or rejected. */
export interface JournalPlace {
  readonly cache: string;
  readonly scope: string;
  /** The store that it has by now. */
  readonly store: () => {
    evict(texts: readonly string[]): Promise<unknown>;
    clear(): Promise<unknown>;
  };
}

/** Evicts again what is of no single place. Acknowledged, or rejected. */
export interface JournalTarget {
  /** In every scope. */
  clear(cache: string): Promise<unknown>;
  evictTags(tags: readonly string[]): Promise<unknown>;
  /** The caches that entries may be in which bear a tag. */
  cacheNames(): readonly string[];
  /** Told once why a server refuses invalidations of a cache, those of tags under `*`. */
  refused(cache: string, error: Error): void;
}

type Held =
  | { readonly place: JournalPlace; readonly text: string }
  | { readonly place: JournalPlace }
  | { readonly cache: string }
  | { readonly tag: string };

/** What one command can do, each with its id. */
type Group = (readonly [string, Held])[];

/** What has come of one attempt to make up for all. */
interface Pass {
  count: number;
  hasFailed: boolean;
  /** Somebody did not answer. */
  isAway: boolean;
}

/** How many are held; beyond it whole caches are cleared instead, in every scope. */
const MOST_HELD = 10_000;

/** Keys that are evicted by one command. */
const BATCH = 500;

/** Between two attempts, doubled up to the longest: what is refused now may be refused for long. */
const AGAIN_MS = 100;
const LONGEST_MS = 5_000;

/**
 * The invalidations that failed, each once. They are made up for as soon as Redis takes them, and
 * until then this process reads nothing that they concern from where it may still be. Other
 * processes know nothing of them: an invalidation that failed was reported, and is no part of the
 * promise.
 */
export class Journal {
  private readonly held = new Map<string, Held>();
  private replaying: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private delayMs = AGAIN_MS;
  private isClosed = false;
  private releases = 0;
  /** Refusals, until nothing is held any more. */
  private readonly told = new Set<string>();

  constructor(
    private readonly target: JournalTarget,
    /** Told how many were made up for. */
    private readonly onReplayed: (count: number) => void = () => undefined,
  ) {}

  get isEmpty(): boolean {
    return this.held.size === 0;
  }

  /** The part of it that is of one place. */
  at(place: JournalPlace): PlaceJournal {
    const id = placeOf(place);
    const { held } = this;
    return {
      isEmpty: () => held.size === 0,
      releases: () => this.releases,
      note: (evicted) => this.note(place, evicted),
      conceals: (text, tags) =>
        held.size > 0 &&
        (held.has(allOf(place.cache)) ||
          held.has(id) ||
          held.has(textOf(id, text)) ||
          tags.some((tag) => held.has(tagOf(tag)))),
    };
  }

  /** An invalidation of a cache in all its scopes has failed. */
  noteCaches(names: readonly string[]): void {
    for (const cache of names) this.hold(allOf(cache), { cache });
    this.replayLater();
  }

  /** An invalidation of tags in all scopes has failed: by what names they go there is not looked for. */
  noteAll(): void {
    this.noteCaches(this.target.cacheNames());
  }

  noteTags(tags: readonly string[]): void {
    for (const tag of tags) this.hold(tagOf(tag), { tag });
    this.replayLater();
  }

  /** Evicts all that is held, unless that is under way. Does not reject: what fails stays held, and is tried again. */
  replay(): Promise<void> {
    this.replaying ??= this.replayAll().finally(() => {
      this.replaying = undefined;
      this.replayLater();
    });
    return this.replaying;
  }

  /** How many are held, by cache; those by tag under `*`. */
  counts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const one of this.held.values()) {
      const name = nameOf(one);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return counts;
  }

  /** One last attempt; what is held then is held for nobody. */
  async close(): Promise<void> {
    if (!this.isEmpty) await this.replay();
    this.isClosed = true;
    clearTimeout(this.timer);
  }

  /** What a pattern would have found nobody knows: it is made up for by a clear. */
  private note(place: JournalPlace, evicted: Evicted): void {
    const id = placeOf(place);
    const texts = evicted === 'everything' ? undefined : textsOf(evicted);
    if (texts === undefined) this.hold(id, { place });
    else for (const text of texts) this.hold(textOf(id, text), { place, text });
    this.replayLater();
  }

  /** The last to have failed comes last. */
  private hold(id: string, one: Held): void {
    this.held.delete(id);
    this.held.set(id, one);
    if (this.held.size > MOST_HELD) this.overflow();
  }

  private overflow(): void {
    const { held, target } = this;
    const caches = new Set<string>();
    for (const one of held.values()) {
      for (const cache of 'tag' in one ? target.cacheNames() : [cacheOf(one)]) caches.add(cache);
    }
    held.clear();
    for (const cache of caches) held.set(allOf(cache), { cache });
  }

  /**
   * One after the other, until somebody is away: what is left then is sent at once, so that it keeps nobody
   * waiting for whoever is there, nor a shut-down for each.
   */
  private async replayAll(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const pass: Pass = { count: 0, hasFailed: false, isAway: false };
    const left = grouped(this.held);
    while (left.length > 0) {
      const next = left.splice(0, pass.isAway ? left.length : 1);
      await Promise.all(next.map((group) => this.makeUp(group, pass)));
    }
    this.delayMs = pass.hasFailed ? Math.min(2 * this.delayMs, LONGEST_MS) : AGAIN_MS;
    if (this.isEmpty) this.told.clear();
    if (pass.count > 0) this.onReplayed(pass.count);
  }

  /** One that is refused does not keep the others of its group. */
  private async makeUp(group: Group, pass: Pass): Promise<void> {
    try {
      await this.evict(group.map(([, one]) => one));
    } catch (error) {
      const isRefused = wasRefused(error);
      if (isRefused && group.length > 1) {
        await Promise.all(group.map((one) => this.makeUp([one], pass)));
        return;
      }
      pass.hasFailed = true;
      if (isRefused) this.tell(group[0]![1], error);
      else pass.isAway = true;
      return;
    }
    this.releases++;
    // What was noted again meanwhile failed after this: it stays.
    for (const [id, one] of group) if (this.held.get(id) === one) this.held.delete(id);
    pass.count += group.length;
  }

  /** That nobody answers was told when it failed first; a refusal may be another reason, and one to act upon. */
  private tell(one: Held, error: Error): void {
    const name = nameOf(one);
    const kind = `${name} ${error.message}`;
    if (this.told.has(kind)) return;
    this.told.add(kind);
    try {
      this.target.refused(name, error);
    } catch {
      // What an error handler throws fails the operation, and this is none of anybody's.
    }
  }

  private evict(group: readonly Held[]): Promise<unknown> {
    const { target } = this;
    const [first] = group as [Held];
    if ('tag' in first)
      return target.evictTags(group.flatMap((one) => ('tag' in one ? one.tag : [])));
    if ('cache' in first) return target.clear(first.cache);
    const store = first.place.store();
    if (!('text' in first)) return store.clear();
    return store.evict(group.flatMap((one) => ('text' in one ? one.text : [])));
  }

  private replayLater(): void {
    if (this.isEmpty || this.isClosed || this.timer !== undefined || this.replaying) return;
    this.timer = setTimeout(() => void this.replay(), this.delayMs);
    this.timer.unref();
  }
}

/** What a cache in one scope asks of the journal. */
export interface PlaceJournal {
  isEmpty(): boolean;
  /** How often something was made up for: what was being looked for then may be from before. */
  releases(): number;
  note(evicted: Evicted): void;
  /** Whether what stands under the key may have been invalidated by what is held. */
  conceals(text: string, tags: readonly string[]): boolean;
}

/** Stands in where no invalidation can fail. */
export const noJournal: PlaceJournal & Pick<Journal, 'noteCaches' | 'noteTags' | 'noteAll'> = {
  isEmpty: () => true,
  releases: () => 0,
  note: () => undefined,
  noteCaches: () => undefined,
  noteTags: () => undefined,
  noteAll: () => undefined,
  conceals: () => false,
};

function allOf(cache: string): string {
  return `all ${cache}`;
}

/** A scope holds no NUL, nor does an encoded key. */
function placeOf({ cache, scope }: JournalPlace): string {
  return `place ${cache}\0${scope}`;
}

function textOf(place: string, text: string): string {
  return `text ${place}\0${text}`;
}

function cacheOf(one: Exclude<Held, { readonly tag: string }>): string {
  return 'cache' in one ? one.cache : one.place.cache;
}

/** As it is told of. */
function nameOf(one: Held): string {
  return 'tag' in one ? '*' : cacheOf(one);
}

function textsOf(evicted: Exclude<Evicted, 'everything'>): readonly string[] | undefined {
  if (!(evicted instanceof Glob)) return evicted.texts;
  return evicted.exact === undefined ? undefined : [evicted.exact];
}

function tagOf(tag: string): string {
  return `tag ${tag}`;
}

/** Removals commute: what one command can do goes together, the first to have failed first. */
function grouped(held: ReadonlyMap<string, Held>): Group[] {
  const groups: Group[] = [];
  const open = new Map<string, Group>();
  for (const entry of held) {
    const kind = kindOf(entry);
    let group = open.get(kind);
    if (group === undefined || group.length === BATCH) {
      open.set(kind, (group = []));
      groups.push(group);
    }
    group.push(entry);
  }
  return groups;
}

function kindOf([id, one]: readonly [string, Held]): string {
  if ('tag' in one) return 'tags';
  return 'text' in one ? `texts ${placeOf(one.place)}` : id;
}
