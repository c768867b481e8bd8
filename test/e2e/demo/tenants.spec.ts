import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { type RedisServer, startRedis } from '../../support/redis.server.js';
import { type Answer, type Demo, START_TIMEOUT_MS, startDemo } from './demo.application.js';

/** Of nine users in three organisations: 1, 2 and 3 edit, 4 and 7 are colleagues of 1 at the first. */
const [EDITOR, ANN, BOB, STRANGER] = [1, 4, 7, 5];
const ACME = '00000000-0000-4000-8000-000000000001';
const DRAFT = { title: 'For the house', body: 'Fresh.', tags: ['caching'] };

describe.each(['memory', 'Redis'])('the demo for its organisations, on %s', (backend) => {
  let redis: RedisServer | undefined;
  let demo: Demo;
  const tokens = new Map<number, string>();

  beforeAll(async () => {
    redis = backend === 'Redis' ? await startRedis() : undefined;
    demo = await startDemo(redis ? { REDIS_URL: redis.url } : {});
    for (const id of [EDITOR, ANN, BOB, STRANGER]) {
      const { body } = await signIn(`user${id}@example.com`, 'demo');
      tokens.set(id, body.token as string);
    }
  }, START_TIMEOUT_MS);

  beforeEach(() => demo.caches.forAllTenants().clear());

  afterAll(async () => {
    await demo?.close();
    await redis?.stop();
  });

  const signIn = (email: string, password: string) =>
    demo.send('POST', '/tokens', { email, password });
  const get = (id: number, path: string) => demo.getAs(tokens.get(id)!, path);
  const authors = ({ body }: Answer): number[] =>
    body.map((article: { author: { id: number } }) => article.author.id);

  it('shows each reader what colleagues wrote, the second time from the cache', async () => {
    const feeds = [await get(ANN, '/me/feed'), await get(BOB, '/me/feed')];
    expect(feeds.map(({ status }) => status)).toEqual([200, 200]);
    const [ann, bob] = feeds.map((feed) => new Set(authors(feed)));
    expect([...ann!].every((id) => id % 3 === 1 && id !== ANN)).toBe(true);
    expect([...bob!].every((id) => id % 3 === 1 && id !== BOB)).toBe(true);
    expect([ann!.has(BOB), bob!.has(ANN)]).toEqual([true, true]);
    expect(await get(ANN, '/me/feed')).toEqual({ ...feeds[0], queries: 0 });
    expect(await get(BOB, '/me/feed')).toEqual({ ...feeds[1], queries: 0 });
  });

  it('shares an organisation’s numbers among its people, and with nobody else', async () => {
    const first = await get(ANN, '/me/organisation');
    expect(first.body).toMatchObject({ name: 'Acme', people: 3 });
    expect(await get(BOB, '/me/organisation')).toEqual({ ...first, queries: 0 });
    const other = await get(STRANGER, '/me/organisation');
    expect([other.body.name, other.queries]).toEqual(['Globex', 1]);
  });

  it('lets the role decide: who edits reads the database', async () => {
    for (let i = 0; i < 2; i++) {
      expect((await get(EDITOR, '/me/organisation')).queries).toBe(1);
      expect((await get(EDITOR, '/me/feed')).queries).toBeGreaterThan(0);
    }
    expect((await get(ANN, '/me/organisation')).queries).toBe(1); // the editor has cached nothing
  });

  it('shows what a colleague wrote at once, and leaves other organisations their feeds', async () => {
    for (const id of [ANN, BOB, STRANGER]) await get(id, '/me/feed');
    const { body: created } = await demo.send('POST', '/articles', { ...DRAFT, authorId: BOB });
    expect((await get(ANN, '/me/feed')).body[0]).toMatchObject({ id: created.id });
    expect((await get(STRANGER, '/me/feed')).queries).toBe(0);
    await demo.send('PUT', `/articles/${created.id}`, { ...DRAFT, title: 'Changed' });
    expect((await get(ANN, '/me/feed')).body[0]).toMatchObject({ title: 'Changed' });
    await demo.send('DELETE', `/articles/${created.id}`);
    expect((await get(ANN, '/me/feed')).body[0].id).not.toBe(created.id);
  });

  it('keeps two readers apart who ask at the same time', async () => {
    const ids = Array.from({ length: 40 }, (_, i) => [ANN, BOB, STRANGER][i % 3]!);
    const answers = await Promise.all(ids.map((id) => get(id, '/me/feed')));
    for (const [i, answer] of answers.entries()) {
      const found = authors(answer);
      expect(found.every((id) => id % 3 === ids[i]! % 3 && id !== ids[i])).toBe(true);
    }
  });

  it('lets nobody in without a valid token', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const forged = (claims: object, header: object = {}) =>
      new SignJWT({ tid: ACME, oid: `${ANN}`, roles: [], ...claims })
        .setProtectedHeader({ alg: 'ES256', kid: 'demo', ...header })
        .setIssuer('nestjs-elasticache-demo')
        .setAudience('nestjs-elasticache-demo')
        .setExpirationTime('1h')
        .sign(privateKey);
    const jwk = await exportJWK(publicKey);
    const [head, payload, signature] = tokens.get(ANN)!.split('.');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    const other = Buffer.from(JSON.stringify({ tid: ACME, oid: '1', exp: 9e9 }));
    const bad = [
      '',
      'nonsense',
      await forged({}),
      await forged({}, { jwk }),
      `${none}.${payload}.`,
      `${head}.${other.toString('base64url')}.${signature}`,
    ];
    for (const token of bad) {
      for (const path of ['/me/feed', '/me/organisation']) {
        expect((await demo.getAs(token, path)).status).toBe(401);
      }
    }
    expect((await demo.get('/me/feed')).status).toBe(401);
    expect((await signIn('user4@example.com', 'wrong')).status).toBe(401);
    expect((await signIn('nobody@example.com', 'demo')).status).toBe(401);
  });

  it('still answers everybody what is for everybody', async () => {
    const [anonymous, signedIn] = [await demo.get('/articles/7'), await get(ANN, '/articles/7')];
    expect(signedIn).toEqual({ ...anonymous, queries: 0 });
  });
});
