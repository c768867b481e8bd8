import { describe, expect, it } from '@jest/globals';
import type { Cache, CacheManager } from 'nestjs-elasticache';
import { glob } from 'nestjs-elasticache';
import { onTier, recordFailures } from '../support/cache.application.js';
import { StrictArticles } from '../support/strict.articles.js';

type Write = (articles: StrictArticles, cache: Cache) => Promise<unknown>;

const put = (articles: StrictArticles, cache: Cache) => cache.put(7, () => articles.write());

/** Puts of key 7 whose value is stored when they are alone. */
const keyed: Record<string, Write> = {
  '@CachePut': (articles) => articles.save(7),
  'put of a function': put,
};

const evictions: Record<string, (cache: Cache, manager: CacheManager) => Promise<unknown>> = {
  evict: (cache) => cache.evict(7),
  evictMatching: (cache) => cache.evictMatching(glob`7*`),
  clear: (cache) => cache.clear(),
  put: (cache) => cache.put(7, 'bare'),
  putMany: (cache) => cache.putMany([[7, 'bare']]),
};

let applications = 0;

describe('A strict put', () => {
  const tier = onTier('redis');

  async function start() {
    const failures = recordFailures();
    const options = {
      namespace: `strict-puts${++applications}`,
      errorHandler: failures.handle,
      defaults: { consistency: 'strict', timeouts: { store: '5s' } },
    } as const;
    const running = await tier.start(StrictArticles, options);
    const another = await tier.start(StrictArticles, options);
    return { ...running, another, articles: running.cache('articles'), failures };
  }

  describe.each(Object.keys(keyed))('by %s', (how) => {
    const write = keyed[how]!;

    it('removes what is there, lets nobody store, and stores its value', async () => {
      const { service, another, articles, failures } = await start();
      await service.find(7);
      const writing = write(service, articles);
      await service.started.opened;
      expect((await articles.explain(7)).lease).toBe('strict write');
      expect(await articles.getEntry(7)).toBeUndefined();
      expect(await another.service.find(7)).toBe('old');
      expect(await articles.getEntry(7)).toBeUndefined();
      service.door.open();
      await writing;
      expect(await articles.get(7)).toBe('new');
      expect(await another.cache('articles').get(7)).toBe('new');
      expect((await articles.explain(7)).lease).toBe('none');
      expect(failures.seen).toEqual([]);
    });

    it('whose method throws leaves nothing, and reads store again', async () => {
      const { service, articles } = await start();
      await service.find(7);
      const error = (service.error = new Error('own'));
      service.door.open();
      await expect(write(service, articles)).rejects.toBe(error);
      expect(await articles.explain(7)).toMatchObject({ found: 'miss', lease: 'none' });
      await service.find(7);
      expect(await articles.get(7)).toBe('old');
    });

    it.each(Object.keys(evictions))('keeps its value out after %s meanwhile', async (what) => {
      const { service, another, articles } = await start();
      const writing = write(service, articles);
      await service.started.opened;
      await evictions[what]!(another.cache('articles'), another.manager);
      expect(await articles.get(7)).toBeUndefined();
      service.door.open();
      await writing;
      expect(await articles.get(7)).toBeUndefined();
      expect((await articles.explain(7)).lease).toBe('none');
      await service.find(7);
      expect(await articles.get(7)).toBe('new');
    });

    it.each([...Object.keys(keyed), 'remove', 'create', 'removeAll'])(
      'beside %s leaves no value, whoever ends first',
      async (other) => {
        for (const isFirst of [true, false]) {
          const { service, another, articles } = await start();
          const writeOther = (keyed[other] ?? ((all) => all[other as 'remove'](7))) as Write;
          const writings = [write(service, articles), writeOther(another.service, articles)];
          await Promise.all([service.started.opened, another.service.started.opened]);
          const [one, two] = isFirst ? [service, another.service] : [another.service, service];
          one.door.open();
          await writings[isFirst ? 0 : 1];
          expect(await articles.getEntry(7)).toBeUndefined();
          await service.find(7);
          expect(await articles.getEntry(7)).toBeUndefined();
          two.door.open();
          await Promise.all(writings);
          expect(await articles.getEntry(7)).toBeUndefined();
          await service.find(7);
          expect(await articles.get(7)).toBe('new');
        }
      },
    );

    it('of one key concerns no other', async () => {
      const { service, another, articles } = await start();
      const writing = write(service, articles);
      await service.started.opened;
      await another.service.find(8);
      expect(await articles.get(8)).toBe('old');
      service.door.open();
      await writing;
      expect([await articles.get(7), await articles.get(8)]).toEqual(['new', 'old']);
    });
  });

  it('whose key is that of the result holds the whole cache pending, and leaves nothing of its own', async () => {
    const { service, another, articles } = await start();
    for (const id of [7, 8]) await service.find(id);
    const writing = service.create(7);
    await service.started.opened;
    expect((await articles.explain(7)).versions).toMatchObject({ cache: 'pending' });
    await another.service.find(9);
    for (const id of [7, 8, 9]) expect(await articles.getEntry(id)).toBeUndefined();
    service.door.open();
    await writing;
    expect(await articles.getEntry(7)).toBeUndefined();
    expect(await articles.get(8)).toBe('old');
    expect([await service.find(7), await articles.get(7)]).toEqual(['new', 'new']);
  });

  it('of a bare value is none: it stores at once', async () => {
    const { articles } = await start();
    await articles.put(7, 'bare');
    expect(await articles.get(7)).toBe('bare');
  });

  it('of what cannot be stored leaves nothing', async () => {
    const { articles, failures } = await start();
    await articles.put(7, 'before');
    const unstorable = { code: 'CACHE_SERIALIZATION' };
    await expect(articles.put(7, () => ({ f: () => 1 }))).rejects.toMatchObject(unstorable);
    expect(await articles.explain(7)).toMatchObject({ found: 'miss', lease: 'none' });
    expect(failures.seen).toEqual([]);
  });
});
