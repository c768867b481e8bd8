import { createHash } from 'node:crypto';
import { inspect } from 'node:util';

import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  Cacheable,
  CacheContext,
  CacheEvict,
  CachePut,
  type ElastiCacheModuleOptions,
  fromResult,
  glob,
} from 'nestjs-elasticache';
import { onTier, recordFailures } from '../support/cache.application.js';
import { recordEvents } from '../support/recorded.events.js';
import { until } from '../support/waiting.js';

const keyOf = (seed: string) => createHash('sha256').update(seed).digest();
const k1 = { id: 'k1', key: keyOf('one') };
const k2 = { id: 'k2', key: keyOf('two').toString('base64url') };
const k3 = { id: 'k3', key: keyOf('three').toString('hex') };

const TENANT = 'acme-incorporated';
const USER = 'ann.smith';
const PERSONAL = 'ann@example.org';
const TAG = 'person:4711';
const PLAIN = [TENANT, USER, PERSONAL, 'ann%40example', TAG, 'person%3A4711', '4711'];

class People {
  runs = 0;

  @Cacheable('people', { tags: [TAG] })
  async find(_mail: string) {
    return { run: ++this.runs };
  }

  @Cacheable('drafts')
  async draft(_mail: string) {
    return { run: ++this.runs };
  }

  @Cacheable('pages', { tags: [TAG] })
  async page(mail: string) {
    return { ...(await this.find(mail)), page: ++this.runs };
  }

  @CachePut('people', { key: (mail: string) => mail })
  async save(_mail: string) {
    return { saved: ++this.runs };
  }

  @CachePut('people', { key: fromMail() })
  async saveFound(mail: string) {
    return { saved: ++this.runs, mail };
  }

  @CacheEvict('people', { key: (mail: string) => mail })
  async remove(_mail: string): Promise<void> {}

  @CacheEvict('people', { allEntries: true })
  async removeAll(): Promise<void> {}

  @CacheEvict({ tags: [TAG] })
  async removeTagged(): Promise<void> {}
}

function fromMail() {
  return fromResult((found: { mail: string }) => found.mail);
}

const tenants = { tenancy: {}, caches: { drafts: { scope: 'user' } } } as const;
const as = <T>(work: () => T): T => CacheContext.run({ tenant: TENANT, user: USER }, work);
const find = (people: People) => as(() => people.find(PERSONAL));

describe.each(['redis', 'both'] as const)('Secret keys, %s', (tier) => {
  const harness = onTier(tier);
  const start = (secret: NonNullable<ElastiCacheModuleOptions['keys']>['secret'], more = {}) =>
    harness.start(People, { namespace: 'shop', ...tenants, keys: { secret }, ...more });
  beforeEach(async () => void (await harness.redis.command('FLUSHALL')));

  const dump = async () => {
    const keys = (await harness.redis.command('KEYS', '*')) as string[];
    const values = await Promise.all(
      keys.map(async (key) => {
        const type = await harness.redis.command('TYPE', key);
        return type === 'stream'
          ? harness.redis.command('XRANGE', key, '-', '+')
          : harness.redis.command('GET', key);
      }),
    );
    return { keys, all: inspect([keys, values], { depth: 9, maxArrayLength: null }) };
  };

  it('stand for what they do, and nothing in Redis says for what', async () => {
    const { service } = await start([k1]);
    await as(async () => {
      await service.find(PERSONAL);
      await service.draft(PERSONAL);
      await service.save(PERSONAL);
      await service.removeTagged();
      await service.page(PERSONAL);
    });
    const { keys, all } = await dump();
    for (const plain of PLAIN) expect(all).not.toContain(plain);
    const entries = keys.filter((key) => key.startsWith('shop:v1:'));
    expect(entries).toHaveLength(3);
    for (const key of entries) {
      expect(key).toMatch(/^shop:v1:t=[\w-]{22}(,u=[\w-]{22})?:(people|drafts|pages):[\w-]{22}$/);
    }
  });

  it('are hits for whoever has the secret, and misses for whoever has another', async () => {
    const { service } = await start([k1]);
    await find(service);
    expect(await find((await start([k1])).service)).toEqual({ run: 1 });
    const stranger = (await start([k2])).service;
    await find(stranger);
    expect(stranger.runs).toBe(1);
    const plain = await harness.start(People, { namespace: 'shop', ...tenants });
    await find(plain.service);
    expect(plain.service.runs).toBe(1);
  });

  it('differ for one key in two tenants, two caches, and two users', async () => {
    const { service } = await start([k1]);
    for (const tenant of ['acme', 'globex']) {
      for (const user of ['ann', 'bob']) {
        await CacheContext.run({ tenant, user }, async () => {
          await service.find('a');
          await service.draft('a');
        });
      }
    }
    const { keys } = await dump();
    const entries = keys.filter((key) => key.startsWith('shop:v1:'));
    const names = entries.map((key) => key.split(':').at(-1));
    expect([entries.length, new Set(names).size]).toEqual([6, 6]);
    const users = entries.flatMap((key) => /u=([^:]+)/.exec(key)?.[1] ?? []);
    expect(new Set(users).size).toBe(4);
  });

  it('are found by every invalidation of another process', async () => {
    const [one, other] = [await start([k1]), await start([k1])];
    const writes: Record<string, () => Promise<unknown>> = {
      save: () => other.service.save(PERSONAL),
      saveFound: () => other.service.saveFound(PERSONAL),
      remove: () => other.service.remove(PERSONAL),
      removeAll: () => other.service.removeAll(),
      removeTagged: () => other.service.removeTagged(),
      evict: () => other.cache('people').evict(PERSONAL),
      'a literal pattern': () => other.cache('people').evictMatching(PERSONAL),
      'all tenants': () => other.cache('people').forAllTenants().clear(),
      'a tag of all tenants': () => other.manager.forAllTenants().evictTags(TAG),
    };
    for (const [name, write] of Object.entries(writes)) {
      await find(one.service);
      const before = one.service.runs;
      await as(write);
      await until(`${name} is seen`, async () => {
        const found = (await find(one.service)) as { run?: number };
        return found.run === undefined || found.run > before;
      });
    }
  });

  it.each([
    ['first the old one', [k1, k2], [k1]],
    ['first the new one', [k2, k1], [k1]],
    ['while others have the new one first', [k1, k2], [k2, k1]],
    ['after another', [k3, k2, k1], [k2, k1]],
  ])('are evicted under all secrets while one is replaced, %s', async (_, ours, theirs) => {
    for (const consistency of ['default', 'strict'] as const) {
      const more = { defaults: { consistency, timeouts: { store: '5s' } }, namespace: consistency };
      const [one, other] = [await start(ours, more), await start(theirs, more)];
      const writes: (() => Promise<unknown>)[] = [
        () => one.service.save(PERSONAL),
        () => one.service.saveFound(PERSONAL),
        () => one.service.remove(PERSONAL),
        () => one.service.removeAll(),
        () => one.service.removeTagged(),
        () => one.cache('people').put(PERSONAL, { put: true }),
        () => one.cache('people').evict(PERSONAL),
        () => one.manager.forAllTenants().evictTags(TAG),
      ];
      for (const write of writes) {
        await find(other.service);
        const { runs } = other.service;
        await as(write);
        await until(`${String(write)} is seen`, async () => {
          const found = await find(other.service);
          return other.service.runs > runs || !('run' in found);
        });
      }
    }
  });

  it('make misses of what stands under a secret that is gone', async () => {
    await find((await start([k1])).service);
    const { service, cache } = await start([k2, k3]);
    await find(service);
    expect(service.runs).toBe(1);
    expect(as(() => cache('people').stats())).toMatchObject({ misses: 1, errors: 0 });
  });

  it('are what events, error handlers, logs and explanations tell', async () => {
    const failures = recordFailures();
    const events = recordEvents('shop');
    const { service, cache, log } = await start([k1], { errorHandler: failures.handle });
    await as(async () => {
      await service.find(PERSONAL);
      await service.find(PERSONAL);
      await service.save(PERSONAL);
      await service.removeTagged();
      await service.page(PERSONAL);
      await service.remove(PERSONAL);
      await cache('people')
        .put(PERSONAL, { f: () => undefined })
        .catch(() => undefined);
    });
    await harness.refuse('get', 'put', 'evict');
    await as(async () => {
      await service.find(`${PERSONAL} `);
      await service.remove(PERSONAL);
    });
    await harness.permit();
    const explained = await as(() => cache('people').explain(PERSONAL));
    const seen = events.take('hit', 'miss', 'load', 'put', 'evict', 'error');
    events.stop();
    expect(failures.seen.length).toBeGreaterThan(1);
    expect(seen.length).toBeGreaterThan(10);
    const told = inspect([failures.seen, seen, log, explained], {
      depth: 12,
      showHidden: true,
      maxArrayLength: null,
    });
    for (const plain of PLAIN) expect(told).not.toContain(plain);
  });

  it('are not looked for by a pattern', async () => {
    class Patterns {
      @CacheEvict('people', { pattern: '*' })
      async evict(): Promise<void> {}
    }
    const error = await harness.refusal(() => Patterns, { keys: { secret: [k1] } });
    expect(String(error)).toContain(
      'Patterns.evict: evicts by a pattern, which finds nothing among the keys that keys.secret makes',
    );
    const { cache } = await start([k1]);
    const evicting = as(() => cache('people').evictMatching(glob`*`));
    await expect(evicting).rejects.toMatchObject({ code: 'CACHE_PATTERN' });
  });
});

describe('A secret that is none', () => {
  const harness = onTier('memory');
  const SHORT = 'hunter2-and-more';

  it.each([
    [[], 'must be a list of keys, one at least'],
    [[{ id: 'a', key: SHORT }], 'must hold 32 bytes a key'],
    [[{ id: 'a', key: Buffer.from(SHORT) }], 'look at a'],
    [[{ id: 'a b', key: k1.key }], 'must be keys with an id each'],
    [[{ key: k1.key }], 'must be keys with an id each'],
    [[k1, { ...k2, id: 'k1' }], 'must be keys with different ids'],
    [SHORT, 'must be a list of keys'],
  ])('is a fault at start-up, and is not shown: %#', async (secret, message) => {
    const options = { keys: { secret } } as unknown as ElastiCacheModuleOptions;
    const error = (await harness.refusal(() => People, options)) as Error;
    expect(error.message).toContain('keys.secret: ');
    expect(error.message).toContain(message);
    expect(error.message).not.toContain(SHORT);
  });
});
