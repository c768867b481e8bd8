import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from '@jest/globals';
import { CacheEvict, CachePut, CacheTransaction, Cacheable, fromResult } from 'nestjs-elasticache';
import type { CacheOptions } from 'nestjs-elasticache';
import { gate, onTier, recordFailures, tiers, times } from '../support/cache.application.js';

/** Rows by id. What a transaction writes is seen by others once it has committed. */
class Database {
  rows = new Map<number, string>();
  log: string[] = [];

  async transaction<T>(work: (tx: Map<number, string>) => Promise<T>): Promise<T> {
    const own = new Map(this.rows);
    const result = await work(own);
    this.rows = own;
    this.log.push('commit');
    return result;
  }
}

class Articles {
  db = new Database();
  loads = 0;
  door: Promise<void> = Promise.resolve();
  reading = gate();

  /** Answers with what was committed when it began. */
  @Cacheable('articles', { tags: (id: number) => [`article:${id}`] })
  async find(id: number): Promise<string | undefined> {
    this.loads++;
    const row = this.db.rows.get(id);
    this.reading.open();
    await this.door;
    return row;
  }
  @Cacheable('articles', { tags: fromResult((_: unknown, id: number) => [`article:${id}`]) })
  async findTagged(id: number): Promise<string | undefined> {
    return this.db.rows.get(id);
  }
  @CacheEvict('articles', { key: (id: number) => id })
  async rename(id: number, title: string, tx: Map<number, string>): Promise<void> {
    tx.set(id, title);
  }
  @CachePut('articles', { key: (id: number) => id })
  async save(id: number, title: string, tx: Map<number, string>): Promise<string> {
    tx.set(id, title);
    return title;
  }
  @CacheEvict({ tags: (id: number) => [`article:${id}`] })
  async touch(id: number, title: string, tx: Map<number, string>): Promise<void> {
    tx.set(id, title);
  }
  @CacheEvict('articles', { beforeInvocation: true, key: (id: number) => id })
  async fail(_id: number): Promise<void> {
    throw new Error('own');
  }
}

/** Runs what is no part of a unit of work, wherever it is called. */
const outside = AsyncLocalStorage.snapshot();
const error = new Error('own');

describe.each(tiers)('Units of work beside others, %s', (name) => {
  const tier = onTier(name);
  let applications = 0;

  async function start(defaults: CacheOptions = {}) {
    const failures = recordFailures();
    const options = {
      namespace: `units-${name}-${++applications}`,
      errorHandler: failures.handle,
      defaults: { timeouts: { store: '5s' }, ...defaults },
    } as const;
    const running = await tier.start(Articles, options);
    // In Redis the others are another application.
    const bystander = name === 'redis' ? await tier.start(Articles, options) : running;
    bystander.service.db = running.service.db;
    running.service.db.rows.set(7, 'old');
    const articles = running.cache('articles');
    const other = bystander.cache('articles');
    /** A reader that is no part of the unit. */
    const read = () => outside(() => bystander.service.find(7));
    return { ...running, articles, other, read, failures, bystander, db: running.service.db };
  }

  const writes = ['rename', 'save'] as const;

  it.each(writes)('end after the commit of the database, as in the demo: %s', async (write) => {
    const { service, articles, read, db } = await start();
    await read();
    await CacheTransaction.run(() =>
      db.transaction(async (tx) => {
        await service[write](7, 'new', tx);
        expect(await read()).toBe('old');
        await outside(() => articles.evict('nothing'));
      }),
    );
    expect(db.log).toEqual(['commit']);
    expect(await articles.get(7)).toBe(write === 'save' ? 'new' : undefined);
    expect(await read()).toBe('new');
  });

  it.each(writes)('nobody caches again what they are about to change: %s', async (write) => {
    const { service, other, read, db } = await start();
    await CacheTransaction.run(() =>
      db.transaction(async (tx) => {
        await service[write](7, 'new', tx);
        expect(await read()).toBe('old');
        expect(await outside(() => other.getEntry(7))).toBeUndefined();
      }),
    );
    expect(await read()).toBe('new');
    expect(await other.get(7)).toBe('new');
  });

  it.each([...writes, 'touch'] as const)(
    'nor does a load that began before the commit, and ends after: %s',
    async (write) => {
      const { service, bystander, other, read, db } = await start();
      const door = gate();
      let reading: Promise<unknown> = Promise.resolve();
      await CacheTransaction.run(() =>
        db.transaction(async (tx) => {
          await service[write](7, 'new', tx);
          bystander.service.door = door.opened;
          reading = read();
          await bystander.service.reading.opened;
          bystander.service.door = Promise.resolve();
        }),
      );
      door.open();
      expect(await reading).toBe('old');
      expect(await other.get(7)).toBe(write === 'save' ? 'new' : undefined);
      expect(await read()).toBe('new');
    },
  );

  it.each([...writes, 'touch'] as const)(
    'a rollback lets others cache what was and is: %s',
    async (write) => {
      const { service, other, read, db } = await start();
      const run = CacheTransaction.run(() =>
        db.transaction(async (tx) => {
          await service[write](7, 'new', tx);
          throw error;
        }),
      );
      await expect(run).rejects.toBe(error);
      expect([await read(), await other.get(7)]).toEqual(['old', 'old']);
    },
  );

  it('what they have not committed is not cached by their own reads', async () => {
    for (const find of ['find', 'findTagged'] as const) {
      const { service, articles, db } = await start();
      const run = CacheTransaction.run(() =>
        db.transaction(async (tx) => {
          await service.touch(7, 'uncommitted', tx);
          service.db = Object.assign(new Database(), { rows: tx });
          expect(await service[find](7)).toBe('uncommitted');
          throw error;
        }),
      );
      await expect(run).rejects.toBe(error);
      service.db = db;
      expect(await articles.getEntry(7)).toBeUndefined();
      expect(await service[find](7)).toBe('old');
    }
  });

  it('two at a time know nothing of each other', async () => {
    const { service, articles, db } = await start();
    db.rows.set(8, 'old');
    await articles.putMany([7, 8].map((id) => [id, 'old'] as const));
    const [first, second] = [gate(), gate()];
    const units = [
      CacheTransaction.run(async () => {
        await service.rename(7, 'new', db.rows);
        await first.opened;
        expect([await articles.get(7), await articles.get(8)]).toEqual([undefined, 'old']);
      }),
      CacheTransaction.run(async () => {
        await service.rename(8, 'new', db.rows);
        await second.opened;
        expect([await articles.get(7), await articles.get(8)]).toEqual([undefined, undefined]);
        throw error;
      }),
    ];
    await articles.get(7);
    expect([await articles.get(7), await articles.get(8)]).toEqual(['old', 'old']);
    first.open();
    await units[0];
    expect([await articles.get(7), await articles.get(8)]).toEqual([undefined, 'old']);
    second.open();
    await expect(units[1]).rejects.toBe(error);
    expect(await articles.get(8)).toBe('old');
  });

  it('two on one key leave what the last of them says', async () => {
    for (const isFirstLast of [true, false]) {
      const { service, other, read, db } = await start();
      await read();
      const doors = [gate(), gate()];
      const begun = [gate(), gate()];
      const units = doors.map((door, i) =>
        CacheTransaction.run(() =>
          db.transaction(async (tx) => {
            await service.rename(7, `by ${i}`, tx);
            begun[i]!.open();
            await door.opened;
          }),
        ),
      );
      await Promise.all(begun.map(({ opened }) => opened));
      for (const i of isFirstLast ? [1, 0] : [0, 1]) {
        doors[i]!.open();
        await units[i];
        expect(await read()).toBe(`by ${i}`);
      }
      expect(await read()).toBe(isFirstLast ? 'by 0' : 'by 1');
      expect(await other.get(7)).toBe(isFirstLast ? 'by 0' : 'by 1');
    }
  });

  it('a hundred at a time, some failing: each does its own', async () => {
    const { service, articles, db } = await start();
    await articles.putMany(times(100, (id) => [id, 'old'] as const));
    const units = times(100, (id) =>
      CacheTransaction.run(async () => {
        await service.rename(id, 'new', db.rows);
        if (id % 3 === 0) throw error;
      }),
    );
    await Promise.allSettled(units);
    const left = await articles.getMany(times(100, (id) => id));
    expect([...left.keys()]).toEqual(times(34, (i) => i * 3));
  });

  it('an inner one that fails, and whose failure the outer takes, is committed with the outer', async () => {
    const { service, articles, db } = await start();
    await articles.putMany([7, 8].map((id) => [id, 'old'] as const));
    await CacheTransaction.run(async () => {
      await service.rename(8, 'new', db.rows);
      const inner = CacheTransaction.run(async () => {
        await service.rename(7, 'new', db.rows);
        throw error;
      });
      await expect(inner).rejects.toBe(error);
    });
    expect([await articles.get(7), await articles.get(8)]).toEqual([undefined, undefined]);
  });

  it('the writes of one are applied in their order', async () => {
    const { articles } = await start();
    await CacheTransaction.run(async () => {
      await articles.put(1, 'a');
      await articles.put(1, 'b');
      await articles.put(2, 'a');
      await articles.evict(2);
      await articles.evict(3);
      await articles.put(3, 'b');
    });
    const left = await articles.getMany(times(4, (i) => i));
    expect(Object.fromEntries(left)).toEqual({ 1: 'b', 3: 'b' });
    await CacheTransaction.run(async () => {
      await articles.put(4, 'a');
      await articles.clear();
      await articles.put(5, 'b');
    });
    expect(Object.fromEntries(await articles.getMany(times(6, (i) => i)))).toEqual({ 5: 'b' });
  });

  it.each(['an eviction', 'another put', 'decorated writes', 'a clear'])(
    'a key that was put by a function after %s is left empty: the next read loads it',
    async (before) => {
      const { service, articles, db } = await start();
      await articles.put(7, 'old');
      await CacheTransaction.run(async () => {
        if (before === 'an eviction') await articles.evict(7);
        if (before === 'another put') await articles.put(7, () => 'a');
        if (before === 'decorated writes') await service.rename(7, 'a', db.rows);
        if (before === 'a clear') await articles.clear();
        if (before === 'decorated writes') await service.save(7, 'b', db.rows);
        else await articles.put(7, () => 'b');
      });
      expect(await articles.getEntry(7)).toBeUndefined();
      expect((await articles.explain(7)).lease).toBe('none');
      db.rows.set(7, 'b');
      expect([await service.find(7), await articles.get(7)]).toEqual(['b', 'b']);
    },
  );

  it.each(['commit', 'rollback'] as const)(
    'what they read is not stored, whatever they say of it afterwards: %s',
    async (end) => {
      const { service, articles, other, read, db } = await start();
      const unit = CacheTransaction.begin();
      await unit.run(() =>
        db
          .transaction(async (tx) => {
            tx.set(7, 'uncommitted');
            service.db = Object.assign(new Database(), { rows: tx });
            expect(await service.find(7)).toBe('uncommitted');
            expect(await service.findTagged(7)).toBe('uncommitted');
            expect(await articles.getOrLoad(7, async () => tx.get(7))).toBe('uncommitted');
            expect(await outside(() => other.getEntry(7))).toBeUndefined();
            await service.rename(7, 'new', tx);
            if (end === 'rollback') throw error;
          })
          .catch(() => {}),
      );
      service.db = db;
      await unit[end]();
      expect(await articles.getEntry(7)).toBeUndefined();
      const committed = end === 'commit' ? 'new' : 'old';
      expect([await read(), await other.get(7)]).toEqual([committed, committed]);
    },
  );

  it('what they do not change is a hit for them', async () => {
    const { service, articles, db } = await start();
    await articles.putMany([7, 8].map((id) => [id, 'old'] as const));
    await CacheTransaction.run(async () => {
      await service.rename(8, 'new', db.rows);
      expect(await service.find(7)).toBe('old');
      expect(await articles.get(7)).toBe('old');
    });
    expect(service.loads).toBe(0);
  });

  it('a value put is that of its moment', async () => {
    const { articles } = await start();
    const [bare, made] = [{ title: 'old' }, { title: 'old' }];
    await CacheTransaction.run(async () => {
      await articles.put(1, bare);
      await articles.putMany([[2, bare]]);
      await articles.put(3, () => made);
      bare.title = made.title = 'changed';
    });
    for (const key of [1, 2, 3]) expect(await articles.get(key)).toEqual({ title: 'old' });
  });

  it('what cannot be stored is told when it is put, or at the commit, and costs the others nothing', async () => {
    const { articles, failures } = await start();
    const bad = { f: () => 1 };
    const run = CacheTransaction.run(async () => {
      await articles.put(1, 'a');
      await articles.put(2, bad);
      await articles.put(3, 'c');
    });
    const outcome = await run.then(
      () => 'done',
      ({ code }) => String(code),
    );
    expect(['done', 'CACHE_SERIALIZATION']).toContain(outcome);
    expect([...(await articles.getMany([1, 2, 3])).keys()]).toEqual([1, 3]);
    if (outcome === 'done') expect(failures.seen.length).toBe(1);
  });
});
