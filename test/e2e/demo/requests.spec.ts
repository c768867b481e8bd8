import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { START_TIMEOUT_MS, startDemo, type Demo } from './demo.application.js';

const DRAFT = { title: 'Title', body: 'Body.', tags: ['nestjs'], authorId: 1 };
const { authorId: _, ...CHANGES } = DRAFT;
const PROFILE = { name: 'Name', bio: '' };
const REVISION = { ...CHANGES, author: { id: 1, ...PROFILE } };

let demo: Demo;
beforeAll(async () => {
  demo = await startDemo();
}, START_TIMEOUT_MS);
afterAll(() => demo?.close());

describe('what the demo answers 404', () => {
  it.each(['/articles/9999', '/articles/0', '/articles/-1', '/articles/99999999999999999999'])(
    'GET %s',
    async (path) => expect((await demo.get(path)).status).toBe(404),
  );

  it.each(['/users/9999', '/users/2147483648', '/nothing'])('GET %s', async (path) =>
    expect((await demo.get(path)).status).toBe(404),
  );

  it.each([
    ['PUT', '/articles/9999', CHANGES],
    ['DELETE', '/articles/9999', undefined],
    ['PUT', '/users/9999', PROFILE],
    ['PUT', '/articles/9999/revision', REVISION],
    ['PUT', '/articles/1/revision', { ...CHANGES, author: { id: 9999, ...PROFILE } }],
  ] as const)('%s %s', async (method, path, body) =>
    expect((await demo.send(method, path, body)).status).toBe(404),
  );
});

describe('what the demo answers 400', () => {
  it.each(['/articles/abc', '/articles/1.5', '/articles/7x', '/users/abc'])(
    'GET %s',
    async (path) => expect((await demo.get(path)).status).toBe(400),
  );

  it.each([
    'limit=0',
    'limit=101',
    'limit=ten',
    'skip=-1',
    'skip=1.5',
    'skip=99999999999',
    'limit=1&limit=2',
    'page=2',
  ])('GET /articles?%s', async (query) =>
    expect((await demo.get(`/articles?${query}`)).status).toBe(400),
  );

  it.each([
    ['no body', undefined],
    ['an empty title', { ...DRAFT, title: '' }],
    ['a title too long', { ...DRAFT, title: 'x'.repeat(201) }],
    ['text the database cannot hold', { ...DRAFT, body: 'a\0b' }],
    ['no tags', { ...DRAFT, tags: undefined }],
    ['a tag with a space', { ...DRAFT, tags: ['two words'] }],
    ['the same tag twice', { ...DRAFT, tags: ['twice', 'twice'] }],
    ['an author who does not exist', { ...DRAFT, authorId: 9999 }],
    ['an author who is no number', { ...DRAFT, authorId: '1' }],
    ['a field nobody asked for', { ...DRAFT, id: 1 }],
  ])('POST /articles with %s', async (_, body) =>
    expect((await demo.send('POST', '/articles', body)).status).toBe(400),
  );

  it.each([
    ['PUT', '/articles/1', DRAFT],
    ['PUT', '/articles/x', CHANGES],
    ['PUT', '/users/1', { ...PROFILE, passwordHash: 'mine' }],
    ['PUT', '/users/1', { name: 'Name' }],
    ['PUT', '/articles/1/revision', CHANGES],
    ['PUT', '/articles/1/revision', { ...CHANGES, author: 1 }],
    ['PUT', '/articles/1/revision', { ...CHANGES, author: PROFILE }],
    ['PUT', '/articles/1/revision', { ...CHANGES, author: [REVISION.author] }],
    ['DELETE', '/articles/x', undefined],
  ] as const)('%s %s with %j', async (method, path, body) =>
    expect((await demo.send(method, path, body)).status).toBe(400),
  );
});

it('describes itself at /docs', async () => {
  const page = await demo.get('/docs');
  expect(page.status).toBe(200);
  expect(page.text).toContain('swagger-ui');
  const { body } = await demo.get('/docs-json');
  expect(Object.keys(body.paths).sort()).toEqual(
    [
      '/articles',
      '/articles/{id}',
      '/articles/{id}/revision',
      '/health',
      '/me/feed',
      '/me/organisation',
      '/stats',
      '/tags',
      '/tokens',
      '/users/{id}',
    ].sort(),
  );
  expect(Object.keys(body.components.schemas.ArticlePage.properties).sort()).toEqual(
    ['author', 'body', 'createdAt', 'id', 'tags', 'title', 'updatedAt'].sort(),
  );
});

it('is healthy while the database and the cache answer', async () => {
  const { status, body } = await demo.get('/health');
  expect(status).toBe(200);
  expect(body).toEqual({ status: 'ok', database: 'up', cache: 'up' });
});

it('says 503 when the database is gone, which ends its use here', async () => {
  await demo.loseDatabase();
  const { status, body } = await demo.get('/health');
  expect(status).toBe(503);
  expect(body).toEqual({ status: 'error', database: 'down', cache: 'up' });
});
