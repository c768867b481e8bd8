import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { users } from '../../../apps/demo/src/database/schema.js';
import { startRedis, type RedisServer } from '../../support/redis.server.js';
import { ARTICLES, START_TIMEOUT_MS, startDemo, USERS, type Demo } from './demo.application.js';

const CHANGES = { title: 'Changed', body: 'Still here.', tags: ['redis'] };
const RECONNECT_MS = 10_000;

let redis: RedisServer;
let demo: Demo;
beforeAll(async () => {
  redis = await startRedis();
  demo = await startDemo({ REDIS_URL: redis.url });
}, START_TIMEOUT_MS);
afterAll(async () => {
  await demo?.close();
  await redis?.stop();
});

it('keeps entries under readable keys, each with a lifetime', async () => {
  await demo.get('/articles/7');
  await demo.get('/articles?skip=0&limit=20');
  const keys = await redis.keys();
  expect(keys).toContain('demo:v1:global:articles:7');
  expect(keys).toContain('demo:v1:global:articleLists:0:20');
  for (const key of keys) expect(await redis.command('PTTL', key)).toBeGreaterThan(0);
});

it('never lets a password hash or an e-mail address out of the database', async () => {
  const secrets = await demo.database
    .select({ hash: users.passwordHash, email: users.email })
    .from(users);
  expect(secrets).toHaveLength(USERS);
  const forbidden = ['passwordHash', 'password_hash'];
  for (const { hash, email } of secrets) forbidden.push(hash, email);

  const answers = [
    await demo.get(`/articles?limit=${ARTICLES}`),
    await demo.get('/articles/7'),
    await demo.send('PUT', '/users/2', { name: 'Somebody', bio: 'Else.' }),
    await demo.send('POST', '/articles', { ...CHANGES, authorId: 2 }),
    await demo.send('PUT', '/articles/7', CHANGES),
  ];
  for (let id = 1; id <= USERS; id++) answers.push(await demo.get(`/users/${id}`));
  const answered = answers.map(({ text }) => text).join('\n');
  const stored = await everythingIn(redis);

  // The names are there, so the entries were: what is absent was left out.
  expect(answered).toContain('Somebody');
  expect(stored).toContain('Somebody');
  for (const secret of forbidden) {
    expect(answered).not.toContain(secret);
    expect(stored).not.toContain(secret);
  }
});

it('answers without Redis, and uses it again when it is back', async () => {
  await demo.get('/articles/7');
  const { text: user } = await demo.get('/users/3');
  await redis.kill();
  for (const path of ['/articles', '/articles/7', '/users/3', '/tags']) {
    const { status, queries } = await demo.get(path);
    expect({ path, status }).toEqual({ path, status: 200 });
    expect(queries).toBeGreaterThan(0);
  }
  expect((await demo.send('PUT', '/articles/7', CHANGES)).status).toBe(200);
  // Users are strict: what cannot be guarded is not changed.
  expect((await demo.send('PUT', '/users/3', { name: 'Lost', bio: '' })).status).toBe(503);
  expect(await demo.get('/users/3')).toMatchObject({ status: 200, text: user });
  expect((await demo.get('/health')).body).toEqual({
    status: 'degraded',
    database: 'up',
    cache: 'down',
  });

  await redis.restart();
  const deadline = performance.now() + RECONNECT_MS;
  let health = await demo.get('/health');
  while (health.body.cache === 'down' && performance.now() < deadline) {
    health = await demo.get('/health');
  }
  expect(health.body.status).toBe('ok');
  // Its caches are cleared first: it may have forgotten evictions.
  let article = await demo.get('/articles/7');
  while (article.queries > 0 && performance.now() < deadline) {
    article = await demo.get('/articles/7');
  }
  expect(article).toMatchObject({ queries: 0, body: { title: 'Changed' } });
});

/** Every key and value, whatever the type, as text. */
async function everythingIn(server: RedisServer): Promise<string> {
  const readers: Record<string, string[]> = {
    string: ['GET'],
    hash: ['HGETALL'],
    stream: ['XRANGE', '-', '+'],
  };
  const dumps = (await server.keys()).map(async (key) => {
    const [command, ...range] = readers[String(await server.command('TYPE', key))]!;
    return `${key} ${String(await server.command(command!, key, ...range))}`;
  });
  return (await Promise.all(dumps)).join('\n');
}
