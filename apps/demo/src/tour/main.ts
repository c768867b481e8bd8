import { setTimeout } from 'node:timers/promises';
import { CacheManager } from 'nestjs-elasticache';
import { createApplication } from '../application.js';
import { DatabaseConnection } from '../database/database.js';
import { QueryCounter } from '../database/query.counter.js';
import { Guide } from './guide.js';
import { startRedis, type TourRedis } from './redis.js';

const TOUR_TIMEOUT_MS = 120_000;
const LIST_MS = 2_000;
const ARTICLE = { title: 'Written on the tour', body: 'Nothing stale here.', tags: ['caching'] };
const PROFILE = { name: 'Tess Tour', bio: 'Was renamed on the way.' };

async function main(): Promise<void> {
  const redis = process.env['REDIS_URL'] ? undefined : await startRedis();
  if (redis) process.env['REDIS_URL'] = redis.url;
  // So that one expires on the way.
  process.env['CACHE_TTL_ARTICLES_LIST'] = `${LIST_MS}ms`;
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
    await responses(guide);
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
    '1. The first call asks the database; the second is answered with the bytes of the first. (A response',
    '   and what it is made of are cached each on their own, so one request can be several misses.)',
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
  const refused = { ...ARTICLE, author: stranger };
  await guide.expect(400, ['PUT', '/articles/42/revision'], { body: refused });
  await guide.request('GET', '/articles/42');
  const signed = { ...PROFILE, id: author.id };
  await guide.request('PUT', '/articles/42/revision', { ...ARTICLE, author: signed });
  await guide.request('GET', '/articles/42');
  await guide.request('GET', '/articles/42');
}

async function responses(guide: Guide): Promise<void> {
  guide.say(
    '4. A response says how it came about. Who has it already gets 304, and no body.',
    '   A list that has expired is sent once more, and made anew behind that.',
    '',
  );
  guide.header();
  const article = await guide.expect(200, ['GET', '/articles/42'], {});
  guide.quote(article, 'cache-status');
  const known = { 'if-none-match': article.get('etag')! };
  guide.quote(await guide.expect(304, ['GET', '/articles/42'], { headers: known }), 'etag');
  const list: [string, string] = ['GET', '/articles?skip=0&limit=20'];
  await guide.expect(200, list, {});
  await setTimeout(LIST_MS);
  guide.quote(await guide.expect(200, list, {}), 'cache-status');
  await setTimeout(LIST_MS / 4);
  guide.quote(await guide.expect(200, list, {}), 'cache-status');
}

async function withoutRedis(guide: Guide, redis: TourRedis): Promise<void> {
  await redis.kill();
  guide.say('5. Redis has just been killed. Every call asks the database, and is answered.', '');
  guide.header();
  await guide.request('GET', '/articles/42');
  await guide.request('GET', '/articles?skip=0&limit=20');
  await guide.request('PUT', '/articles/42', ARTICLE);
  await guide.request('GET', '/health');
}

const patience = AbortSignal.timeout(TOUR_TIMEOUT_MS);
patience.addEventListener('abort', () => {
  console.error(`The tour did not end within ${TOUR_TIMEOUT_MS / 1000} s.`);
  process.exit(1);
});

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
