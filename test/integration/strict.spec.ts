import { describe, expect, it } from '@jest/globals';
import type { Cache, CacheExplanation } from 'nestjs-elasticache';
import { type Running, gate, onTier, recordFailures, times } from '../support/cache.application.js';
import { StrictArticles } from '../support/strict.articles.js';
import { until } from '../support/waiting.js';

type Write = (articles: StrictArticles, cache: Cache) => Promise<unknown>;

interface Kind {
  readonly write: Write;
  /** What is seen of the first phase. */
  readonly guard: (found: CacheExplanation, tagVersion: string | null) => unknown;
  readonly guarded: string;
  /** Whether entries of other keys are not to be had meanwhile, or for good. */
  readonly others: 'stay' | 'come back' | 'go';
  /** Whether the entry is there again where the method throws. */
  readonly restored: boolean;
}

const byLease = { guard: (found: CacheExplanation) => found.lease, guarded: 'strict write' };
const byCache = {
  guard: (found: CacheExplanation) => found.versions['cache'],
  guarded: 'pending',
};
const byTag = { guard: (_: CacheExplanation, tag: string | null) => tag?.[0], guarded: '!' };

/** Every way to evict key 7, strictly. */
const kinds: Record<string, Kind> = {
  key: {
    write: (articles) => articles.remove(7),
    ...byLease,
    others: 'stay',
    restored: false,
  },
  'key of the result': {
    write: (articles) => articles.removeByResult(7),
    ...byCache,
    others: 'come back',
    restored: true,
  },
  'all entries': {
    write: (articles) => articles.removeAll(7),
    ...byCache,
    others: 'go',
    restored: false,
  },
  pattern: {
    write: (articles) => articles.removeMatching(7),
    ...byCache,
    others: 'come back',
    restored: true,
  },
  'pattern of the result': {
    write: (articles) => articles.removeMatchingResult(7),
    ...byCache,
    others: 'come back',
    restored: true,
  },
  tag: { write: (articles) => articles.removeTag(7), ...byTag, others: 'go', restored: false },
  'tag of the result': {
    write: (articles) => articles.removeTagOfResult(7),
    ...byCache,
    others: 'go',
    restored: true,
  },
  'key in two caches': {
    write: (articles) => articles.removeInTwo(7),
    ...byLease,
    others: 'stay',
    restored: false,
  },
};

let applications = 0;

describe('A strict eviction', () => {
  const tier = onTier('redis');

  async function start() {
    const failures = recordFailures();
    const options = {
      namespace: `strict${++applications}`,
      errorHandler: failures.handle,
      defaults: { consistency: 'strict', timeouts: { store: '5s' } },
    } as const;
    const running: Running<StrictArticles> = await tier.start(StrictArticles, options);
    const another = await tier.start(StrictArticles, options);
    const articles = running.cache('articles');
    const tagVersion = () => tier.redis.command('GET', `${options.namespace}:~tag:news`);
    /** What is seen of the guard. */
    const guardOf = async ({ guard }: Pick<Kind, 'guard'>) =>
      guard(await articles.explain(7), (await tagVersion()) as string | null);
    return { ...running, another, articles, guardOf, failures };
  }

  describe.each(Object.keys(kinds))('by %s', (name) => {
    const kind = kinds[name]!;

    it('keeps reads from storing while the method runs, in every process, and removes what is there', async () => {
      const { service, another, articles, guardOf, failures } = await start();
      for (const id of [7, 8]) await service.find(id);
      expect(await another.service.find(7)).toBe('old');
      const writing = kind.write(service, articles);
      await service.started.opened;
      expect(await guardOf(kind)).toBe(kind.guarded);
      expect(await articles.get(7)).toBeUndefined();
      for (const reader of [another.service, service]) {
        const { loads } = reader;
        expect([await reader.find(7), await reader.find(7)]).toEqual(['old', 'old']);
        expect(reader.loads).toBe(loads + 2);
        expect(await articles.getEntry(7)).toBeUndefined();
      }
      expect(await articles.get(8)).toBe(kind.others === 'stay' ? 'old' : undefined);

      service.door.open();
      expect(await writing).toBe('new');
      expect(await guardOf(kind)).not.toBe(kind.guarded);
      expect(await articles.get(8)).toBe(kind.others === 'go' ? undefined : 'old');
      expect(await articles.get(7)).toBeUndefined();
      expect([await service.find(7), await articles.get(7)]).toEqual(['new', 'new']);
      expect(failures.seen).toEqual([]);
    });

    it.each(['before', 'during'])('keeps out what a load brings that began %s it', async (when) => {
      const { service, another, articles } = await start();
      await articles.getMany([7]);
      const readDoor = gate();
      another.service.readDoor = readDoor.opened;
      const read = () => another.service.find(7);
      const early = when === 'before' ? read() : undefined;
      if (early) await another.service.reading.opened;
      const writing = kind.write(service, articles);
      await service.started.opened;
      const late = early ?? read();
      await another.service.reading.opened;
      service.door.open();
      await writing;
      readDoor.open();
      expect(await late).toBe('old');
      expect(await articles.getEntry(7)).toBeUndefined();
    });

    it('leaves nothing behind where the method throws, and its own error is thrown', async () => {
      const { service, articles, guardOf, failures } = await start();
      for (const id of [7, 8]) await service.find(id);
      const error = (service.error = new Error('own'));
      service.door.open();
      await expect(kind.write(service, articles)).rejects.toBe(error);
      expect(await guardOf(kind)).not.toBe(kind.guarded);
      expect(await articles.get(7)).toBe(kind.restored ? 'old' : undefined);
      expect(await articles.get(8)).toBe(
        kind.others === 'stay' || kind.restored ? 'old' : undefined,
      );
      expect([await service.find(7), await articles.get(7)]).toEqual(['old', 'old']);
      expect(failures.seen).toEqual([]);
    });

    it.each(['first', 'last'])(
      'beside another: reads store again when both have ended, the %s to begin before the other',
      async (which) => {
        const { service, another, articles, guardOf } = await start();
        await service.find(7);
        const first = kind.write(service, articles);
        await service.started.opened;
        const last = kind.write(another.service, articles);
        await another.service.started.opened;
        const isFirst = which === 'first';
        (isFirst ? service : another.service).door.open();
        await (isFirst ? first : last);
        expect(await guardOf(kind)).toBe(kind.guarded);
        await service.find(7);
        expect(await articles.getEntry(7)).toBeUndefined();
        (isFirst ? another.service : service).door.open();
        await Promise.all([first, last]);
        expect(await guardOf(kind)).not.toBe(kind.guarded);
        expect(await articles.getEntry(7)).toBeUndefined();
        service.truth = 'new';
        expect([await service.find(7), await articles.get(7)]).toEqual(['new', 'new']);
      },
    );
  });

  it('lets concurrent reads share a load that has not begun, and never one that has', async () => {
    const { service, articles } = await start();
    const writing = service.remove(7);
    await service.started.opened;
    const readDoor = gate();
    service.readDoor = readDoor.opened;
    const early = times(20, () => service.find(7));
    await service.reading.opened;
    service.truth = 'newer';
    service.readDoor = Promise.resolve();
    const late = times(20, () => service.find(7));
    for (let i = 0; i < 5; i++) await articles.get('nothing');
    expect(service.loads).toBe(1);
    readDoor.open();
    expect(await Promise.all(early)).toEqual(times(20, () => 'old'));
    expect(await Promise.all(late)).toEqual(times(20, () => 'newer'));
    expect(service.loads).toBe(2);
    service.door.open();
    await writing;
  });

  it('that does not apply guards nothing', async () => {
    const { articles, another } = await start();
    await articles.put(7, 'old');
    expect(await articles.evict(7)).toBe(true);
    expect(await another.cache('articles').get(7)).toBeUndefined();
    expect((await articles.explain(7)).lease).toBe('none');
  });

  it('of many keys at once guards each of them', async () => {
    const { service, articles, manager } = await start();
    await Promise.all(times(50, (id) => service.find(id)));
    const writes = times(50, (id) => service.remove(id));
    await until('all are under way', () => service.writes === 50);
    const found = await Promise.all(times(50, (id) => articles.explain(id)));
    expect(found.map(({ lease }) => lease)).toEqual(times(50, () => 'strict write'));
    service.door.open();
    await Promise.all(writes);
    const after = await Promise.all(times(50, (id) => articles.explain(id)));
    expect(after.map(({ lease }) => lease)).toEqual(times(50, () => 'none'));
    expect(await manager.clearAll()).toBe(true);
  });
});

describe('A strict cache in memory', () => {
  const tier = onTier('memory');

  it('needs no first phase: a process that dies takes its entries along', async () => {
    const { service, cache } = await tier.start(StrictArticles, {
      defaults: { consistency: 'strict' },
    });
    const articles = cache('articles');
    for (const { write } of Object.values(kinds)) {
      service.truth = 'old';
      service.door = gate();
      service.started = gate();
      expect(await service.find(7)).toBe('old');
      const writing = write(service, articles);
      await service.started.opened;
      expect(await articles.get(7)).toBe('old');
      service.door.open();
      await writing;
      expect(await articles.get(7)).toBeUndefined();
    }
  });
});
