import { afterEach, describe, expect, it } from '@jest/globals';
import { FaultyRedis } from 'nestjs-elasticache/testing';
import { type ApplicationProcess, startProgram } from '../support/application.process.js';
import { onTier, times } from '../support/cache.application.js';
import { timed, until } from '../support/waiting.js';

const ENTRIES = 3_000;

/** An application that says what it does and what it logs. */
const PROGRAM = `
class Articles {
  async find(id) { return 'article ' + id; }
  async rename(id) {}
}
const key = (id) => id;
decorate(Articles, 'find', library.Cacheable('articles', { key }));
decorate(Articles, 'rename', library.CacheEvict('articles', { key }));
const app = await start({}, [Articles]);
const say = (line) => tell({ said: String(line) });
app.useLogger({ log() {}, warn: say, error: say, fatal: say });
app.enableShutdownHooks();
const articles = app.get(Articles);
const ids = Array.from({ length: ${ENTRIES} }, (_, id) => id);
const cache = app.get(library.CacheManager).getCache('articles');
while (!(await cache.evict('nothing').catch(() => false))) await new Promise(setImmediate);
tell('started');
`;

const UNDER_LOAD = `
const next = ids.values();
const evictAll = async () => {
  for (const id of next) {
    await articles.rename(id).then(() => tell({ evicted: id }), () => tell({ failed: id }));
  }
};
const readOn = async (id) => {
  for (;;) await articles.find(id).then(() => new Promise(setImmediate));
};
for (let i = 0; i < 10; i++) void evictAll();
for (let i = 0; i < 10; i++) void readOn(${ENTRIES} + i);
`;

const THREE_EVICTIONS = `
process.on('message', async () => {
  await Promise.all([1, 2, 3].map((id) => articles.rename(id).catch(() => tell({ failed: id }))));
  tell('evicted');
});
`;

interface Told {
  readonly evicted?: number;
  readonly failed?: number;
  readonly said?: string;
}

describe('An application that gets SIGTERM', () => {
  const tier = onTier('both');
  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });

  async function start(name: string, program: string) {
    const redis = await FaultyRedis.start(tier.redis.url);
    const keyOf = (id: number) => `${name}:v1:global:articles:${id}`;
    await tier.redis.command('MSET', ...times(ENTRIES, (id) => [keyOf(id), 'old']).flat());
    const child = startProgram(PROGRAM + program, {
      connection: redis.url,
      namespace: name,
      defaults: { onEvictFailure: 'throw', timeouts: { store: '1s' } },
    });
    ends.push(
      () => child.kill(),
      () => redis.stop(),
    );
    const told = listen(child);
    await until('it has started', () => told.all.includes('started'));
    const exists = async (ids: readonly number[]) =>
      Number(await tier.redis.command('EXISTS', ...ids.map(keyOf)));
    return { redis, child, told, exists };
  }

  /** Everything that it tells from now on. */
  function listen(child: ApplicationProcess) {
    const all: (Told | string)[] = [];
    const ended = (async () => {
      for (;;) all.push((await child.told()) as Told | string);
    })().catch(() => undefined);
    return {
      all,
      ended,
      of: (what: keyof Told) =>
        all.flatMap((one) => (typeof one === 'object' && what in one ? [one[what]!] : [])),
    };
  }

  it('under load has done every eviction that it said it had, and ends within its bound', async () => {
    const { child, told, exists } = await start('load', UNDER_LOAD);
    await until('it is at work', () => told.of('evicted').length > 100);
    child.terminate();
    expect(await timed(() => child.exited)).toBeLessThan(10_000);
    await told.ended;
    const evicted = told.of('evicted') as number[];
    expect(evicted.length).toBeLessThan(ENTRIES);
    expect(await exists(evicted)).toBe(0);
    expect(await exists(times(ENTRIES, (id) => id))).toBeGreaterThan(0);
  });

  /** Three of its evictions have failed, since Redis hangs. */
  async function startHung(name: string) {
    const running = await start(name, THREE_EVICTIONS);
    const { redis, child, told } = running;
    redis.hang();
    child.tell('evict');
    await until('the evictions have failed', () => told.all.includes('evicted'));
    expect(new Set(told.of('failed'))).toEqual(new Set([1, 2, 3]));
    return running;
  }

  it('says what its journal holds, where Redis hangs, and ends within its bound', async () => {
    const { child, told, exists } = await startHung('held');
    child.terminate();
    expect(await timed(() => child.exited)).toBeLessThan(10_000);
    await told.ended;
    expect(told.of('said').join('\n')).toContain("not made up for: 3 of 'articles'");
    expect(await exists([1, 2, 3])).toBe(3);
  });

  it('makes up for what its journal holds, where Redis is back', async () => {
    const { redis, child, told, exists } = await startHung('flushed');
    redis.heal();
    child.terminate();
    await child.exited;
    await told.ended;
    expect(told.of('said').join('\n')).not.toContain('not made up for');
    expect(await exists([1, 2, 3])).toBe(0);
  });
});
