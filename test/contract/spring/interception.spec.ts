import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { Injectable, Scope, SetMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Cacheable } from 'nestjs-elasticache';
import { Counter, onTier, tiers } from '../../support/cache.application.js';

class Articles extends Counter {
  @SetMetadata('above', true)
  @Cacheable('articles')
  @SetMetadata('below', true)
  find(id: number, language: string = 'en'): Promise<number> {
    return this.run(id, language);
  }
  findThroughThis(id: number): Promise<number> {
    return this.find(id);
  }
  findThroughPrivate(id: number): Promise<number> {
    return this.hidden(id);
  }
  @Cacheable('hidden')
  private hidden(id: number): Promise<number> {
    return this.run(id);
  }
}

/** A decorator of somebody else's: replaces what the method answers, and translates its errors. */
function Translated(label: string): MethodDecorator {
  return (_target, _name, descriptor: PropertyDescriptor) => {
    const original = descriptor.value as (...args: unknown[]) => Promise<unknown>;
    descriptor.value = function (this: unknown, ...args: unknown[]) {
      return original.apply(this, args).then(
        (value) => `${label} ${String(value)}`,
        (cause: unknown) => Promise.reject(new Error(label, { cause })),
      );
    };
    return descriptor;
  };
}

describe.each(tiers)('Interception, %s', (name) => {
  const tier = onTier(name);

  it('144: a call through this is cached too', async () => {
    const { service } = await tier.start(Articles);
    expect([await service.findThroughThis(7), await service.find(7)]).toEqual([1, 1]);
    expect(await service.findThroughThis(7)).toBe(1);
  });

  it('146: a private method is cached as any other', async () => {
    const { service } = await tier.start(Articles);
    expect(await service.findThroughPrivate(7)).toBe(1);
    expect(await service.findThroughPrivate(7)).toBe(1);
  });

  it('147: decorated providers without the module are a clear error at start-up', async () => {
    const module = Test.createTestingModule({ providers: [Articles] });
    const start = async () => (await module.compile()).init();
    await expect(start()).rejects.toThrow(/ElastiCacheModule/);
  });

  it("148: somebody else's decorator can wrap the method inside the cache, or the cache itself", async () => {
    class Wrapped extends Counter {
      error: Error | undefined;
      @Cacheable('inside')
      @Translated('inside')
      async inside(id: number): Promise<unknown> {
        return this.answer(id);
      }
      @Translated('outside')
      @Cacheable('outside')
      async outside(id: number): Promise<unknown> {
        return this.answer(id);
      }
      private async answer(id: number): Promise<number> {
        const run = await this.run(id);
        if (this.error) throw this.error;
        return run;
      }
    }
    const { service, cache } = await tier.start(Wrapped);
    expect([await service.inside(7), await service.inside(7)]).toEqual(['inside 1', 'inside 1']);
    expect(await cache('inside').get(7)).toBe('inside 1');
    expect([await service.outside(7), await service.outside(7)]).toEqual([
      'outside 2',
      'outside 2',
    ]);
    expect(await cache('outside').get(7)).toBe(2);
    const error = (service.error = new Error('own'));
    await expect(service.inside(8)).rejects.toMatchObject({ message: 'inside', cause: error });
    await expect(service.outside(8)).rejects.toMatchObject({ message: 'outside', cause: error });
  });

  it('api.md: metadata, name and length of the method survive', async () => {
    const { service } = await tier.start(Articles);
    const method = service.find;
    expect([method.name, method.length]).toEqual(['find', 1]);
    expect(Reflect.getMetadata('above', method)).toBe(true);
    expect(Reflect.getMetadata('below', method)).toBe(true);
    expect(Reflect.getMetadata('design:paramtypes', Articles.prototype, 'find')).toEqual([
      Number,
      String,
    ]);
  });

  it('api.md: an instance made with new, outside Nest, runs uncached', async () => {
    await tier.start(Articles);
    const outside = new Articles();
    expect([await outside.find(7), await outside.find(7)]).toEqual([1, 2]);
  });

  it('api.md: an override without decorator is uncached', async () => {
    class Override extends Articles {
      override find(id: number): Promise<number> {
        return this.run(id);
      }
    }
    const { service } = await tier.start(Override);
    expect([await service.find(7), await service.find(7)]).toEqual([1, 2]);
    expect([await service.findThroughPrivate(7), await service.findThroughPrivate(7)]).toEqual([
      3, 3,
    ]);
  });

  it.each([Scope.REQUEST, Scope.TRANSIENT])(
    'api.md: providers of scope %s are cached',
    async (scope) => {
      @Injectable({ scope })
      class Scoped extends Counter {
        @Cacheable('scoped')
        find(id: number): Promise<number> {
          return this.run(id);
        }
      }
      const { service, resolve } = await tier.start(Scoped);
      await service.find(7);
      const another = await resolve(Scoped);
      expect(another).not.toBe(service);
      expect(await another.find(7)).toBe(1);
      expect(another.calls).toBe(0);
    },
  );

  it('api.md: two applications in one process share nothing', async () => {
    const left = await tier.start(Articles);
    const right = await tier.start(Articles);
    expect([await left.service.find(7), await left.service.find(8)]).toEqual([1, 2]);
    expect(await right.service.find(8)).toBe(1);
    expect(await left.service.find(8)).toBe(2);
    expect(right.cache('articles').stats()).toMatchObject({ misses: 1, puts: 1 });
  });

  it('api.md: a method decorator on a class is an error', () => {
    const decorate = Cacheable('articles') as unknown as ClassDecorator;
    expect(() => decorate(class Decorated {})).toThrow(/Decorated/);
  });
});
