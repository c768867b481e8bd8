import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { InjectCache } from 'nestjs-elasticache';
import type { Cache } from 'nestjs-elasticache';
import { onTier, tiers } from '../../support/cache.application.js';

@Injectable()
class Users {
  constructor(@InjectCache('users') readonly users: Cache<number, unknown>) {}
}

const caches = { users: {}, notNull: { cacheNull: false } };

describe.each(tiers)('The cache object, %s', (name) => {
  const tier = onTier(name);

  async function start() {
    const running = await tier.start(Users, { caches });
    return { ...running, users: running.service.users };
  }

  it('118: get answers undefined or the value; put replaces; null is a real entry', async () => {
    const { users } = await start();
    expect(await users.get(7)).toBeUndefined();
    expect(await users.getEntry(7)).toBeUndefined();
    await users.put(7, { name: 'Ann' });
    await users.put(7, { name: 'Eve' });
    expect(await users.get(7)).toEqual({ name: 'Eve' });
    await users.put(7, null);
    expect(await users.get(7)).toBeNull();
    expect(await users.getEntry(7)).toMatchObject({ value: null });
  });

  it('119: a cache is typed where it is injected (test/types); a value comes back as what was put', async () => {
    const { users } = await start();
    const value = { since: new Date(0), ids: new Set([1n]), rest: undefined };
    await users.put(7, value);
    expect(await users.get(7)).toStrictEqual(value);
  });

  it('120: putIfAbsent answers undefined when it stored, else what is there, null included', async () => {
    const { users } = await start();
    expect(await users.putIfAbsent(7, 'first')).toBeUndefined();
    expect(await users.putIfAbsent(7, 'second')).toBe('first');
    expect(await users.get(7)).toBe('first');
    await users.put(8, null);
    expect(await users.putIfAbsent(8, 'second')).toBeNull();
    expect(await users.get(8)).toBeNull();
  });

  it('121: with cacheNull: false, put(null) removes the entry (api.md; Spring refuses it)', async () => {
    const { cache } = await start();
    const notNull = cache('notNull');
    for (const nothing of [null, undefined]) {
      await notNull.put(7, 'old');
      await notNull.put(7, nothing);
      expect(await notNull.getEntry(7)).toBeUndefined();
    }
    expect(await notNull.getOrLoad(7, async () => null)).toBeNull();
    expect(await notNull.getEntry(7)).toBeUndefined();
  });

  it('122: clear and evict remove, and answer whether it was acknowledged (api.md), not whether there was something', async () => {
    const { users, cache } = await start();
    await users.putMany([
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
    ]);
    await cache('others').put(1, 'kept');
    expect(await users.evict(1, 2)).toBe(true);
    expect([...(await users.getMany([1, 2, 3])).keys()]).toEqual([3]);
    expect(await users.evict(1)).toBe(true);
    expect(await users.clear()).toBe(true);
    expect(await users.get(3)).toBeUndefined();
    expect(await users.clear()).toBe(true);
    expect(await cache('others').get(1)).toBe('kept');
  });
});
