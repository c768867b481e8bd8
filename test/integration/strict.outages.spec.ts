import { describe, expect, it } from '@jest/globals';
import {
  type Cache,
  type CacheOptions,
  CacheUnavailableError,
  type ElastiCacheModuleOptions,
} from 'nestjs-elasticache';
import { gate, onTier, recordFailures } from '../support/cache.application.js';
import { startProgram } from '../support/application.process.js';
import { StrictArticles } from '../support/strict.articles.js';
import { timed, until } from '../support/waiting.js';

type Write = (articles: StrictArticles, cache: Cache) => Promise<unknown>;

const writes: Record<string, Write> = {
  'evict by key': (articles) => articles.remove(7),
  'evict by a key of the result': (articles) => articles.removeByResult(7),
  'evict of all entries': (articles) => articles.removeAll(7),
  'evict by pattern': (articles) => articles.removeMatching(7),
  'evict by tag': (articles) => articles.removeTag(7),
  'evict by a tag of the result': (articles) => articles.removeTagOfResult(7),
  'evict in two caches': (articles) => articles.removeInTwo(7),
  '@CachePut': (articles) => articles.save(7),
  '@CachePut by a key of the result': (articles) => articles.create(7),
  'put of a function': (articles, cache) => cache.put(7, () => articles.write()),
};

/** What was seen of the guard's life, and whether it has been prolonged. */
const LIFE_MS = 30_000;

let applications = 0;

describe('A strict write', () => {
  const tier = onTier('redis');

  async function start(defaults: CacheOptions = {}, others: ElastiCacheModuleOptions = {}) {
    const failures = recordFailures();
    const namespace = `outages${++applications}`;
    const running = await tier.start(StrictArticles, {
      namespace,
      errorHandler: failures.handle,
      defaults: { consistency: 'strict', timeouts: { store: '300ms' }, ...defaults },
      ...others,
    });
    const lease = `{${namespace}:v1:global:articles:7}:lease`;
    const pttl = async (key: string) => Number(await tier.redis.command('PTTL', key));
    const articles = running.cache('articles');
    await until('connected', () => articles.evict('nothing').catch(() => false));
    failures.seen.length = 0;
    return { ...running, namespace, lease, pttl, articles, failures };
  }

  it.each(Object.keys(writes))('does not run where Redis is down: %s', async (how) => {
    const { service, articles, failures } = await start();
    service.door.open();
    await tier.redis.kill();
    try {
      let error: unknown;
      const took = await timed(async () => {
        error = await writes[how]!(service, articles).catch((reason: unknown) => reason);
      });
      expect(error).toBeInstanceOf(CacheUnavailableError);
      expect(error).toMatchObject({ code: 'CACHE_NOT_GUARDED' });
      expect((error as Error).message).toMatch(/the method did not run/);
      expect(service.writes).toBe(0);
      expect(took).toBeLessThan(4_000);
      expect(failures.seen.length).toBeGreaterThan(0);
      for (const { error: told } of failures.seen) {
        expect(told.code).toMatch(/^CACHE_(UNAVAILABLE|TIMEOUT)$/);
      }
      expect(await service.find(7)).toBe('old'); // reads go on
    } finally {
      await tier.restart();
    }
  });

  it.each(Object.keys(writes))('does not run where Redis refuses it: %s', async (how) => {
    const { service, articles } = await start();
    service.door.open();
    await service.find(7);
    await tier.acl('-evalsha', '-eval');
    const refused = { code: 'CACHE_NOT_GUARDED' };
    await expect(writes[how]!(service, articles)).rejects.toMatchObject(refused);
    expect(service.writes).toBe(0);
  });

  it('runs where Redis is down, if its cache is not strict', async () => {
    const { service, articles } = await start({ consistency: 'default' });
    service.door.open();
    await tier.acl('-evalsha', '-eval', '-unlink');
    for (const [ran, write] of Object.values(writes).entries()) {
      await write(service, articles);
      expect(service.writes).toBe(ran + 1);
    }
  });

  it('that cannot be guarded in one of two caches leaves no guard in the other', async () => {
    const { service, articles, namespace } = await start();
    service.door.open();
    await service.find(7);
    await tier.acl('resetkeys', `~*${namespace}*articles*`);
    await expect(service.removeInTwo(7)).rejects.toMatchObject({ code: 'CACHE_NOT_GUARDED' });
    expect(service.writes).toBe(0);
    await tier.permit();
    expect((await articles.explain(7)).lease).toBe('none');
    await service.find(7);
    expect(await articles.get(7)).toBe('old');
  });

  it.each(['journal', 'throw'] as const)(
    'whose second phase fails is told (%s), and leaves its guard',
    async (onEvictFailure) => {
      const { service, articles, failures, lease } = await start({ onEvictFailure });
      await service.find(7);
      const writing = service.remove(7);
      await service.started.opened;
      await tier.acl('-evalsha', '-eval');
      service.door.open();
      if (onEvictFailure === 'throw') {
        await expect(writing).rejects.toMatchObject({ code: 'CACHE_NOT_EVICTED' });
      } else {
        expect(await writing).toBe('new');
      }
      expect(failures.seen).toEqual([
        {
          error: expect.objectContaining({ code: 'CACHE_UNAVAILABLE' }),
          context: { operation: 'evict', cache: 'articles', key: '7', method: expect.any(String) },
        },
      ]);
      await tier.permit();
      expect((await articles.explain(7)).lease).toBe('strict write');
      expect(await service.find(7)).toBe('new');
      expect(await articles.getEntry(7)).toBeUndefined();
      await tier.redis.command('PEXPIRE', lease, '1'); // the rest of its life
      await until('the guard has ended', async () => (await articles.explain(7)).lease === 'none');
      await until('it is stored again, once the eviction was made up for', async () => {
        await service.find(7);
        return (await articles.get(7)) === 'new';
      });
    },
  );

  const guards: [string, Write, (namespace: string) => string][] = [
    ['a key', writes['evict by key']!, (name) => `{${name}:v1:global:articles:7}:lease`],
    ['a put', writes['@CachePut']!, (name) => `{${name}:v1:global:articles:7}:lease`],
    ['all entries', writes['evict of all entries']!, (name) => `${name}:~cache:articles`],
    ['a pattern', writes['evict by pattern']!, (name) => `${name}:~cache:articles`],
    ['a tag', writes['evict by tag']!, (name) => `${name}:~tag:news`],
  ];

  it.each(guards)('renews its guard while the method runs: of %s', async (_, write, keyOf) => {
    const { service, articles, namespace, pttl } = await start();
    for (const id of [7, 8]) await service.find(id);
    const key = keyOf(namespace);
    const writing = write(service, articles);
    await service.started.opened;
    const full = await pttl(key);
    expect(full).toBeGreaterThan(LIFE_MS - 1_000);
    expect(full).toBeLessThanOrEqual(LIFE_MS);
    for (const _ of [1, 2]) {
      await until('it is older', async () => (await pttl(key)) < LIFE_MS - 1_200);
      await until('it is renewed', async () => (await pttl(key)) > LIFE_MS - 600);
    }
    expect(await articles.getEntry(7)).toBeUndefined();
    service.door.open();
    await writing;
    await articles.evict(7);
    expect(await service.find(7)).toBe('new');
    expect(await articles.get(7)).toBe('new');
  });

  /** A process of its own that says when its strict eviction of key 7 has committed, and never ends it. */
  function startWriter(namespace: string) {
    return startProgram(
      `
      class Articles {
        async remove(id) { tell('committed'); return hangs(); }
      }
      decorate(Articles, 'remove', library.CacheEvict('articles'));
      const app = await start({}, [Articles]);
      app.get(Articles).remove(7);
      `,
      { namespace, connection: tier.redis.url, defaults: { consistency: 'strict' } },
    );
  }

  it('of a process that is killed leaves a guard that ends, and nothing stale', async () => {
    const { service, articles, namespace, lease, pttl } = await start();
    await service.find(7);
    const readDoor = gate();
    const other = await tier.start(StrictArticles, { namespace });
    other.service.readDoor = readDoor.opened;
    await articles.evict(7);
    service.reading = gate();
    const reading = other.service.find(7); // has seen what the write is about to change
    await other.service.reading.opened;

    const program = startWriter(namespace);
    expect(await program.told()).toBe('committed');
    await program.kill();
    service.truth = 'new';

    readDoor.open();
    expect(await reading).toBe('old');
    expect(await service.find(7)).toBe('new');
    expect(await articles.getEntry(7)).toBeUndefined();
    expect((await articles.explain(7)).lease).toBe('strict write');
    await until('nobody renews it', async () => (await pttl(lease)) < LIFE_MS - 2_500);
    await tier.redis.command('PEXPIRE', lease, '1'); // the rest of its life
    await until('the guard has ended', async () => (await articles.explain(7)).lease === 'none');
    expect(await articles.getEntry(7)).toBeUndefined();
    expect([await service.find(7), await articles.get(7)]).toEqual(['new', 'new']);
  });

  it.each(['before', 'after'])(
    'beside that of a process that is killed %s it ends leaves nothing stale',
    async (when) => {
      const { service, articles, namespace, lease } = await start();
      await service.find(7);
      const program = startWriter(namespace);
      expect(await program.told()).toBe('committed');
      const writing = service.remove(7);
      await service.started.opened;
      const readDoor = gate();
      service.readDoor = readDoor.opened;
      service.reading = gate();
      const reading = service.find(7); // has seen what both are about to change
      await service.reading.opened;
      if (when === 'before') await program.kill();
      service.door.open();
      await writing;
      readDoor.open();
      expect(await reading).toBe('old');
      expect(await articles.getEntry(7)).toBeUndefined();
      if (when === 'after') await program.kill();
      service.readDoor = Promise.resolve();
      expect((await articles.explain(7)).lease).toBe('strict write');
      expect(await service.find(7)).toBe('new');
      expect(await articles.getEntry(7)).toBeUndefined();
      await tier.redis.command('PEXPIRE', lease, '1'); // the rest of its life
      await until('the guard has ended', async () => (await articles.explain(7)).lease === 'none');
      expect([await service.find(7), await articles.get(7)]).toEqual(['new', 'new']);
    },
  );
});
