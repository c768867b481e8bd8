/** A transaction of the database and of the cache: what it changes is seen together, or not at all. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startRedis, type RedisServer } from '../../support/redis.server.js';
import {
  ARTICLES,
  START_TIMEOUT_MS,
  startBeside,
  startDemo,
  USERS,
  type Demo,
} from './demo.application.js';

const ARTICLE = { title: 'Revised', body: 'Twice read.', tags: ['revised'] };

describe.each(['memory', 'Redis'])('a revision in the demo on %s', (backend) => {
  let redis: RedisServer | undefined;
  let demo: Demo;
  /** Where others call: on Redis, in a process of their own. */
  let others: Demo;

  beforeAll(async () => {
    redis = backend === 'Redis' ? await startRedis() : undefined;
    const variables = redis ? { REDIS_URL: redis.url } : {};
    demo = await startDemo(variables);
    others = redis ? await startBeside(demo, variables) : demo;
  }, START_TIMEOUT_MS);

  beforeEach(() => demo.caches.forAllTenants().clear());

  afterAll(async () => {
    if (others !== demo) await others?.close();
    await demo?.close();
    await redis?.stop();
  });

  const pagesOf = (id: number, author: number) => [
    `/articles/${id}`,
    `/users/${author}`,
    `/articles?limit=${ARTICLES}`,
    '/tags',
  ];

  it('is seen whole by others once it is committed', async () => {
    const { author } = (await demo.get('/articles/9')).body;
    await Promise.all(pagesOf(9, author.id).map(others.get));
    const signed = { id: author.id, name: 'Signed', bio: 'Knows better now.' };
    const revised = await demo.send('PUT', '/articles/9/revision', { ...ARTICLE, author: signed });
    const seen = { title: 'Revised', author: { id: author.id, name: 'Signed' } };
    expect(revised).toMatchObject({ status: 200, body: seen });

    const [page, user, list, tags] = await Promise.all(pagesOf(9, author.id).map(others.get));
    expect(page!.body).toEqual(revised.body);
    expect(user!.body).toMatchObject(signed);
    expect(list!.body.find(({ id }: { id: number }) => id === 9)).toMatchObject(seen);
    expect(tags!.body).toContainEqual({ name: 'revised', articles: 1 });
  });

  it('that is refused leaves the database and the cache as they were', async () => {
    const { author } = (await demo.get('/articles/10')).body;
    const stranger = (author.id % USERS) + 1;
    const before = await Promise.all(pagesOf(10, stranger).map(others.get));
    const revised = await demo.send('PUT', '/articles/10/revision', {
      ...ARTICLE,
      author: { id: stranger, name: 'Stranger', bio: '' },
    });
    expect(revised.status).toBe(400);

    for (const [i, path] of pagesOf(10, stranger).entries()) {
      const { status, text, queries } = await others.get(path);
      expect({ path, status, text }).toEqual({ path, status: 200, text: before[i]!.text });
      // Strict mode removes what shows a user before it knows how the change will end.
      const showsStranger = i === 1 || i === 2;
      expect(queries).toBeLessThanOrEqual(showsStranger ? 1 : 0);
    }
    await demo.caches.forAllTenants().clear();
    const loaded = await Promise.all(pagesOf(10, stranger).map(others.get));
    expect(loaded.map(({ text }) => text)).toEqual(before.map(({ text }) => text));
  });
});
