import { describe, expect, it } from '@jest/globals';
import { CachePut, Cacheable, CacheTransaction, fromResult, glob } from 'nestjs-elasticache';
import type { Cache, CacheManager, CacheOptions } from 'nestjs-elasticache';
import { Observable, from, lastValueFrom } from 'rxjs';
import { type Running, gate, onTier, recordFailures, tiers } from '../support/cache.application.js';
import { until } from '../support/waiting.js';

const unstorable = () => ({ f: () => 1 });

class Articles {
  door = gate();
  started = gate();
  value: unknown = 'put';
  error: Error | undefined;

  async write(): Promise<unknown> {
    const { door } = this;
    this.started.open();
    await door.opened;
    if (this.error) throw this.error;
    return this.value;
  }
  @Cacheable('articles')
  async find(_id: number): Promise<string> {
    return 'read';
  }
  @CachePut('articles')
  save(_id: number): Promise<unknown> {
    return this.write();
  }
  @CachePut('articles', { key: fromResult(() => 7) })
  create(): Promise<unknown> {
    return this.write();
  }
  @CachePut('articles')
  stream(_id: number): Observable<unknown> {
    return from(this.write());
  }
  @CachePut(['articles', 'others'])
  saveInTwo(_id: number): Promise<unknown> {
    return this.write();
  }
  @Cacheable('articles')
  @CachePut('others')
  refresh(_id: number): Promise<unknown> {
    return this.write();
  }
  @CachePut('articles', { unless: (value) => value === 'put' })
  saveUnless(_id: number): Promise<unknown> {
    return this.write();
  }
  @CachePut('articles', { condition: fromResult((value) => value !== 'put') })
  saveIf(_id: number): Promise<unknown> {
    return this.write();
  }
}

type Way = (articles: Articles, cache: Cache) => Promise<unknown>;

/** Every way to put key 7 by what a method brings. */
const puts: Record<string, Way> = {
  '@CachePut': (articles) => articles.save(7),
  '@CachePut by a key of the result': (articles) => articles.create(),
  '@CachePut of an Observable': (articles) => lastValueFrom(articles.stream(7)),
  '@CachePut in two caches': (articles) => articles.saveInTwo(7),
  '@Cacheable beside a @CachePut': (articles) => articles.refresh(7),
  'put of a function': (articles, cache) => cache.put(7, () => articles.write()),
};

type Meanwhile = (cache: Cache, manager: CacheManager) => Promise<unknown>;

/** What keeps a value out that began to be made before. */
const meanwhile: Record<string, Meanwhile> = {
  evict: (cache) => cache.evict(7),
  'evict of several': (cache) => cache.evict(6, 7, 8),
  evictMatching: (cache) => cache.evictMatching(glob`7*`),
  clear: (cache) => cache.clear(),
  clearAll: (_, manager) => manager.clearAll(),
  put: (cache) => cache.put(7, 'bare'),
  putMany: (cache) => cache.putMany([[7, 'bare']]),
  'another put of a function': (cache) => cache.put(7, () => 'other'),
};

let applications = 0;

describe.each(tiers)('A put around a method, %s', (name) => {
  const tier = onTier(name);

  async function start(defaults: CacheOptions = {}) {
    const failures = recordFailures();
    const options = {
      namespace: `puts-${name}-${++applications}`,
      errorHandler: failures.handle,
      defaults: { timeouts: { store: '5s' }, ...defaults },
    } as const;
    const running: Running<Articles> = await tier.start(Articles, options);
    // In Redis the other is another application.
    const other = name === 'redis' ? await tier.start(Articles, options) : running;
    return { ...running, other, articles: running.cache('articles'), failures };
  }

  describe.each(Object.keys(puts))('%s', (how) => {
    const put = puts[how]!;

    it('leaves what is there until it ends, and then its value', async () => {
      const { service, articles, other, failures } = await start();
      await articles.put(7, 'old');
      const putting = put(service, articles);
      await service.started.opened;
      expect(await other.cache('articles').get(7)).toBe('old');
      service.door.open();
      await putting;
      expect(await other.cache('articles').get(7)).toBe('put');
      expect((await articles.explain(7)).lease).toBe('none');
      expect(articles.stats().puts).toBe(2);
      expect(failures.seen).toEqual([]);
    });

    it('lets nobody store what was read meanwhile', async () => {
      const { service, articles, other } = await start();
      if (how.includes('of the result')) return; // nobody knows the key yet
      const putting = put(service, articles);
      await service.started.opened;
      expect(await other.service.find(7)).toBe('read');
      expect(await articles.getEntry(7)).toBeUndefined();
      service.door.open();
      await putting;
      expect(await articles.get(7)).toBe('put');
    });

    // A bare value is in no order with a write that does not know its key yet.
    const isBare = (what: string) => what === 'put' || what === 'putMany';
    const rivals = Object.keys(meanwhile).filter(
      (what) => !(how.includes('of the result') && isBare(what)),
    );

    it.each(rivals)('is kept out by %s while it runs', async (what) => {
      const { service, articles, other } = await start();
      await articles.put(7, 'old');
      const putting = put(service, articles);
      await service.started.opened;
      await meanwhile[what]!(other.cache('articles'), other.manager);
      service.door.open();
      await putting;
      expect(await articles.getEntry(7)).toBeUndefined();
      await service.find(7); // and nobody holds the key
      expect(await articles.get(7)).toBe('read');
    });

    it('loses against a read that came first and stored only then, and wins', async () => {
      const { service, articles } = await start();
      const [door, begun] = [gate(), gate()];
      const reading = articles.getOrLoad(7, async () => {
        begun.open();
        await door.opened;
        return 'older';
      });
      await begun.opened;
      const putting = put(service, articles);
      await service.started.opened;
      service.door.open();
      await putting;
      door.open();
      expect(await reading).toBe('older');
      expect(await articles.get(7)).toBe('put');
    });

    it.each(Object.keys(puts))('beside %s leaves no value, whichever ends first', async (which) => {
      for (const order of ['first', 'last']) {
        const { service, articles } = await start();
        await articles.put(7, 'old');
        const second = Object.assign(Object.create(service) as Articles, {
          door: gate(),
          started: gate(),
          value: 'second',
        });
        const putting = [put(service, articles)];
        await service.started.opened;
        putting.push(puts[which]!(second, articles));
        await second.started.opened;
        const [one, two] = order === 'first' ? [service, second] : [second, service];
        one.door.open();
        await putting[order === 'first' ? 0 : 1];
        two.door.open();
        await Promise.all(putting);
        expect(await articles.getEntry(7)).toBeUndefined();
      }
    });

    it('whose method fails leaves what was there, and lets others store', async () => {
      const { service, articles, other } = await start();
      await articles.put(7, 'old');
      const error = (service.error = new Error('own'));
      service.door.open();
      await expect(put(service, articles)).rejects.toBe(error);
      expect(await articles.get(7)).toBe('old');
      expect((await articles.explain(7)).lease).toBe('none');
      await articles.evict(7);
      expect([await other.service.find(7), await articles.get(7)]).toEqual(['read', 'read']);
    });

    it('of what cannot be stored removes what it should have replaced', async () => {
      const { service, articles, failures } = await start();
      await articles.put(7, 'old');
      service.door.open();
      const value = (service.value = unstorable());
      const outcome = await put(service, articles).catch(({ code }) => String(code));
      expect(await articles.getEntry(7)).toBeUndefined();
      if (how === 'put of a function') {
        expect(outcome).toBe('CACHE_SERIALIZATION');
        expect(failures.seen).toEqual([]);
      } else {
        expect(outcome).toBe(value);
        expect(new Set(failures.seen.map(({ error }) => error.code))).toEqual(
          new Set(['CACHE_SERIALIZATION']),
        );
      }
      await service.find(7);
      expect(await articles.get(7)).toBe('read');
    });

    it('of null where the cache keeps none removes it, too', async () => {
      const { service, articles, failures } = await start({ cacheNull: false });
      await articles.put(7, 'old');
      service.door.open();
      service.value = null;
      await put(service, articles);
      expect(await articles.getEntry(7)).toBeUndefined();
      expect(failures.seen).toEqual([]);
    });
  });

  it('of a key of the result is kept out by an eviction of any key of the cache', async () => {
    const { service, articles, other } = await start();
    const creating = service.create();
    await service.started.opened;
    await other.cache('articles').evict(8);
    service.door.open();
    await creating;
    expect(await articles.getEntry(7)).toBeUndefined();
  });

  it('is not hindered by what happens to other keys', async () => {
    const { service, articles, other } = await start();
    const putting = service.save(7);
    await service.started.opened;
    await other.cache('articles').evict(8);
    await other.cache('articles').evictMatching(glob`77*`);
    await other.cache('others').clear();
    service.door.open();
    await putting;
    expect(await articles.get(7)).toBe('put');
  });

  it.each(['saveUnless', 'saveIf'] as const)(
    'that does not apply changes nothing: %s',
    async (how) => {
      const { service, articles } = await start();
      await articles.put(7, 'old');
      service.door.open();
      expect(await service[how](7)).toBe('put');
      expect(await articles.get(7)).toBe('old');
      await articles.evict(7);
      await service.find(7);
      expect(await articles.get(7)).toBe('read');
      service.value = 'other';
      await service[how](7);
      expect(await articles.get(7)).toBe('other');
    },
  );

  it('in a unit of work that is over before its first phase leaves nothing', async () => {
    const { service, articles } = await start();
    await articles.put(7, 'old');
    service.door.open();
    const failing = Promise.reject(new Error('own'));
    let saving: Promise<unknown> | undefined;
    const unit = CacheTransaction.run(() => Promise.all([(saving = service.save(7)), failing]));
    await expect(unit).rejects.toThrow('own');
    await saving;
    await until('it is abandoned', async () => (await articles.explain(7)).lease === 'none');
    expect(await articles.get(7)).not.toBe('put');
  });
});

describe('A put around a method, while Redis refuses', () => {
  const tier = onTier('redis');

  async function start(onEvictFailure: 'journal' | 'throw' = 'journal') {
    const failures = recordFailures();
    const running = await tier.start(Articles, {
      errorHandler: failures.handle,
      defaults: { onEvictFailure, timeouts: { store: '300ms' } },
    });
    const articles = running.cache('articles');
    await until('connected', () => articles.evict('nothing').catch(() => false));
    failures.seen.length = 0;
    await articles.put(7, 'old');
    return { ...running, articles, failures };
  }
  const told = ({ seen }: ReturnType<typeof recordFailures>) =>
    seen.map(({ context, error }) => [context.operation, error.code]);

  it.each(Object.keys(puts))(
    'its first phase: the method runs, and the entry goes: %s',
    async (how) => {
      const { service, articles, failures } = await start();
      await tier.refuse('put');
      const putting = puts[how]!(service, articles);
      await service.started.opened;
      await tier.permit();
      service.door.open();
      await putting;
      expect(await articles.getEntry(7)).toBeUndefined();
      expect(told(failures).length).toBeGreaterThan(0);
      expect(new Set(told(failures).map(String))).toEqual(new Set(['put,CACHE_UNAVAILABLE']));
    },
  );

  it.each(Object.keys(puts))(
    'its last phase, to store: the entry goes, and it is told: %s',
    async (how) => {
      const { service, articles, failures } = await start();
      const putting = puts[how]!(service, articles);
      await service.started.opened;
      await tier.refuse('put');
      service.door.open();
      await putting;
      await tier.permit();
      expect(await articles.getEntry(7)).toBeUndefined();
      expect(told(failures)[0]).toEqual(['put', 'CACHE_UNAVAILABLE']);
    },
  );

  it.each(['journal', 'throw'] as const)(
    'its last phase altogether: it is told, and thrown where the options say so (%s)',
    async (onEvictFailure) => {
      const { service, articles, failures } = await start(onEvictFailure);
      const putting = service.save(7);
      await service.started.opened;
      await tier.acl('-evalsha', '-eval', '-unlink');
      service.door.open();
      if (onEvictFailure === 'journal') expect(await putting).toBe('put');
      else await expect(putting).rejects.toMatchObject({ code: 'CACHE_NOT_EVICTED' });
      await tier.permit();
      expect(told(failures)).toEqual([['put', 'CACHE_UNAVAILABLE']]);
      expect(await articles.get(7)).toBeUndefined(); // it could not be removed, and is not read
    },
  );
});
