import { describe, expect, it } from '@jest/globals';
import { CacheError, CachePut, CacheSerializationError, Cacheable, glob } from 'nestjs-elasticache';
import type { Key } from 'nestjs-elasticache';
import { Observable, defer, firstValueFrom } from 'rxjs';
import { Counter, gate, onTier, recordFailures, times } from '../../support/cache.application.js';

class Articles extends Counter {
  door: Promise<void> = Promise.resolve();
  onStart = () => {};

  @Cacheable('articles')
  async find(id: number): Promise<number> {
    this.onStart();
    await this.door;
    return this.run(id);
  }
  @Cacheable('lists')
  list(...args: unknown[]): Promise<number> {
    return this.run(args);
  }
  @CachePut('articles', { key: (id: number) => id })
  save(id: number): Promise<number> {
    return this.run(id);
  }
  @Cacheable('streams')
  stream(id: number): Observable<number> {
    return defer(() => this.run(id));
  }
}

/** Rows 152–171 as far as they concern what the server sees. */
describe('The Redis provider', () => {
  const tier = onTier('redis');
  const redis = (...args: string[]) => tier.redis.command(...args);
  const lifetime = async (key: string) => Number(await redis('PTTL', key));

  it('152: keys read namespace:version:scope:cache:key (api.md)', async () => {
    const { service } = await tier.start(Articles, { namespace: 'shop' });
    await service.find(7);
    await service.list(0, 20);
    expect(await tier.redis.keys('shop:*')).toEqual([
      'shop:v1:global:articles:7',
      'shop:v1:global:lists:0:20',
      'shop:~cache:articles',
      'shop:~cache:lists',
    ]);
  });

  it("153: clear never reaches a key that is not its cache's", async () => {
    const { service, cache, keyOf } = await tier.start(Articles);
    const strangers = ['unrelated', keyOf('articles', '').slice(0, -1), keyOf('articles2', '7')];
    for (const key of strangers) await redis('SET', key, 'kept');
    await service.find(7);
    await cache('articles').clear();
    expect(await redis('EXISTS', ...strangers)).toBe(strangers.length);
    expect(await cache('articles').getEntry(7)).toBeUndefined();
  });

  it('154: key text is readable for plain arguments; what has no text is an error before the method', async () => {
    const { service } = await tier.start(Articles, { namespace: 'text' });
    await service.list('abc', 7, true);
    expect(await tier.redis.keys('text:v1:*')).toEqual(['text:v1:global:lists:abc:7:true']);
    for (const argument of [() => 1, Symbol('s')]) {
      await expect(service.list(argument)).rejects.toBeInstanceOf(CacheError);
    }
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    await expect(service.list(cyclic)).rejects.toBeInstanceOf(CacheError);
    expect(service.calls).toBe(1);
  });

  it('155: key text is injective, within a cache and between caches', async () => {
    const { service, cache } = await tier.start(Articles);
    const lists: unknown[][] = [
      [], [''], [1], ['1'], [1n], [true], ['true'], [null], ['null'], ['undefined'], [undefined, 1], [null, 1],
      ['null', 1], [['a', 'b']], ['a', 'b'], ['a,b'], ['a:b'], ['a%3Ab'], ['a, b', 'c'], ['a', 'b, c'], [['a'], 'b'],
      [[]], [{}], ['{}'], [{ a: 1 }], [{ a: '1' }], [new Date(0)], [new Date(0).toISOString()], [0], [NaN], ['NaN'],
      ['*'], ['?'], ['[a]'], ['{a}'], ['\\'], ['\ud800'], ['\ud801'], ['\ufffd'], ['x'.repeat(2000)], ['x'.repeat(2001)],
    ]; // prettier-ignore
    const answers = [];
    for (const args of lists) answers.push(await service.list(...args));
    expect(answers).toEqual(times(lists.length, (index) => index + 1));
    expect(await service.list(-0)).toBe(answers[lists.findIndex((args) => args[0] === 0)]);

    await cache('a').put('b:k', 'first');
    await cache('a').put('b::k', 'first');
    await cache('a:b').put('k', 'second');
    await cache('a::b').put('k', 'second');
    expect([await cache('a').get('b:k'), await cache('a').get('b::k')]).toEqual(['first', 'first']);
  });

  it('156: every entry has a lifetime, written with it in one command; an overwrite starts it anew', async () => {
    const { service, keyOf } = await tier.start(Articles);
    const key = keyOf('articles', '7');
    await redis('CONFIG', 'SET', 'slowlog-log-slower-than', '0');
    await redis('SLOWLOG', 'RESET');
    await service.save(7);
    const log = (await redis('SLOWLOG', 'GET', '-1')) as [0, 0, 0, string[]][];
    const written = log.map(([, , , args]) => args).filter(([, written]) => written === key);
    expect(written).toEqual([['set', key, expect.anything(), 'PX', expect.anything()]]);
    await redis('CONFIG', 'SET', 'slowlog-log-slower-than', '-1');
    const fresh = await lifetime(key);
    expect(fresh).toBeGreaterThan(5 * 60_000 * 0.89);
    expect(fresh).toBeLessThanOrEqual(5 * 60_000);
    await redis('PEXPIRE', key, '5000');
    await service.save(7);
    expect(await lifetime(key)).toBeGreaterThan(5 * 60_000 * 0.89);
  });

  it('159: with tti each read renews the lifetime', async () => {
    const idle = { ttl: '1h', tti: '1m', jitter: 0 };
    const { service, cache, keyOf } = await tier.start(Articles, { caches: { articles: idle } });
    const key = keyOf('articles', '7');
    await service.find(7);
    expect(await lifetime(key)).toBeLessThanOrEqual(60_000);
    const reads = [
      () => service.find(7),
      () => cache('articles').get(7),
      () => cache('articles').getMany([7]),
    ];
    for (const read of reads) {
      await redis('PEXPIRE', key, '30000');
      await read();
      expect(await lifetime(key)).toBeGreaterThan(55_000);
    }
  });

  it('160: null is stored as bytes that say so; with cacheNull: false it is never stored', async () => {
    const caches = { never: { cacheNull: false }, brief: { cacheNull: '1m', jitter: 0 } };
    const { cache, keyOf } = await tier.start(Articles, { caches });
    await cache('always').put(7, null);
    expect(await redis('EXISTS', keyOf('always', '7'))).toBe(1);
    await cache('brief').put(7, null);
    await cache('brief').put(8, 'value');
    expect(await lifetime(keyOf('brief', '7'))).toBeLessThanOrEqual(60_000);
    expect(await lifetime(keyOf('brief', '8'))).toBeGreaterThan(60_000);

    expect(await cache('never').getOrLoad(7, async () => null)).toBeNull();
    expect(await cache('never').putIfAbsent(7, null)).toBeUndefined();
    expect(await redis('EXISTS', keyOf('never', '7'))).toBe(0);
    await cache('never').put(8, 'value');
    expect(await cache('never').putIfAbsent(8, null)).toBe('value');
  });

  it('161: undecodable bytes are a miss, removed and replaced', async () => {
    const { service, cache, keyOf } = await tier.start(Articles);
    const key = keyOf('articles', '7');
    await redis('SET', key, 'no envelope of ours', 'EX', '60');
    expect(await cache('articles').get(7)).toBeUndefined();
    expect(await redis('EXISTS', key)).toBe(0);
    await redis('SET', key, 'no envelope of ours', 'EX', '60');
    expect([await service.find(7), await service.find(7)]).toEqual([1, 1]);
  });

  it('162: an unserializable value is returned and reported, and leaves no key', async () => {
    const value = { format: () => 'text' };
    class Unstorable {
      @Cacheable('unstorable')
      async find(id: number): Promise<unknown> {
        return id ? value : null;
      }
    }
    const failures = recordFailures();
    const { service, keyOf } = await tier.start(Unstorable, { errorHandler: failures.handle });
    expect(await service.find(7)).toBe(value);
    expect(failures.seen[0]!.error).toBeInstanceOf(CacheSerializationError);
    expect(await redis('EXISTS', keyOf('unstorable', '7'))).toBe(0);
  });

  it('163: clear removes all of its cache and no other, without KEYS; a pattern narrows it', async () => {
    const { cache } = await tier.start(Articles);
    await cache('many').putMany(times(2500, (id) => [id, id] as [Key, number]));
    await cache('others').putMany([
      [[1, 2], 'a'],
      [[1, 3], 'b'],
      [[2, 1], 'c'],
    ]);
    await redis('CONFIG', 'RESETSTAT');
    expect(await cache('many').clear()).toBe(true);
    expect(await cache('others').evictMatching(glob`1:*`)).toBe(2);
    expect(await redis('INFO', 'commandstats')).not.toMatch(/cmdstat_(keys|flushdb|flushall):/);
    expect((await cache('many').getMany(times(2500, (id) => id))).size).toBe(0);
    expect([
      ...(
        await cache('others').getMany([
          [1, 2],
          [1, 3],
          [2, 1],
        ])
      ).values(),
    ]).toEqual(['c']);
  });

  it('164: wildcards in a cache name or key are letters', async () => {
    const { cache } = await tier.start(Articles);
    await cache('users').put(1, 'kept');
    await cache('u*').put('*', 'gone');
    await cache('users').put('*', 'star');
    await cache('u*').clear();
    expect(await cache('u*').get('*')).toBeUndefined();
    await cache('users').evict('*');
    expect(await cache('users').evictMatching('*')).toBe(0);
    expect(await cache('users').get(1)).toBe('kept');
  });

  it('165: writes and evictions are awaited: the server has them when the call returns', async () => {
    const namespace = 'acknowledged';
    const { service, cache, keyOf } = await tier.start(Articles, { namespace });
    const exists = () => redis('EXISTS', keyOf('articles', '7'));
    await service.save(7);
    expect(await exists()).toBe(1);
    await cache('articles').evict(7);
    expect(await exists()).toBe(0);
    await service.find(7);
    expect(await exists()).toBe(1);
    await cache('articles').clear();
    expect(await redis('EXISTS', `${namespace}:~cache:articles`)).toBe(0);
    expect(await cache('articles').getEntry(7)).toBeUndefined();
  });

  it('166: a load in flight keeps nobody else waiting, in its cache or another', async () => {
    const { service, cache } = await tier.start(Articles);
    const [door, started] = [gate(), gate()];
    service.door = door.opened;
    service.onStart = started.open;
    const loading = service.find(7);
    await started.opened;
    await cache('articles').put(8, 'eight');
    expect(await cache('articles').get(8)).toBe('eight');
    expect(await cache('articles').putIfAbsent(9, 'nine')).toBeUndefined();
    expect(await cache('others').clear()).toBe(true);
    door.open();
    expect(await loading).toBe(1);
  });

  it('167: loads of different keys run side by side', async () => {
    const { service } = await tier.start(Articles);
    const all = gate();
    let started = 0;
    service.onStart = () => void (++started === 5 && all.open());
    service.door = all.opened;
    const values = await Promise.all(times(5, (id) => service.find(id)));
    expect(new Set(values).size).toBe(5);
  });

  it('168: nothing of ours is without a lifetime, while a load is in flight or after', async () => {
    const { service } = await tier.start(Articles, { namespace: 'mortal' });
    const [door, started] = [gate(), gate()];
    service.door = door.opened;
    service.onStart = started.open;
    const lifetimes = async () => Promise.all((await tier.redis.keys('*mortal:*')).map(lifetime));
    await service.save(8);
    const loading = service.find(7);
    await started.opened;
    expect(Math.min(...(await lifetimes()))).toBeGreaterThan(0);
    expect(await tier.redis.keys('*mortal:*')).toEqual([
      'mortal:v1:global:articles:8',
      'mortal:~cache:articles',
      '{mortal:v1:global:articles:7}:lease',
    ]);
    door.open();
    await loading;
    expect(Math.min(...(await lifetimes()))).toBeGreaterThan(0);
    expect(await tier.redis.keys('*mortal:*')).toEqual([
      'mortal:v1:global:articles:7',
      'mortal:v1:global:articles:8',
      'mortal:~cache:articles',
    ]);
  });

  it('169: concurrent subscribers of an Observable share one run of the source', async () => {
    const { service } = await tier.start(Articles);
    const values = times(5, () => firstValueFrom(service.stream(7)));
    expect(await Promise.all(values)).toEqual(times(5, () => 1));
    expect(service.calls).toBe(1);
  });

  it('170: concurrent getOrLoad of one key loads once', async () => {
    const { cache } = await tier.start(Articles);
    let loads = 0;
    const load = async () => ++loads;
    const values = await Promise.all(times(10, () => cache('articles').getOrLoad(7, load)));
    expect(values).toEqual(times(10, () => 1));
  });

  it('171: lookups tell a stored null from nothing', async () => {
    const { cache } = await tier.start(Articles);
    await cache('articles').put(7, null);
    expect(await cache('articles').getEntry(7)).toMatchObject({ value: null });
    expect(await cache('articles').getEntry(8)).toBeUndefined();
    expect(await cache('articles').getMany([7, 8])).toEqual(new Map([[7, null]]));
  });
});
