import { describe, expect, it } from '@jest/globals';
import { onTier, recordFailures, tiers } from '../support/cache.application.js';

class Nothing {}

describe.each(['redis', 'both'] as const)('A cache with a time to idle, %s', (name) => {
  const tier = onTier(name);

  it('replaces what holds another type under its key', async () => {
    const failures = recordFailures();
    const { cache, keyOf } = await tier.start(Nothing, {
      errorHandler: failures.handle,
      caches: { articles: { tti: '1m' } },
    });
    const articles = cache('articles');
    await tier.redis.command('SADD', keyOf('articles', '7'), 'of another type');
    expect(await articles.get(7)).toBeUndefined();
    expect(await articles.getOrLoad(7, async () => 'seven')).toBe('seven');
    expect(await articles.getMany([7])).toEqual(new Map([[7, 'seven']]));
    expect(await tier.redis.command('TYPE', keyOf('articles', '7'))).toBe('string');
    expect(failures.seen).toEqual([]);
  });
});

describe.each(tiers)('An idle entry that was read until its end, %s', (name) => {
  const tier = onTier(name);

  /** A cache whose entry of key 7 has lived its `ttl`, though reads have kept it from idling. */
  async function withDeadEntry() {
    const caches = { articles: { ttl: 200, tti: '1m', jitter: 0 } };
    const running = await tier.start(Nothing, { caches });
    const articles = running.cache('articles');
    await articles.put(7, 'old');
    while ((await articles.get(7)) !== undefined) await new Promise(setImmediate);
    return articles;
  }

  it('is no entry to any read', async () => {
    const articles = await withDeadEntry();
    expect(await articles.getEntry(7)).toBeUndefined();
    expect(await articles.getMany([7])).toEqual(new Map());
    expect(await articles.getOrLoad(7, async () => 'new')).toBe('new');
    expect(await articles.get(7)).toBe('new');
  });

  it('is no entry to putIfAbsent', async () => {
    const articles = await withDeadEntry();
    expect(await articles.putIfAbsent(7, 'new')).toBeUndefined();
    expect(await articles.get(7)).toBe('new');
  });
});
