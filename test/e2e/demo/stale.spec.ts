import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eq } from 'drizzle-orm';
import { articles } from '../../../apps/demo/src/database/schema.js';
import { startRedis, type RedisServer } from '../../support/redis.server.js';
import { ARTICLES, START_TIMEOUT_MS, startDemo, type Demo } from './demo.application.js';

const PATH = '/articles?limit=2';
const RELOAD_MS = 10_000;

describe.each(['memory', 'Redis'])('a list that has expired in the demo on %s', (backend) => {
  let redis: RedisServer | undefined;
  let demo: Demo;

  beforeAll(async () => {
    redis = backend === 'Redis' ? await startRedis() : undefined;
    const connection = redis ? { REDIS_URL: redis.url } : {};
    // Whoever asks twice asks after its life.
    demo = await startDemo({ CACHE_TTL_ARTICLES_LIST: '1ms', ...connection });
  }, START_TIMEOUT_MS);

  afterAll(async () => {
    await demo?.close();
    await redis?.stop();
  });

  const firstTitle = async () => (await demo.get(PATH)).body[0].title as string;
  const staleServed = async () => (await demo.get('/stats')).body.caches.articleLists.staleServed;

  it('is answered all the same, and loaded anew behind the answer', async () => {
    const title = await firstTitle();
    await demo.database
      .update(articles)
      .set({ title: 'Changed without a word to the cache' })
      .where(eq(articles.id, ARTICLES));
    expect(await firstTitle()).toBe(title);
    expect(await staleServed()).toBeGreaterThan(0);

    const deadline = performance.now() + RELOAD_MS;
    let shown = title;
    while (shown === title && performance.now() < deadline) shown = await firstTitle();
    expect(shown).toBe('Changed without a word to the cache');
  });

  it('is answered no more once it was evicted', async () => {
    await firstTitle();
    await demo.send('PUT', `/articles/${ARTICLES}`, { title: 'Told', body: 'To all.', tags: [] });
    expect(await firstTitle()).toBe('Told');
  });
});
