import { describe, expect, it } from '@jest/globals';
import { Cacheable, CacheableMany } from 'nestjs-elasticache';
import type { Cache, ElastiCacheModuleOptions } from 'nestjs-elasticache';
import fc from 'fast-check';
import { Counter, gate, onTier, recordFailures, times } from '../support/cache.application.js';
import { differenceOf, storableValues } from '../support/storable.values.js';

class Article {
  readonly id!: number;

  title(): string {
    return `article ${this.id}`;
  }
}

/** Cannot be made without what class-transformer does not give it. */
class Strict {
  readonly id: number;

  constructor(row: { id: number }) {
    this.id = row.id;
  }
}

const article = (fields: object) => Object.assign(new Article(), fields);

class Articles extends Counter {
  door: Promise<void> = Promise.resolve();
  fields: object = { id: 7 };

  @Cacheable('articles', { type: Article })
  async find(id: unknown): Promise<Article> {
    await this.run(id);
    return article(this.fields);
  }
  @Cacheable('lists', { type: Article })
  async findAll(id: unknown): Promise<Article[]> {
    await this.run(id);
    return [article(this.fields), article({ id: 8 })];
  }
  @CacheableMany('batches', { type: Article })
  async findMany(ids: unknown[]): Promise<Article[]> {
    await this.run(ids);
    return ids.map(() => article(this.fields));
  }
  @Cacheable('strict', { type: Strict })
  async findStrict(id: number): Promise<Strict> {
    await this.run(id);
    await this.door;
    return new Strict({ id });
  }
  @CacheableMany('strict', { type: Strict })
  async findManyStrict(ids: number[]): Promise<Strict[]> {
    await this.run(ids);
    return ids.map((id) => new Strict({ id }));
  }
}

/** class-transformer leaves out what is named like a member that every object has. */
function hasOrdinaryNames(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(hasOrdinaryNames);
  if (Object.prototype.toString.call(value) !== '[object Object]') return true;
  return Object.entries(value as object).every(
    ([name, part]) => !(name in Object.prototype) && hasOrdinaryNames(part),
  );
}

describe.each([
  ['memory', 'msgpack'],
  ['redis', 'msgpack'],
  ['redis', 'json'],
] as const)('A hit revived into a class, %s, %s', (name, serializer) => {
  const tier = onTier(name);
  const defaults = name === 'redis' ? { serializer } : {};
  const start = (options: ElastiCacheModuleOptions = {}) =>
    tier.start(Articles, { defaults, ...options });

  it('is an instance, alone, in a list and in a batch', async () => {
    const { service } = await start();
    for (const calls of [3, 3]) {
      const found = [
        await service.find(7),
        ...(await service.findAll(7)),
        ...(await service.findMany([7])),
      ];
      expect(found.map((one) => one.title())).toEqual([
        'article 7',
        'article 7',
        'article 8',
        'article 7',
      ]);
      for (const one of found) expect(one).toBeInstanceOf(Article);
      expect(service.calls).toBe(calls);
    }
  });

  it('is an instance at each place of an element that is asked for twice', async () => {
    const { service } = await start();
    for (const calls of [1, 1]) {
      const [first, other, again] = await service.findMany([7, 8, 7]);
      for (const one of [first, other, again]) expect(one).toBeInstanceOf(Article);
      expect(again).not.toBe(first);
      expect(service.calls).toBe(calls);
    }
  });

  it('has every field as the miss had it: bytes, Maps, Sets, Dates and what is nested in them', async () => {
    const { service } = await start();
    let keys = 0;
    const names = fc.stringMatching(/^[a-z]\w{0,5}$/);
    const fields = fc.dictionary(names, storableValues().filter(hasOrdinaryNames), {
      minKeys: 1,
      maxKeys: 4,
      noNullPrototype: true,
    });
    await fc.assert(
      fc.asyncProperty(fields, async (values) => {
        service.fields = values;
        const key = ++keys;
        const miss = await service.find(key);
        const before = service.calls;
        const hit = await service.find(key);
        expect(service.calls).toBe(before);
        expect(hit).toBeInstanceOf(Article);
        expect(differenceOf(hit, miss)).toBeUndefined();
      }),
      { numRuns: 100 },
    );
  });

  it('of a class that cannot be made is a miss: reported, removed, and the method’s value returned', async () => {
    const failures = recordFailures();
    const { service, cache } = await start({ errorHandler: failures.handle });
    for (const calls of [1, 2, 3]) {
      expect(await service.findStrict(7)).toEqual(new Strict({ id: 7 }));
      expect(service.calls).toBe(calls);
    }
    expect(await service.findManyStrict([7, 8])).toEqual([7, 8].map((id) => new Strict({ id })));
    expect(failures.seen.map(({ error, context }) => [error.code, context.operation])).toEqual(
      times(3, () => ['CACHE_UNDECODABLE', 'get']),
    );
    expect(failures.seen[0]!.context).toMatchObject({ cache: 'strict', key: '7' });
    expect(cache('strict').stats().errors).toBe(3);
  });

  it('nor is the value lost to those who joined the load', async () => {
    const failures = recordFailures();
    const { service, cache } = await start({ errorHandler: failures.handle });
    const door = gate();
    service.door = door.opened;
    const found = times(3, () => service.findStrict(7));
    const elsewhere = cache('elsewhere') as Cache;
    for (let i = 0; i < 10; i++) {
      await elsewhere.get('nothing');
      await new Promise(setImmediate);
    }
    door.open();
    expect(await Promise.all(found)).toEqual(times(3, () => new Strict({ id: 7 })));
  });
});
