import { describe, expect, it } from '@jest/globals';
import {
  CacheConfigurationError,
  CacheError,
  CacheEvict,
  CachePut,
  Cacheable,
  fromResult,
} from 'nestjs-elasticache';
import { Counter, onTier, recordFailures, tiers } from '../../support/cache.application.js';

describe.each(tiers)("Keys of one's choosing, %s", (name) => {
  const tier = onTier(name);

  it('10: a global key generator replaces the default where an operation names no key', async () => {
    class Generated extends Counter {
      @Cacheable('generated')
      find(id: number, language: string): Promise<number> {
        return this.run(id, language);
      }
      @Cacheable('generated', { key: (id: number) => id })
      byKey(id: number): Promise<number> {
        return this.run(id);
      }
    }
    const keyGenerator = (target: object, methodName: string, args: readonly unknown[]) =>
      `${target.constructor.name}-${methodName}-${String(args[0])}`;
    const { service, cache } = await tier.start(Generated, { keyGenerator });
    await service.find(7, 'en');
    expect(await service.find(7, 'fr')).toBe(1);
    expect(await cache('generated').get('Generated-find-7')).toBe(1);
    await service.byKey(7);
    expect(await cache('generated').get(7)).toBe(2);
  });

  it("11: an operation's keyGenerator wins over the global one", async () => {
    class Generated extends Counter {
      @Cacheable('generated', { keyGenerator: (_target, methodName) => `own-${methodName}` })
      find(id: number): Promise<number> {
        return this.run(id);
      }
    }
    const { service, cache } = await tier.start(Generated, { keyGenerator: () => 'global' });
    await service.find(7);
    expect(await cache('generated').get('own-find')).toBe(1);
    expect(await cache('generated').get('global')).toBeUndefined();
  });

  it('12: a keyGenerator that is none is found at start-up', async () => {
    const refusal = await tier.refusal(() => {
      class Unknown extends Counter {
        @Cacheable('a', { keyGenerator: 'unknownGenerator' as never })
        find(id: number): Promise<number> {
          return this.run(id);
        }
      }
      return Unknown;
    });
    expect(refusal).toBeInstanceOf(CacheConfigurationError);
    expect(String(refusal)).toMatch(/Unknown\.find[^]*keyGenerator/);
  });

  it('13: key and keyGenerator together are refused, naming the method', async () => {
    const refusal = await tier.refusal(() => {
      class Both extends Counter {
        @Cacheable('a', { key: (id: number) => id, keyGenerator: () => 1 } as never)
        find(id: number): Promise<number> {
          return this.run(id);
        }
      }
      return Both;
    });
    expect(refusal).toBeInstanceOf(CacheConfigurationError);
    expect(String(refusal)).toContain('Both.find');
  });

  it('14: a key function picks arguments; the others do not matter', async () => {
    class Picked extends Counter {
      @Cacheable('picked', { key: (id: number) => id })
      find(id: number, language: number): Promise<number> {
        return this.run(id, language);
      }
    }
    const { service } = await tier.start(Picked);
    expect([await service.find(5, 1), await service.find(5, 2)]).toEqual([1, 1]);
    expect([await service.find(1, 5), await service.find(2, 5)]).toEqual([2, 3]);
  });

  it('15: a key can use the instance, the method name and nested properties', async () => {
    class Rooted extends Counter {
      readonly region = { code: 'eu' };
      @Cacheable('rooted', {
        key(this: Rooted, user: { id: number }) {
          return `${this.region.code}-${user.id}`;
        },
      })
      byInstance(user: { id: number }): Promise<number> {
        return this.run(user);
      }
      @Cacheable('rooted', {
        keyGenerator: (target, methodName, args) =>
          `${(target as Rooted).region.code}/${methodName}/${args.length}`,
      })
      byName(user: { id: number }): Promise<number> {
        return this.run(user);
      }
    }
    const { service, cache } = await tier.start(Rooted);
    await service.byInstance({ id: 7 });
    await service.byName({ id: 7 });
    expect(await cache('rooted').get('eu-7')).toBe(1);
    expect(await cache('rooted').get('eu/byName/1')).toBe(2);
  });

  it("16: @CachePut's key may use the result", async () => {
    class Created extends Counter {
      @CachePut('created', { key: fromResult((row: { id: number }) => row.id) })
      async create(title: string): Promise<{ id: number; title: string }> {
        return { id: 42, title };
      }
    }
    const { service, cache } = await tier.start(Created);
    await service.create('x');
    expect(await cache('created').get(42)).toEqual({ id: 42, title: 'x' });
  });

  it("17: @Cacheable's key sees the arguments and nothing else; fromResult is refused", async () => {
    const seen: unknown[][] = [];
    class Plain extends Counter {
      @Cacheable('plain', { key: (...args: [number]) => seen.push(args) })
      find(id: number): Promise<number> {
        return this.run(id);
      }
    }
    const { service } = await tier.start(Plain);
    await service.find(7);
    expect(seen).toEqual([[7]]);
    const refusal = await tier.refusal(() => {
      class Late extends Counter {
        @Cacheable('plain', { key: fromResult((result: number) => result) as never })
        find(id: number): Promise<number> {
          return this.run(id);
        }
      }
      return Late;
    });
    expect(refusal).toBeInstanceOf(CacheConfigurationError);
  });

  it('18: a null or undefined key is an error naming the method, which does not run', async () => {
    class Nameless extends Counter {
      @Cacheable('nameless', { key: (key: unknown) => key as never })
      find(key: unknown): Promise<number> {
        return this.run(key);
      }
      @CacheEvict('nameless', { key: (key: unknown) => key as never })
      drop(key: unknown): Promise<number> {
        return this.run(key);
      }
    }
    const { service } = await tier.start(Nameless);
    for (const key of [null, undefined]) {
      for (const method of ['find', 'drop'] as const) {
        const error = await service[method](key).catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(CacheError);
        expect(String(error)).toContain(`Nameless.${method}`);
      }
    }
    expect(service.calls).toBe(0);
  });

  it('19: the key of an operation is computed once per call, before the method, for all its caches', async () => {
    const keys: number[] = [];
    class Mutating extends Counter {
      @Cacheable(['left', 'right'], {
        key: (filter: { id: number }) => (keys.push(filter.id), filter.id),
      })
      find(filter: { id: number }): Promise<number> {
        filter.id = 99;
        return this.run(filter);
      }
    }
    const { service, cache } = await tier.start(Mutating);
    await service.find({ id: 7 });
    expect(keys).toEqual([7]);
    expect([await cache('left').get(7), await cache('right').get(7)]).toEqual([1, 1]);
    expect(await cache('left').get(99)).toBeUndefined();
  });

  it('21: an option function inherited by two classes reads the one it is called on', async () => {
    abstract class Dao<T> extends Counter {
      abstract idOf(row: T): string;
      @Cacheable('rows', {
        key(this: Dao<unknown>, row: unknown) {
          return this.idOf(row);
        },
      })
      load(row: T): Promise<number> {
        return this.run(row);
      }
    }
    class Users extends Dao<{ user: string }> {
      idOf = (row: { user: string }) => `user-${row.user}`;
    }
    class Orders extends Dao<{ order: string }> {
      idOf = (row: { order: string }) => `order-${row.order}`;
    }
    const { service: users, get, cache } = await tier.start(Users, {}, [Orders]);
    await users.load({ user: '1' });
    await get(Orders).load({ order: '1' });
    expect(await cache('rows').get('user-1')).toBe(1);
    expect(await cache('rows').get('order-1')).toBe(1);
    expect([users.calls, get(Orders).calls]).toEqual([1, 1]);
  });

  it('22: a function that fails before the method fails the call; one that fails after it costs only the entry', async () => {
    const cause = new Error('no id');
    const fail = (): never => {
      throw cause;
    };
    class Failing extends Counter {
      @Cacheable('failing', { key: fail })
      early(): Promise<number> {
        return this.run();
      }
      @CachePut('failing', { key: fromResult(fail) })
      put(): Promise<number> {
        return this.run();
      }
      @CacheEvict('failing', { key: fromResult(fail) })
      evict(): Promise<number> {
        return this.run();
      }
    }
    const failures = recordFailures();
    const { service } = await tier.start(Failing, { errorHandler: failures.handle });
    const error = await service.early().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CacheError);
    expect(error).toHaveProperty('cause', cause);
    expect(service.calls).toBe(0);
    expect([await service.put(), await service.evict()]).toEqual([1, 2]);
    expect(failures.seen.map(({ error: { cause: told } }) => told)).toEqual([cause, cause]);
    expect(failures.seen.map(({ context }) => context)).toEqual([
      { operation: 'put', cache: 'failing', method: 'Failing.put' },
      { operation: 'evict', cache: 'failing', method: 'Failing.evict' },
    ]);
  });

  it('23: @CachePut judges unless before it asks for the key', async () => {
    class Guarded {
      @CachePut('guarded', {
        key: fromResult((row: { id: number } | null) => row!.id),
        unless: (row: { id: number } | null) => row === null,
      })
      async save(found: boolean): Promise<{ id: number } | null> {
        return found ? { id: 1 } : null;
      }
    }
    const failures = recordFailures();
    const { service, cache } = await tier.start(Guarded, { errorHandler: failures.handle });
    expect(await service.save(false)).toBeNull();
    expect(failures.seen).toEqual([]);
    await service.save(true);
    expect(await cache('guarded').get(1)).toEqual({ id: 1 });
  });
});
