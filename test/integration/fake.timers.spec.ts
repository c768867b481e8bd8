/** Jest's fake timers, which stop the ticks of a process, too, stop no call. */
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Cacheable } from 'nestjs-elasticache';
import { onTier } from '../support/cache.application.js';

class Articles {
  @Cacheable('articles')
  async find(id: number): Promise<string> {
    return `article ${id}`;
  }
}

describe.each(['redis', 'both'] as const)('With fake timers, %s', (name) => {
  const tier = onTier(name);
  afterEach(() => void jest.useRealTimers());

  it('calls end as they do without', async () => {
    const { service, cache } = await tier.start(Articles);
    const articles = cache('articles');
    await articles.put(1, 'one');
    jest.useFakeTimers();
    expect(await Promise.all([articles.get(1), articles.get(2)])).toEqual(['one', undefined]);
    expect(await Promise.all([1, 2].map((id) => service.find(id)))).toEqual(['one', 'article 2']);
    await articles.put(1, 'another');
    expect(await articles.get(1)).toBe('another');
    expect([await articles.evict(1), await articles.clear()]).toEqual([true, true]);
    expect(await articles.get(2)).toBeUndefined();
  });
});
