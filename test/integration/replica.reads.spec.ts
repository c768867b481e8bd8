/** Caches that read their entries from a replica, on a primary and a replica that can be held behind. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Test, type TestingModule } from '@nestjs/testing';
import { type Cache, CacheManager, ElastiCacheModule } from 'nestjs-elasticache';
import type { CacheOptions } from 'nestjs-elasticache';
import { times } from '../support/cache.application.js';
import { commandsDuring } from '../support/command.counts.js';
import { type RedisPair, startPair } from '../support/redis.replica.js';
import { startProxy } from '../support/tcp.proxy.js';
import { timed, until } from '../support/waiting.js';

const ids = times(20, (id) => id);
const STORE_MS = 1_000;
let namespaces = 0;

describe('A cache whose consistency is eventual', () => {
  let pair: RedisPair;
  let namespace: string;
  const applications: TestingModule[] = [];
  let log: string[];

  beforeAll(async () => {
    pair = await startPair();
  });
  beforeEach(() => {
    namespace = `replicas${++namespaces}`;
    log = [];
  });
  afterEach(async () => {
    await Promise.all(applications.splice(0).map((application) => application.close()));
    await pair.replica.command(
      'ACL',
      'SETUSER',
      'default',
      'reset',
      'on',
      'nopass',
      '~*',
      '&*',
      '+@all',
    );
    await pair.mendReplication();
  });
  afterAll(() => pair.stop());

  async function start(
    options: CacheOptions = {},
    reader: { host: string; port: number } = pair.replica,
  ): Promise<{ manager: CacheManager; rows: Rows }> {
    const record = (line: unknown) => void log.push(String(line));
    const ignore = () => {};
    const { host, port } = pair.primary;
    const application = await Test.createTestingModule({
      imports: [
        ElastiCacheModule.forRoot({
          namespace,
          connection: { host, port, reader: { host: reader.host, port: reader.port } },
          defaults: { jitter: 0, timeouts: { store: STORE_MS } },
          caches: { rows: { consistency: 'eventual', ...options }, plain: { memory: false } },
        }),
      ],
    })
      .setLogger({ log: record, warn: record, error: record, debug: ignore, verbose: ignore })
      .compile();
    applications.push(application);
    await application.init();
    const manager = application.get(CacheManager);
    return { manager, rows: manager.getCache<number, string>('rows') };
  }
  type Rows = Cache<number, string>;

  const key = (id: number) => `${namespace}:v1:global:rows:${id}`;
  const isReplicated = (id: number) => () =>
    pair.replica.command('EXISTS', key(id)).then((count) => count === 1);
  const mgets = async (server: 'primary' | 'replica', work: () => Promise<unknown>) =>
    (await commandsDuring(pair[server], work)).of['mget'] ?? 0;

  /** Rows that are on the replica, which is in use. */
  async function filled(rows: Rows): Promise<void> {
    for (const id of ids) await rows.getOrLoad(id, async () => `row ${id}`, { tags: ['all'] });
    await until('the replica has them', isReplicated(ids.length - 1));
    await until('it is read', async () => (await mgets('replica', () => rows.get(0))) > 0);
  }

  it('reads entries from the replica, and of the primary their versions alone', async () => {
    const { rows } = await start();
    await filled(rows);
    await pair.breakReplication();
    for (const id of ids) await pair.primary.command('DEL', key(id)); // where nobody evicts
    const read = () => Promise.all(ids.map((id) => rows.get(id)));
    let found: unknown[] = [];
    const counts = await commandsDuring(pair.primary, async () => void (found = await read()));
    expect(found).toEqual(ids.map((id) => `row ${id}`));
    expect(counts.of).toEqual({ mget: 2 }); // of the cache, then of the tag that entries name
    expect(await rows.getMany(ids).then((map) => map.size)).toBe(ids.length);
  });

  it('removes nothing from the primary because the replica has what cannot be read', async () => {
    const { rows } = await start();
    await filled(rows);
    await pair.breakReplication();
    await pair.replica.command('CONFIG', 'SET', 'replica-read-only', 'no');
    await pair.replica.command('SET', key(1), 'no entry');
    await pair.replica.command('CONFIG', 'SET', 'replica-read-only', 'yes');
    expect(await rows.get(1)).toBe('row 1');
    expect(await pair.primary.command('EXISTS', key(1))).toBe(1);
  });

  it('asks the replica for nothing but entries: no lease, no version, no write', async () => {
    const allowed = [`~${namespace}:v1:*`, '-@all', '+mget', '+ping', '+info', '+hello', '+auth'];
    const { rows, manager } = await start();
    await filled(rows);
    const service = ['+client', '+config', '+acl', '+exists', '+role']; // what this test asks itself
    await pair.replica.command('ACL', 'SETUSER', 'default', 'resetkeys', ...allowed, ...service);
    await pair.replica.command('ACL', 'LOG', 'RESET');
    const counts = await commandsDuring(pair.replica, async () => {
      expect(await rows.get(1)).toBe('row 1');
      await rows.evict(1, 2);
      expect(await rows.getOrLoad(100, async () => 'loaded', { tags: ['all'] })).toBe('loaded');
      await rows.put(101, () => 'put');
      await rows.putIfAbsent(102, 'absent');
      await rows.explain(3);
      await manager.evictTags('all');
      await rows.clear();
      await rows.get(3);
    });
    expect(await pair.replica.command('ACL', 'LOG')).toEqual([]);
    expect(counts.of['mget']).toBeGreaterThan(2);
  });

  it('may have what was evicted by its key until the replica has heard of it', async () => {
    const { rows } = await start();
    await filled(rows);
    await pair.breakReplication();
    await rows.evict(1);
    expect(await rows.get(1)).toBe('row 1');
    expect(await rows.putIfAbsent(1, 'put')).toBeUndefined(); // which is a write
    await rows.evict(1);
    await pair.mendReplication();
    await until('gone', async () => (await rows.get(1)) === undefined);
    expect(await rows.getOrLoad(1, async () => 'second')).toBe('second');
  });

  it.each<[string, (running: { rows: Rows; manager: CacheManager }) => Promise<unknown>]>([
    ['cleared', ({ rows }) => rows.clear()],
    ['evicted by a tag', ({ manager }) => manager.evictTags('all')],
  ])('has nothing that was %s, however far the replica is behind', async (_, end) => {
    const running = await start();
    const { rows } = running;
    await filled(rows);
    await pair.breakReplication();
    await end(running);
    expect(await Promise.all(ids.map((id) => rows.get(id)))).toEqual(ids.map(() => undefined));
    expect((await rows.getMany(ids)).size).toBe(0);
  });

  it('loads nothing that the primary has and the replica has not seen', async () => {
    const { rows } = await start();
    await filled(rows);
    await pair.breakReplication();
    let loads = 0;
    const load = async () => `loaded ${++loads}`;
    for (let i = 0; i < 3; i++) expect(await rows.getOrLoad(200, load)).toBe('loaded 1');
    expect(await rows.getMany([1, 200])).toEqual(
      new Map([
        [1, 'row 1'],
        [200, 'loaded 1'],
      ]),
    );
  });

  it('loads anew what has expired on a replica that is behind', async () => {
    const { rows } = await start({ ttl: 300, staleWhileRevalidate: '1m' });
    await filled(rows);
    let loads = 0;
    const load = async () => `loaded ${++loads}`;
    await until('loaded anew', async () => (await rows.getOrLoad(1, load)) === 'loaded 1');
    expect(loads).toBe(1);
  });

  it('is the only one that reads replicas, and has no copies in memory', async () => {
    const { rows, manager } = await start();
    await filled(rows);
    const plain = manager.getCache<number, string>('plain');
    await plain.getOrLoad(1, async () => 'plain');
    expect(await mgets('replica', () => plain.get(1))).toBe(0);
    expect(await mgets('replica', () => rows.get(1))).toBe(1);
    expect((await rows.getEntry(1))?.tier).toBe('shared');
  });

  it('is read from the primary while a replica hangs, without waiting for it each time', async () => {
    const { rows } = await start();
    await filled(rows);
    const all = async () => {
      for (const id of ids) expect(await rows.get(id)).toBe(`row ${id}`);
    };
    pair.replica.pause();
    try {
      await all();
      expect(log.filter((line) => line.startsWith('A replica is not available'))).toHaveLength(1);
      expect(await timed(() => rows.get(1))).toBeLessThan(STORE_MS / 5);
      expect(await mgets('primary', () => rows.get(1))).toBeGreaterThan(0);
    } finally {
      pair.replica.resume();
    }
    await until('it is read again', async () => (await mgets('replica', () => rows.get(1))) === 1);
    expect(log).toContain('A replica is available again.');
  });

  it('is read from the primary while there is no replica, from the start', async () => {
    const { rows } = await start();
    await filled(rows);
    await pair.replica.kill();
    try {
      for (const id of ids) expect(await rows.get(id)).toBe(`row ${id}`);
      const another = await start();
      expect(await another.rows.get(1)).toBe('row 1');
      await until('it is told', () =>
        log.some((line) => /^A replica is not available: .*ECONNREFUSED.*Reading from/.test(line)),
      );
    } finally {
      await pair.replica.restart();
    }
    await until('it is read again', async () => (await mgets('replica', () => rows.get(1))) === 1);
  });

  it('waits for no replica that cannot be reached', async () => {
    const silent = await startProxy(pair.replica);
    silent.hang();
    try {
      const { rows } = await start(
        { timeouts: { store: '10s' } },
        { ...pair.replica, port: silent.port },
      );
      await until('connected', () => rows.evict(-1));
      await rows.getOrLoad(1, async () => 'one');
      expect(await rows.get(1)).toBe('one');
      expect(log.filter((line) => line.startsWith('A replica'))).toEqual([]); // not given up yet
    } finally {
      await silent.stop();
    }
  });

  it('is loaded where the primary is away, whatever the replica has', async () => {
    const { rows } = await start({ timeouts: { store: 200 } });
    await filled(rows);
    pair.primary.pause();
    try {
      await expect(rows.getOrLoad(1, async () => 'loaded')).resolves.toBe('loaded');
    } finally {
      pair.primary.resume();
    }
  });

  it('needs no replica to exist', async () => {
    const { host, port } = pair.primary;
    const application = await Test.createTestingModule({
      imports: [
        ElastiCacheModule.forRoot({
          namespace,
          connection: { host, port },
          caches: { rows: { consistency: 'eventual' } },
        }),
      ],
    }).compile();
    applications.push(application);
    await application.init();
    const rows = application.get(CacheManager).getCache<number, string>('rows');
    expect(await rows.getOrLoad(1, async () => 'one')).toBe('one');
    expect(await rows.get(1)).toBe('one');
  });

  it('goes without a time to idle', () => {
    const fault = { path: 'caches.rows.consistency', message: expect.stringMatching(/tti/) };
    const { host } = pair.primary;
    const caches = { rows: { consistency: 'eventual', tti: '1m' } as const };
    return expect(
      Test.createTestingModule({
        imports: [ElastiCacheModule.forRoot({ connection: { host }, caches })],
      })
        .compile()
        .then((application) => application.init()),
    ).rejects.toMatchObject({ faults: [fault] });
  });
});
