import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import {
  CacheConfigurationError,
  CacheError,
  CachePut,
  Cacheable,
  fromResult,
} from 'nestjs-elasticache';
import { Counter, onTier, recordFailures, tiers, times } from '../../support/cache.application.js';

class Flags {
  enabled = false;
}

@Injectable()
class Flagged extends Counter {
  constructor(readonly flags: Flags) {
    super();
  }

  @Cacheable('flagged', {
    condition(this: Flagged) {
      return this.flags.enabled;
    },
  })
  find(id: number): Promise<number> {
    return this.run(id);
  }
}

describe.each(tiers)('condition and unless, %s', (name) => {
  const tier = onTier(name);

  it('37: condition false: no lookup and no put; an entry is neither returned nor changed', async () => {
    class Conditional extends Counter {
      @Cacheable('conditional', { condition: (id: number) => id !== 3 })
      find(id: number): Promise<number> {
        return this.run(id);
      }
    }
    const { service, cache } = await tier.start(Conditional);
    await cache('conditional').put(3, 'untouched');
    expect([await service.find(3), await service.find(3)]).toEqual([1, 2]);
    expect(cache('conditional').stats()).toMatchObject({ hits: 0, misses: 0, puts: 1 });
    expect(await cache('conditional').get(3)).toBe('untouched');
    expect([await service.find(4), await service.find(4)]).toEqual([3, 3]);
  });

  it('38: a condition is asked once per operation and call', async () => {
    const asked: number[] = [];
    class Asking extends Counter {
      @Cacheable(['a', 'b'], { condition: (id: number) => asked.push(id) > 0 })
      find(id: number): Promise<number> {
        return this.run(id);
      }
    }
    const { service } = await tier.start(Asking);
    await service.find(1);
    await service.find(2);
    expect(asked).toEqual([1, 2]);
  });

  it('39: a condition may consult another provider', async () => {
    const { service, get } = await tier.start(Flagged, {}, [Flags]);
    expect([await service.find(7), await service.find(7)]).toEqual([1, 2]);
    get(Flags).enabled = true;
    expect([await service.find(7), await service.find(7)]).toEqual([3, 3]);
  });

  it("40: @Cacheable's condition sees the arguments and nothing else; fromResult is refused", async () => {
    const seen: unknown[][] = [];
    class Plain extends Counter {
      @Cacheable('plain', { condition: (...args: [number]) => seen.push(args) > 0 })
      find(id: number): Promise<number> {
        return this.run(id);
      }
    }
    const { service } = await tier.start(Plain);
    await service.find(7);
    expect(seen).toEqual([[7]]);
    const refusal = await tier.refusal(() => {
      class Late extends Counter {
        @Cacheable('plain', { condition: fromResult(() => true) as never })
        find(id: number): Promise<number> {
          return this.run(id);
        }
      }
      return Late;
    });
    expect(refusal).toBeInstanceOf(CacheConfigurationError);
  });

  it('41: a condition that answers with no boolean is an error, not a silent false', async () => {
    const answers: unknown[] = [undefined, null, 'true', 1];
    class Vague extends Counter {
      @Cacheable('vague', { condition: (index: number) => answers[index] as boolean })
      find(index: number): Promise<number> {
        return this.run(index);
      }
    }
    const { service } = await tier.start(Vague);
    for (const index of answers.keys()) {
      const error = await service.find(index).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(CacheError);
      expect(String(error)).toMatch(/Vague\.find[^]*condition/);
    }
    expect(service.calls).toBe(0);
  });

  it('42: unless true: the value is returned, not stored; it sees the result, then the arguments', async () => {
    const seen: unknown[][] = [];
    class Limited extends Counter {
      @Cacheable('limited', {
        unless: (result: number, id: number) => seen.push([result, id]) > 0 && result > 10,
      })
      async find(id: number): Promise<number> {
        await this.run(id);
        return id;
      }
    }
    const { service, cache } = await tier.start(Limited);
    expect([await service.find(10), await service.find(11)]).toEqual([10, 11]);
    expect(seen).toEqual([
      [10, 10],
      [11, 11],
    ]);
    expect(await cache('limited').get(10)).toBe(10);
    expect(await cache('limited').getEntry(11)).toBeUndefined();
  });

  it('43: unless keeps nulls out', async () => {
    class NotNull extends Counter {
      @Cacheable('notNull', { unless: (result: unknown) => result === null })
      async find(id: number): Promise<string | null> {
        await this.run(id);
        return null;
      }
    }
    const { service, cache } = await tier.start(NotNull);
    expect([await service.find(7), await service.find(7)]).toEqual([null, null]);
    expect(service.calls).toBe(2);
    expect(await cache('notNull').getEntry(7)).toBeUndefined();
  });

  it('44: unless is judged per operation', async () => {
    class Sized {
      @Cacheable('small', { unless: (result: number[]) => result.length > 2 })
      @Cacheable('large', { unless: (result: number[]) => result.length <= 2 })
      async list(length: number): Promise<number[]> {
        return times(length, (index) => index);
      }
    }
    const { service, cache } = await tier.start(Sized);
    await service.list(1);
    await service.list(3);
    expect(await cache('small').getMany([1, 3])).toEqual(new Map([[1, [0]]]));
    expect(await cache('large').getMany([1, 3])).toEqual(new Map([[3, [0, 1, 2]]]));
  });

  it('45: unless is not asked about hits', async () => {
    class Never extends Counter {
      @Cacheable('never', { unless: () => true })
      find(id: number): Promise<number> {
        return this.run(id);
      }
    }
    const { service, cache } = await tier.start(Never);
    await cache('never').put(7, 77);
    expect(await service.find(7)).toBe(77);
    expect(service.calls).toBe(0);
  });

  it('46: an unless that throws is reported; the value is returned and not stored', async () => {
    const cause = new Error('cannot tell');
    const unless = (): never => {
      throw cause;
    };
    class Undecided extends Counter {
      @Cacheable('undecided', { unless })
      find(id: number): Promise<number> {
        return this.run(id);
      }
      @CachePut('undecided', { unless })
      save(id: number): Promise<number> {
        return this.run(id);
      }
    }
    const failures = recordFailures();
    const { service, cache } = await tier.start(Undecided, { errorHandler: failures.handle });
    expect([await service.find(7), await service.save(7)]).toEqual([1, 2]);
    expect(failures.seen.map(({ error }) => error.cause)).toEqual([cause, cause]);
    expect(await cache('undecided').getEntry(7)).toBeUndefined();
  });

  it('49: condition works with single flight', async () => {
    class Conditional extends Counter {
      @Cacheable('conditional', { singleFlight: 'process', condition: (id: number) => id === 3 })
      find(id: number): Promise<number> {
        return this.run(id);
      }
    }
    const { service } = await tier.start(Conditional);
    expect(await Promise.all(times(3, () => service.find(4)))).toEqual([1, 2, 3]);
    expect(await Promise.all(times(3, () => service.find(3)))).toEqual([4, 4, 4]);
  });
});
