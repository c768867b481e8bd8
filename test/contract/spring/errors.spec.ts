import { describe, expect, it } from '@jest/globals';
import { CacheError, CacheEvict, CachePut, Cacheable } from 'nestjs-elasticache';
import { Counter, onTier, recordFailures } from '../../support/cache.application.js';

class Articles extends Counter {
  error: Error | undefined;

  @Cacheable('articles')
  async find(id: number): Promise<string> {
    const run = await this.run(id);
    if (this.error) throw this.error;
    return `secret ${run}`;
  }
  @Cacheable('alone', { singleFlight: false })
  async findAlone(id: number): Promise<string> {
    return `secret ${await this.run(id)}`;
  }
  @CachePut('articles')
  async save(id: number): Promise<string> {
    return `secret ${await this.run(id)}`;
  }
  @CacheEvict('articles')
  remove(id: number): Promise<number> {
    return this.run(id);
  }
  @CacheEvict('articles', { allEntries: true })
  removeAll(): Promise<number> {
    return this.run();
  }
}

/** A store refuses what its user may not do: the server's own NOPERM, not a double. */
describe('Failures of the store', () => {
  const tier = onTier('redis');

  const rethrow = (error: unknown): never => {
    throw error;
  };

  it('123: by default a failing lookup does not fail the call: the method runs', async () => {
    const { service } = await tier.start(Articles);
    await service.find(7);
    await tier.refuse('get');
    expect(await service.find(7)).toBe('secret 2');
  });

  it('124: by default a failing put, evict or clear leaves the call as it is', async () => {
    const { service, log } = await tier.start(Articles);
    await tier.refuse('put', 'evict', 'clear');
    expect(await service.find(7)).toBe('secret 1');
    expect(await service.save(7)).toBe('secret 2');
    expect(await service.remove(7)).toBe(3);
    expect(await service.removeAll()).toBe(4);
    expect(log.length).toBeGreaterThan(0);
  });

  it('125: a handler that does not rethrow turns a failing lookup into a miss; what was not looked up is not stored, and a put fails by itself', async () => {
    const failures = recordFailures();
    const { service } = await tier.start(Articles, { errorHandler: failures.handle });
    await tier.refuse('get');
    expect(await service.find(7)).toBe('secret 1');
    expect(failures.operations()).toEqual(['get']);
    await tier.permit();
    expect(await service.find(7)).toBe('secret 2');
    await tier.refuse('put');
    expect(await service.find(8)).toBe('secret 3');
    expect(failures.operations()).toEqual(['get', 'put']);
    await tier.permit();
    expect(await service.find(7)).toBe('secret 2');
  });

  it("126: swallowed failures leave the caller's result; a handler that rethrows fails the call", async () => {
    const failures = recordFailures();
    const swallowing = await tier.start(Articles, { errorHandler: failures.handle });
    const strict = await tier.start(Articles, { errorHandler: { handle: rethrow } });
    await tier.refuse('put', 'evict', 'clear');
    expect(await swallowing.service.save(7)).toBe('secret 1');
    expect(await swallowing.service.remove(7)).toBe(2);
    expect(await swallowing.service.removeAll()).toBe(3);
    // A put that could not be begun evicts what it should have replaced.
    expect(failures.operations()).toEqual(['put', 'evict', 'evict', 'clear']);

    await tier.permit();
    await tier.refuse('get');
    await expect(strict.service.find(7)).rejects.toBeInstanceOf(CacheError);
    await tier.permit();
    await tier.refuse('put', 'evict', 'clear');
    await expect(strict.service.save(7)).rejects.toBeInstanceOf(CacheError);
    await expect(strict.service.remove(7)).rejects.toBeInstanceOf(CacheError);
    await expect(strict.service.removeAll()).rejects.toBeInstanceOf(CacheError);
    // The put takes its lease before the method.
    expect(strict.service.calls).toBe(2);
  });

  it('127: the handler is given error, operation, cache, method and key (never the value: api.md)', async () => {
    const failures = recordFailures();
    const { service, cache } = await tier.start(Articles, { errorHandler: failures.handle });
    await tier.refuse('get', 'put', 'evict', 'clear');
    await service.find(7);
    await service.remove(8);
    await service.removeAll();
    await cache('articles').put(9, 'secret');
    expect(failures.seen.map(({ context }) => context)).toEqual([
      { operation: 'get', cache: 'articles', method: 'Articles.find', key: '7' },
      { operation: 'evict', cache: 'articles', method: 'Articles.remove', key: '8' },
      { operation: 'clear', cache: 'articles', method: 'Articles.removeAll' },
      { operation: 'put', cache: 'articles', key: '9' },
    ]);
    for (const { error } of failures.seen) {
      expect(error).toBeInstanceOf(CacheError);
      const refused = /NOPERM|user .*can't run this command|ACL failure in script/; // the last two within one
      expect(error.cause).toMatchObject({ message: expect.stringMatching(refused) });
      expect(error.message).not.toContain('secret');
    }
  });

  it('129: the default handler logs operation, cache and key, and no value', async () => {
    const { service, log } = await tier.start(Articles);
    await tier.refuse('get');
    await service.find(7);
    const line = log.find((each) => each.includes('articles'));
    expect(line).toMatch(/get|lookup/i);
    expect(line).toMatch(/\b7\b/);
    expect(log.join('\n')).not.toContain('secret');
  });

  it('130: failing lookups reach the handler with and without single flight', async () => {
    const failures = recordFailures();
    const { service } = await tier.start(Articles, { errorHandler: failures.handle });
    await tier.refuse('get');
    expect([await service.find(7), await service.findAlone(7)]).toEqual(['secret 1', 'secret 2']);
    expect(failures.seen.map(({ context }) => `${context.operation} ${context.cache}`)).toEqual([
      'get articles',
      'get alone',
    ]);
  });

  it("131: the method's own failure is not offered to the handler and does not run it again", async () => {
    const failures = recordFailures();
    const { service } = await tier.start(Articles, { errorHandler: failures.handle });
    const error = (service.error = new Error('own'));
    await expect(service.find(7)).rejects.toBe(error);
    expect(failures.seen).toEqual([]);
    expect(service.calls).toBe(1);
  });

  it('132: the handler is one for the module, and is told enough to choose per method', async () => {
    const { service } = await tier.start(Articles, {
      errorHandler: (error, { method }) => {
        if (method === 'Articles.remove') throw error;
      },
    });
    await tier.refuse('put', 'evict');
    expect(await service.save(7)).toBe('secret 1');
    await expect(service.remove(7)).rejects.toBeInstanceOf(CacheError);
    expect(service.calls).toBe(2);
  });
});
