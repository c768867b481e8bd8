import { describe, expect, it } from '@jest/globals';
import { Cacheable, CacheableMany } from 'nestjs-elasticache';
import { Observable, from, lastValueFrom, map } from 'rxjs';
import { Counter, gate, onTier, tiers, times } from '../support/cache.application.js';

class Base extends Counter {
  @Cacheable('articles')
  async find(id: number): Promise<string> {
    return `base ${await this.run(id)}`;
  }
  @Cacheable('streams')
  stream(id: number): Observable<string> {
    return from(this.run(id)).pipe(map((run) => `base ${run}`));
  }
}

class Articles extends Base {
  halfWay = gate();
  door = Promise.resolve();

  @Cacheable('articles')
  override async find(id: number): Promise<string> {
    const found = await super.find(id);
    this.halfWay.open();
    await this.door;
    return `child of ${found}`;
  }
  @Cacheable('streams')
  override stream(id: number): Observable<string> {
    return super.stream(id).pipe(map((text) => `child of ${text}`));
  }
  @Cacheable('one by one')
  async findOne(id: number): Promise<string> {
    return `one ${await this.run(id)}`;
  }
  @CacheableMany('one by one')
  findMany(ids: number[]): Promise<string[]> {
    return Promise.all(ids.map((id) => this.findOne(id)));
  }
  @CacheableMany('all at once')
  async loadMany(ids: number[]): Promise<string[]> {
    const run = await this.run(ids);
    return ids.map(() => `many ${run}`);
  }
  @Cacheable('all at once')
  async loadOne(id: number): Promise<string> {
    return (await this.loadMany([id]))[0]!;
  }
}

/** What hangs here hangs until the test's time is over: nothing else ends a load that waits for itself. */
describe.each(tiers)('A load that reads what it loads, %s', (name) => {
  const tier = onTier(name);

  it('by super.find() in an override: the parent’s runs, and the override’s value is cached', async () => {
    const { service } = await tier.start(Articles);
    expect(await service.find(7)).toBe('child of base 1');
    expect(await service.find(7)).toBe('child of base 1');
    expect(service.calls).toBe(1);
  });

  it('is seen by nobody half way: who comes then gets the whole', async () => {
    const { service } = await tier.start(Articles);
    const door = gate();
    service.door = door.opened;
    const first = service.find(7);
    await service.halfWay.opened;
    const second = service.find(7);
    await lastValueFrom(service.stream(1));
    door.open();
    expect(await Promise.all([first, second])).toEqual(times(2, () => 'child of base 1'));
  });

  it('by super.stream() in an override that returns an Observable', async () => {
    const { service } = await tier.start(Articles);
    expect(await lastValueFrom(service.stream(7))).toBe('child of base 1');
    expect(await lastValueFrom(service.stream(7))).toBe('child of base 1');
    expect(service.calls).toBe(1);
  });

  it('in a batch method that calls the single one', async () => {
    const { service } = await tier.start(Articles);
    expect(await service.findMany([1, 2, 1])).toEqual(['one 1', 'one 2', 'one 1']);
    expect(await service.findMany([2, 1])).toEqual(['one 2', 'one 1']);
    expect(await service.findOne(2)).toBe('one 2');
    expect(service.calls).toBe(2);
  });

  it('in a single method that calls the batch', async () => {
    const { service } = await tier.start(Articles);
    expect(await service.loadOne(7)).toBe('many 1');
    expect(await service.loadOne(7)).toBe('many 1');
    expect(await service.loadMany([7, 8])).toEqual(['many 1', 'many 2']);
  });

  it('by hand, of one key and of many, however deep', async () => {
    const cache = (await tier.start(Articles)).cache('by hand');
    const nested = (depth: number): Promise<unknown> =>
      depth === 0
        ? Promise.resolve('innermost')
        : depth % 2 === 0
          ? cache.getOrLoad(7, () => nested(depth - 1))
          : cache
              .getOrLoadMany([7, 8], async () => new Map([[7, await nested(depth - 1)]]))
              .then((found) => found.get(7));
    expect(await nested(6)).toBe('innermost');
    expect(await cache.get(7)).toBe('innermost');
  });

  it.each([2, 3])(
    '%i calls that wait for each other: one of them loads for itself',
    async (count) => {
      const cache = (await tier.start(Articles)).cache('circle');
      const [all, arrived] = [gate(), times(count, () => false)];
      const call = (own: number) =>
        cache.getOrLoad(own, async () => {
          arrived[own] = true;
          if (arrived.every(Boolean)) all.open();
          await all.opened;
          const next = (own + 1) % count;
          return `${own}<${String(await cache.getOrLoad(next, async () => `${next} alone`))}`;
        });
      const answers = await Promise.all(times(count, call));
      expect(answers.map((answer) => answer[0])).toEqual(times(count, String));
      expect(answers.filter((answer) => /^\d<\d alone$/.test(answer))).toHaveLength(1);
      const stored = await cache.getMany(times(count, (i) => i));
      expect([...stored.keys()]).toEqual(times(count, (i) => i));
    },
  );

  it.each([2, 3])(
    '%i batches that wait for each other: one of them loads for itself',
    async (count) => {
      const cache = (await tier.start(Articles)).cache('circles');
      const [all, arrived] = [gate(), times(count, () => false)];
      const batch = (key: number, load: () => Promise<string>) =>
        cache
          .getOrLoadMany([key], async () => new Map([[key, await load()]]))
          .then((found) => String(found.get(key)));
      const call = (own: number) =>
        batch(own, async () => {
          arrived[own] = true;
          if (arrived.every(Boolean)) all.open();
          await all.opened;
          const next = (own + 1) % count;
          return `${own}<${await batch(next, async () => `${next} alone`)}`;
        });
      const answers = await Promise.all(times(count, call));
      expect(answers.map((answer) => answer[0])).toEqual(times(count, String));
      expect(answers.filter((answer) => /^\d<\d alone$/.test(answer))).toHaveLength(1);
    },
  );

  it('it joins the loads of others as any call does', async () => {
    const cache = (await tier.start(Articles)).cache('others');
    const [started, door] = [gate(), gate()];
    const other = cache.getOrLoad(1, async () => {
      started.open();
      await door.opened;
      return 'of the other';
    });
    await started.opened;
    const own = cache.getOrLoad(2, () => {
      const inner = cache.getOrLoad(1, async () => 'its own');
      void cache.get('nothing').then(() => setImmediate(door.open));
      return inner;
    });
    expect([await other, await own]).toEqual(['of the other', 'of the other']);
    expect(cache.stats()).toMatchObject({ loads: 2, coalesced: 1 });
  });
});
