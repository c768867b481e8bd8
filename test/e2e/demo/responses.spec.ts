/** What the demo says of its caching, and what clients make of it. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { START_TIMEOUT_MS, startDemo, type Demo } from './demo.application.js';

const CHANGES = { title: 'Changed', body: 'Anew.', tags: ['http'] };

describe('the responses of the demo', () => {
  let demo: Demo;
  beforeAll(async () => {
    demo = await startDemo();
  }, START_TIMEOUT_MS);
  beforeEach(() => demo.caches.forAllTenants().clear());
  afterAll(() => demo?.close());

  const ask = async (path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(demo.url + path, { headers });
    await response.arrayBuffer();
    return { status: response.status, headers: response.headers };
  };
  const verdict = async (path: string, headers: Record<string, string> = {}) =>
    (await ask(path, headers)).headers.get('x-cache');

  it.each(['/articles', '/articles/7', '/users/3', '/tags'])(
    'say how %s was answered, and are 304 for who has them',
    async (path) => {
      const { headers } = await ask(path);
      expect(headers.get('cache-status')).toBe('elasticache; fwd=uri-miss; fwd-status=200; stored');
      expect(headers.get('cache-control')).toMatch(/^max-age=\d+$/);
      const known = { 'if-none-match': headers.get('etag')! };
      const again = await ask(path, known);
      expect([again.status, again.headers.get('x-cache')]).toEqual([304, 'HIT']);
      expect(again.headers.get('cache-status')).toMatch(/^elasticache; hit; ttl=\d+$/);
    },
  );

  it('are a reader’s own where they are about him, and made anew for who edits', async () => {
    const tokenOf = async (id: number) => {
      const credentials = { email: `user${id}@example.com`, password: 'demo' };
      return (await demo.send('POST', '/tokens', credentials)).body.token as string;
    };
    const [ann, bob, editor] = [await tokenOf(4), await tokenOf(7), await tokenOf(1)];
    const as = (token: string) => ({ authorization: `Bearer ${token}` });
    for (const [path, bobs] of [
      ['/me/feed', 'MISS'],
      ['/me/organisation', 'HIT'],
    ] as const) {
      const { headers } = await ask(path, as(ann));
      expect(headers.get('cache-control')).toMatch(/^private, max-age=\d+$/);
      expect(await verdict(path, as(ann))).toBe('HIT');
      expect(await verdict(path, as(bob))).toBe(bobs);
      expect([await verdict(path, as(editor)), await verdict(path, as(editor))]).toEqual([
        'BYPASS',
        'BYPASS',
      ]);
    }
  });

  it('of an article are evicted by its revision, which says that it answers it', async () => {
    const { author } = (await demo.get('/articles/9')).body;
    const revision = { ...CHANGES, author: { id: author.id, name: 'Signed', bio: '' } };
    const revised = await demo.send('PUT', '/articles/9/revision', revision);
    expect(revised.status).toBe(200);
    expect(await verdict('/articles/9')).toBe('MISS');
  });
});
