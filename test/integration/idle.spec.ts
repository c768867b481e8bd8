import { describe, expect, it } from '@jest/globals';
import { onTier, tiers } from '../support/cache.application.js';

class Nothing {}

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
