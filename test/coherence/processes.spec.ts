import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type RedisServer, startRedis } from '../support/redis.server.js';
import type { SubjectOptions } from './subject.js';
import { Book, Worker } from './worker.js';
import { buildWorker, type WorkerBuild } from './worker.build.js';

const TIMEOUT_MS = 60_000;

/** Processes with one database and one Redis, started at once, for a whole `describe`. */
function company(consistency: SubjectOptions['consistency'], names: readonly string[]) {
  const book = new Book();
  const workers = new Map<string, Worker>();
  let build: WorkerBuild;
  let server: RedisServer;
  let keys = 0;

  beforeAll(async () => {
    build = buildWorker();
    server = await startRedis();
    const redis = { isCluster: false, ports: [server.port], instead: [] };
    for (const [seed, process] of names.entries()) {
      const options = { subject: 'elasticache', consistency, redis, process, seed };
      workers.set(process, new Worker({ file: build.workerFile, options }, book));
    }
    await Promise.all([...workers.values()].map((worker) => worker.up()));
  }, TIMEOUT_MS);

  afterAll(async () => {
    await Promise.all([...workers.values()].map((worker) => worker.end()));
    build.remove();
    await server.stop();
  });

  return {
    worker: (name: string) => workers.get(name)!,
    freshKey: () => ++keys,
    latest: (key: number) => ({ version: book.carryOut('read', key) }),
  };
}

describe('a process that is stopped', () => {
  const { worker, freshKey, latest } = company('default', ['sleeper', 'other']);

  it.each(['getOrLoad', '@Cacheable', '@CacheableMany'])(
    'between the load and the store of %s cannot store on waking',
    async (read) => {
      const [sleeper, other, key] = [worker('sleeper'), worker('other'), freshKey()];
      const reading = sleeper.call(read, key);
      const query = await sleeper.next('read');
      sleeper.pause();
      query.answer();

      expect(await other.call('evict', key)).toEqual({ isAcknowledged: true });
      expect(await other.call('getOrLoad', key)).toEqual(latest(key));
      sleeper.resume();
      expect(await reading).toEqual({ version: 0 });
      expect(await other.call('get', key)).toEqual(latest(key));
      expect(await sleeper.call('getOrLoad', key)).toEqual(latest(key));
    },
    TIMEOUT_MS,
  );

  it.each(['put', '@CachePut', '@CachePut with a key from the result'])(
    'between the commit and the store of %s cannot store on waking',
    async (put) => {
      const [sleeper, other, key] = [worker('sleeper'), worker('other'), freshKey()];
      const putting = sleeper.call(put, key);
      const query = await sleeper.next('commit');
      sleeper.pause();
      query.answer();

      expect(await other.call('@CachePut', key)).toEqual({ isAcknowledged: true });
      expect(await other.call('getOrLoad', key)).toEqual(latest(key));
      sleeper.resume();
      await putting;
      expect(await other.call('getOrLoad', key)).toEqual(latest(key));
      expect(await sleeper.call('getOrLoad', key)).toEqual(latest(key));
    },
    TIMEOUT_MS,
  );
});

describe('strict: a process that is killed', () => {
  const WRITES = ['put', '@CacheEvict', '@CacheEvict with tags'];
  const ALONE = '@CachePut';
  const { worker, freshKey, latest } = company('strict', ['reader', 'writer', ALONE, ...WRITES]);

  it(
    'between its commit and its eviction leaves nothing stale',
    async () => {
      const [reader, dying, key] = [worker('reader'), worker(ALONE), freshKey()];
      expect(await reader.call('getOrLoad', key)).toEqual(latest(key));
      const writing = dying.call(ALONE, key);
      const query = await dying.next('commit');
      expect(await reader.call('getOrLoad', key)).toEqual({ version: 0 });
      query.carryOut();
      await Promise.all([dying.end(), expect(writing).rejects.toThrow('ended')]);

      expect(await reader.call('getOrLoad', key)).toEqual({ version: 1 });
    },
    TIMEOUT_MS,
  );

  it.each(WRITES)(
    'leaves nothing stale where another writer came and went meanwhile: %s',
    async (write) => {
      const [reader, writer] = [worker('reader'), worker('writer')];
      const [dying, key] = [worker(write), freshKey()];
      const writing = dying.call(write, key);
      const query = await dying.next('commit');
      expect(await writer.call(write, key)).toEqual({ isAcknowledged: true });
      expect(await reader.call('getOrLoad', key)).toEqual({ version: 1 });
      query.carryOut();
      await Promise.all([dying.end(), expect(writing).rejects.toThrow('ended')]);

      expect(await reader.call('getOrLoad', key)).toEqual({ version: 2 });
    },
    TIMEOUT_MS,
  );
});
