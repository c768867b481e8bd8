import { CacheManager } from 'nestjs-elasticache';
import { createApplication } from '../application.js';
import { DatabaseConnection } from '../database/database.js';
import { QueryCounter } from '../database/query.counter.js';
import { Guide } from './guide.js';
import { startRedis, type TourRedis } from './redis.js';

const TOUR_TIMEOUT_MS = 120_000;
const ARTICLE = { title: 'Written on the tour', body: 'Nothing stale here.', tags: ['caching'] };
const PROFILE = { name: 'Tess Tour', bio: 'Was renamed on the way.' };

async function main(): Promise<void> {
  const redis = process.env['REDIS_URL'] ? undefined : await startRedis();
  if (redis) process.env['REDIS_URL'] = redis.url;
  const app = await createApplication(false);
  try {
    const server = await app.listen(0, '127.0.0.1');
    const { port } = server.address() as { port: number };
    const caches = app.get(CacheManager);
    // A server of the user's own may remember an earlier tour.
    await caches.forAllTenants().clear();
    const url = `http://127.0.0.1:${port}`;
    const guide = new Guide({ url, caches, queries: app.get(QueryCounter) });
    guide.say(
      'A tour of nestjs-elasticache',
      `  application  ${url}`,
      `  database     ${app.get(DatabaseConnection).description}`,
      `  cache        ${describeCache(redis)}`,
    );
    await reading(guide);
    await writing(guide);
    await together(guide);
    if (redis) await withoutRedis(guide, redis);
    guide.say('That was the tour. `npm start` keeps the application running for you to try.', '');
  } finally {
    await app.close();
    await redis?.kill();
  }
}

function describeCache(redis: TourRedis | undefined): string {
  if (redis) return `${redis.name}, started for this tour, ${redis.url}`;
  if (process.env['REDIS_URL']) return 'Redis, at your REDIS_URL';
  return "this process's memory: neither redis-server nor valkey-server is on PATH";
}

async function reading(guide: Guide): Promise<void> {
  guide.say(
    '1. The first call asks the database; the second does not. (A list and its authors are cached each',
    '   on their own, so one request can be several hits.)',
    '',
  );
  guide.header();
  await guide.request('GET', '/articles/42');
  await guide.request('GET', '/articles/42');
  await guide.request('GET', '/articles?skip=0&limit=20');
  await guide.request('GET', '/articles?skip=0&limit=20');
  await guide.request('GET', '/tags');
  await guide.request('GET', '/tags');
}

async function writing(guide: Guide): Promise<void> {
  guide.say(
    '2. An update evicts what it changes: the article, every list, the tags. Nobody sees the old text,',
    '   and what it did not change, the authors here, are still hits.',
    '',
  );
  guide.header();
  await guide.request('PUT', '/articles/42', ARTICLE);
  await guide.request('GET', '/articles/42');
  await guide.request('GET', '/articles/42');
  await guide.request('GET', '/articles?skip=0&limit=20');
  await guide.request('GET', '/articles?skip=0&limit=20');
}

async function together(guide: Guide): Promise<void> {
  guide.say(
    '3. A revision changes an article and its author in one transaction. One that is refused is rolled',
    '   back, and the cache has not lost the article. One that commits evicts both at once.',
    '',
  );
  guide.header();
  const { author } = (await guide.request('GET', '/articles/42')) as { author: { id: number } };
  const stranger = { ...PROFILE, id: author.id === 1 ? 2 : 1 };
  await guide.refusal(400, ['PUT', '/articles/42/revision'], { ...ARTICLE, author: stranger });
  await guide.request('GET', '/articles/42');
  const signed = { ...PROFILE, id: author.id };
  await guide.request('PUT', '/articles/42/revision', { ...ARTICLE, author: signed });
  await guide.request('GET', '/articles/42');
  await guide.request('GET', '/articles/42');
}

async function withoutRedis(guide: Guide, redis: TourRedis): Promise<void> {
  await redis.kill();
  guide.say('4. Redis has just been killed. Every call asks the database, and is answered.', '');
  guide.header();
  await guide.request('GET', '/articles/42');
  await guide.request('GET', '/articles?skip=0&limit=20');
  await guide.request('PUT', '/articles/42', ARTICLE);
  await guide.request('GET', '/health');
}

setTimeout(() => {
  console.error(`The tour did not end within ${TOUR_TIMEOUT_MS / 1000} s.`);
  process.exit(1);
}, TOUR_TIMEOUT_MS).unref();

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
