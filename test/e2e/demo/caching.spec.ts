import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startRedis, type RedisServer } from '../../support/redis.server.js';
import {
  ARTICLES,
  START_TIMEOUT_MS,
  startDemo,
  type Answer,
  type Demo,
} from './demo.application.js';

const DRAFT = { title: 'A new one', body: 'Fresh.', tags: ['caching', 'nestjs'] };

describe.each(['memory', 'Redis'])('the demo on %s', (backend) => {
  let redis: RedisServer | undefined;
  let demo: Demo;

  beforeAll(async () => {
    redis = backend === 'Redis' ? await startRedis() : undefined;
    demo = await startDemo(redis ? { REDIS_URL: redis.url } : {});
  }, START_TIMEOUT_MS);

  beforeEach(() => demo.caches.forAllTenants().clear());

  afterAll(async () => {
    await demo?.close();
    await redis?.stop();
  });

  it.each(['/articles', '/articles?skip=5&limit=3', '/articles/7', '/users/3', '/tags'])(
    'answers GET %s from the cache the second time, with the same bytes',
    async (path) => {
      const first = await demo.get(path);
      const second = await demo.get(path);
      expect(first.status).toBe(200);
      expect(first.queries).toBeGreaterThan(0);
      expect(second).toEqual({ ...first, queries: 0 });
    },
  );

  it('keeps the pages of a list apart, the newest articles first', async () => {
    const ids = ({ body }: Answer) => body.map((article: { id: number }) => article.id);
    expect(ids(await demo.get('/articles?limit=2'))).toEqual([ARTICLES, ARTICLES - 1]);
    expect(ids(await demo.get('/articles?skip=2&limit=2'))).toEqual([ARTICLES - 2, ARTICLES - 3]);
  });

  it('keeps the parts of an article: its author, its tags and its dates', async () => {
    await demo.get('/articles/7');
    const { body, queries } = await demo.get('/articles/7');
    expect(queries).toBe(0);
    expect(body).toEqual({
      id: 7,
      title: expect.any(String),
      body: expect.any(String),
      author: { id: expect.any(Number), name: expect.stringMatching(/^\w+ \w+$/) },
      tags: expect.arrayContaining([expect.any(String)]),
      createdAt: '2024-01-01T06:00:00.000Z',
      updatedAt: '2024-01-01T06:00:00.000Z',
    });
  });

  it('shows an updated article at once: alone, in every list, and in the count of its tags', async () => {
    await Promise.all(['/articles/9', `/articles?limit=${ARTICLES}`, '/tags'].map(demo.get));
    const put = await demo.send('PUT', '/articles/9', { ...DRAFT, tags: ['brand-new'] });
    expect(put.status).toBe(200);

    expect((await demo.get('/articles/9')).body).toMatchObject({
      title: 'A new one',
      tags: ['brand-new'],
    });
    const list = await demo.get(`/articles?limit=${ARTICLES}`);
    expect(list.body.find((article: { id: number }) => article.id === 9).title).toBe('A new one');
    const tags = await demo.get('/tags');
    expect(tags.body).toContainEqual({ name: 'brand-new', articles: 1 });
  });

  it('shows a created article at once, and has it cached already', async () => {
    await demo.get('/articles?limit=1');
    await demo.get('/users/3');
    const created = await demo.send('POST', '/articles', { ...DRAFT, authorId: 3 });
    expect(created.status).toBe(201);
    expect((await demo.get('/articles?limit=1')).body[0].id).toBe(created.body.id);
    const read = await demo.get(`/articles/${created.body.id}`);
    expect(read.queries).toBe(0);
    expect(read.body).toEqual(created.body);
  });

  it('forgets a deleted article at once', async () => {
    const { body: created } = await demo.send('POST', '/articles', { ...DRAFT, authorId: 3 });
    await Promise.all([`/articles/${created.id}`, '/articles?limit=1'].map(demo.get));
    const removed = await demo.send('DELETE', `/articles/${created.id}`);
    expect(removed).toEqual({ status: 204, text: '', queries: 1, body: undefined });
    expect((await demo.get(`/articles/${created.id}`)).status).toBe(404);
    expect((await demo.get('/articles?limit=1')).body[0].id).not.toBe(created.id);
  });

  it('shows a renamed user at once, and loads anew only what names them', async () => {
    const { author } = (await demo.get('/articles/11')).body;
    const other = author.id === 1 ? 2 : 1;
    const pages = [`/users/${author.id}`, `/users/${other}`, `/articles?limit=${ARTICLES}`];
    await Promise.all(pages.map(demo.get));
    await demo.send('PUT', `/users/${author.id}`, { name: 'Renamed', bio: 'Same person.' });

    // The page bears the tag of its author.
    const article = await demo.get('/articles/11');
    expect(article).toMatchObject({
      queries: 1,
      body: { author: { id: author.id, name: 'Renamed' } },
    });
    // The list has its authors from the users' cache: one is loaded, the list itself is not.
    const list = await demo.get(`/articles?limit=${ARTICLES}`);
    expect(list.queries).toBe(1);
    expect(list.body.find((item: { id: number }) => item.id === 11).author.name).toBe('Renamed');
    expect(await demo.get(`/users/${author.id}`)).toMatchObject({
      queries: 0,
      body: { name: 'Renamed' },
    });
    expect((await demo.get(`/users/${other}`)).queries).toBe(0);
  });

  it('does not remember that something was missing', async () => {
    const missing = await demo.get('/users/500');
    expect(missing.status).toBe(404);
    expect(await demo.get('/users/500')).toEqual(missing);
    expect(missing.queries).toBe(1);
  });

  it('evicts nothing when a write is refused', async () => {
    await demo.get('/articles?limit=4');
    await demo.send('PUT', '/articles/999', DRAFT);
    await demo.send('DELETE', '/articles/999');
    await demo.send('POST', '/articles', { ...DRAFT, authorId: 999 });
    expect((await demo.get('/articles?limit=4')).queries).toBe(0);
  });

  it('counts hits and queries', async () => {
    const before = (await demo.get('/stats')).body;
    await demo.get('/users/4');
    await demo.get('/users/4');
    const { caches, databaseQueries } = (await demo.get('/stats')).body;
    expect(caches.users.hits - before.caches.users.hits).toBe(1);
    // The response was not there, and then the user was not.
    expect(caches.users.misses - before.caches.users.misses).toBe(2);
    expect(databaseQueries - before.databaseQueries).toBe(1);
  });
});
