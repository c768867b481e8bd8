import { describe, expect, it } from '@jest/globals';
import { CachePut, Cacheable, fromResult } from 'nestjs-elasticache';
import { Counter, onTier, tiers } from '../../support/cache.application.js';

class Articles extends Counter {
  error: Error | undefined;

  @CachePut('articles', { key: (id: number) => id })
  async save(id: number): Promise<number> {
    if (this.error) throw this.error;
    return this.run(id);
  }
  @CachePut('articles', { condition: fromResult((result: number, id: number) => result + id > 9) })
  saveLarge(id: number): Promise<number> {
    return this.run(id);
  }
  @CachePut(['first', 'second'])
  saveInBoth(id: number): Promise<number> {
    return this.run(id);
  }
  @CachePut('articles')
  async saveNull(id: number): Promise<null> {
    await this.run(id);
    return null;
  }
  @Cacheable('byId', { key: (id: number) => id })
  @CachePut('bySlug', { key: (_id: number, slug: string) => slug })
  findAndPut(id: number, slug: string): Promise<number> {
    return this.run(id, slug);
  }
  @Cacheable('byId', { key: (id: number) => id })
  @CachePut('bySlug', { key: (id: number) => id, condition: fromResult((n: number) => n > 100) })
  findAndMaybePut(id: number): Promise<number> {
    return this.run(id);
  }
  @Cacheable('byId', {
    key: (id: number) => id,
    condition: (_id: number, fresh: boolean) => !fresh,
  })
  @CachePut('byId', { key: (id: number) => id, condition: (_id: number, fresh: boolean) => fresh })
  getOrRefresh(id: number, fresh: boolean): Promise<number> {
    return this.run(id, fresh);
  }
}

describe.each(tiers)('@CachePut, %s', (name) => {
  const tier = onTier(name);

  it('66: always runs the method and stores its result over what was there', async () => {
    const { service, cache } = await tier.start(Articles);
    expect([await service.save(7), await service.save(7)]).toEqual([1, 2]);
    expect(await cache('articles').get(7)).toBe(2);
  });

  it('67: condition is judged after the method and may use result and arguments', async () => {
    const { service, cache } = await tier.start(Articles);
    await service.saveLarge(1);
    await service.saveLarge(8);
    expect(await cache('articles').getMany([1, 8])).toEqual(new Map([[8, 2]]));
  });

  it('68: several caches all hold the value', async () => {
    const { service, cache } = await tier.start(Articles);
    await service.saveInBoth(7);
    expect([await cache('first').get(7), await cache('second').get(7)]).toEqual([1, 1]);
  });

  it('69: a null result replaces the old value (without a result: a compile error)', async () => {
    const { service, cache } = await tier.start(Articles);
    await cache('articles').put(7, 'old');
    await service.saveNull(7);
    expect(await cache('articles').getEntry(7)).toMatchObject({ value: null });
  });

  it('70: when the method throws, nothing is stored', async () => {
    const { service, cache } = await tier.start(Articles);
    await service.save(7);
    const error = (service.error = new Error('refused'));
    await expect(service.save(7)).rejects.toBe(error);
    expect(await cache('articles').get(7)).toBe(1);
  });

  it('71: with @Cacheable on the method, a put that might apply runs it even on a hit', async () => {
    const { service, cache } = await tier.start(Articles);
    await cache('byId').put(7, 77);
    expect(await service.findAndPut(7, 'seven')).toBe(1);
    expect(await cache('bySlug').get('seven')).toBe(1);
    await cache('byId').put(8, 88);
    expect(await service.findAndMaybePut(8)).toBe(2);
    expect(await cache('bySlug').getEntry(8)).toBeUndefined();
  });

  it("72: in that case @Cacheable's own entry is refreshed too (api.md)", async () => {
    const { service, cache } = await tier.start(Articles);
    await cache('byId').put(7, 77);
    await service.findAndPut(7, 'seven');
    expect(await cache('byId').get(7)).toBe(1);
  });

  it('73: mutually exclusive conditions give get-or-refresh by flag', async () => {
    const { service } = await tier.start(Articles);
    expect([await service.getOrRefresh(7, false), await service.getOrRefresh(7, false)]).toEqual([
      1, 1,
    ]);
    expect(await service.getOrRefresh(7, true)).toBe(2);
    expect(await service.getOrRefresh(7, false)).toBe(2);
  });
});
