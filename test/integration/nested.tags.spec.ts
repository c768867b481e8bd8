/** A cached call within a cached call: what evicts the inner entry by a tag evicts the outer one, too. */
import { describe, expect, it } from '@jest/globals';
import {
  Cacheable,
  CacheableMany,
  CacheEvict,
  type Cache,
  fromResult,
  InjectCache,
} from 'nestjs-elasticache';
import {
  concat,
  defer,
  firstValueFrom,
  lastValueFrom,
  map,
  NEVER,
  type Observable,
  take,
} from 'rxjs';
import { gate, onTier, type Running, tiers } from '../support/cache.application.js';
import { until } from '../support/waiting.js';

interface User {
  readonly id: number;
  readonly name: string;
}

class Pages {
  static name = 'Ann';
  loads: string[] = [];
  /** Between what a page reads and its end. */
  hold: Promise<void> | undefined;

  constructor(@InjectCache('users') private readonly users: Cache<number, User>) {}

  @Cacheable('users', { tags: (id) => [`user:${id}`] })
  async user(id: number): Promise<User> {
    this.loads.push(`user ${id}`);
    return { id, name: Pages.name };
  }
  @Cacheable('users', {
    key: (id) => ['stream', id],
    returns: 'observable',
    tags: (id) => [`user:${id}`],
  })
  stream(id: number): Observable<User> {
    return defer(async () => ({ id, name: Pages.name }));
  }
  @Cacheable('users', {
    key: (id) => ['late', id],
    returns: 'observable',
    tags: fromResult(({ id }) => [`user:${id}`]),
  })
  late(id: number): Observable<User> {
    return defer(async () => ({ id, name: Pages.name }));
  }
  @Cacheable('users', {
    key: (id) => ['unless', id],
    tags: (id) => [`user:${id}`],
    unless: () => true,
  })
  async uncached(id: number): Promise<User> {
    return { id, name: Pages.name };
  }
  @CacheableMany('users', { tags: (id) => [`user:${id}`] })
  async many(ids: number[]): Promise<User[]> {
    return ids.map((id) => ({ id, name: Pages.name }));
  }

  @Cacheable('pages', { key: (way) => way })
  async page(way: string): Promise<string> {
    this.loads.push(`page ${way}`);
    const name = await this.nameBy(way);
    await this.hold;
    return `a page of ${name}`;
  }
  @Cacheable('pages', { key: (way) => ['stream', way], returns: 'observable' })
  pageStream(way: string): Observable<string> {
    this.loads.push(`page ${way}`);
    return this.stream(7).pipe(
      take(1),
      map(({ name }) => `a page of ${name}`),
    );
  }
  @Cacheable('sites', { key: (way) => way })
  async site(way: string): Promise<string> {
    return `a site with ${await this.page(way)}`;
  }
  @CacheableMany('pages', { keys: (ways: string[]) => ways.map((way) => ['many', way]) })
  async pages(ways: string[]): Promise<string[]> {
    return Promise.all(ways.map(async (way) => `one of the pages of ${await this.nameBy(way)}`));
  }
  @CacheEvict({ tags: (id) => [`user:${id}`] })
  async rename(_id: number, name: string): Promise<void> {
    Pages.name = name;
  }

  private async nameBy(way: string): Promise<string> {
    const load = async () => ({ id: 7, name: Pages.name });
    const options = { tags: ['user:7'] };
    switch (way) {
      case 'get':
        return (await this.users.get(7))?.name ?? (await this.user(7)).name;
      case 'getMany':
        return (await this.users.getMany([7])).get(7)?.name ?? (await this.user(7)).name;
      case 'getOrLoad':
        return (await this.users.getOrLoad(7, load, options)).name;
      case 'a batch':
        return (await this.many([7, 8]))[0]!.name;
      case 'the first of a stream':
        return (await firstValueFrom(concat(this.stream(7), NEVER))).name;
      case 'one of a stream':
        return (await firstValueFrom(this.stream(7).pipe(take(1)))).name;
      case 'two at once':
        return (await Promise.all([this.user(7), this.user(7)]))[0].name;
      case 'what is not stored':
        return (await this.uncached(7)).name;
      default:
        return (await this.user(7)).name;
    }
  }
}

const ways = [
  'find',
  'get',
  'getMany',
  'getOrLoad',
  'a batch',
  'the first of a stream',
  'one of a stream',
  'two at once',
  'what is not stored',
];

describe.each(tiers)('Nested tags, %s', (name) => {
  const tier = onTier(name);
  let namespaces = 0;
  const options = () => ({
    namespace: `nested-${name}-${++namespaces}`,
    defaults: { timeouts: { store: '5s' } } as const,
  });
  const start = async (namespaced: object = options()) => {
    Pages.name = 'Ann';
    return tier.start(Pages, { ...options(), ...namespaced, caches: { users: {} } });
  };
  const pagesOf = ({ service }: Running<Pages>) =>
    service.loads.filter((load) => load.startsWith('page')).length;

  it.each(ways)('reach what was made of the inner entry, loaded or found: %s', async (way) => {
    const running = await start();
    const { service, manager } = running;
    for (const before of [async () => undefined, () => service.user(7), () => service.many([7])]) {
      await before();
      expect(await service.page(way)).toBe(`a page of ${Pages.name}`);
      const loads = pagesOf(running);
      expect(await service.page(way)).toBe(`a page of ${Pages.name}`);
      expect(pagesOf(running)).toBe(loads);
      await service.rename(7, `${Pages.name}a`);
      expect(await service.page(way)).toBe(`a page of ${Pages.name}`);
      expect(pagesOf(running)).toBe(loads + 1);
      await manager.evictTags('user:7');
    }
  });

  it('reach what was made of what was made of it, and batches', async () => {
    const { service } = await start();
    const both = async () => [await service.site('find'), (await service.pages(['find']))[0]];
    for (const name of ['Ann', 'Bea', 'Cleo']) {
      Pages.name = name;
      await service.rename(7, name);
      const expected = [`a site with a page of ${name}`, `one of the pages of ${name}`];
      expect(await both()).toEqual(expected);
      expect(await both()).toEqual(expected);
    }
  });

  it('are borne by the outer entry, and none where the inner one has none', async () => {
    const { service, cache } = await start();
    await service.page('find');
    expect((await cache('pages').getEntry('find'))?.tags).toEqual(['user:7']);
    await cache('plain').getOrLoad(1, () => cache('other').getOrLoad(1, async () => 'plain'));
    expect((await cache('plain').getEntry(1))?.tags).toEqual([]);
  });

  it('keep out what was evicted after it was read, and nobody joins such a load', async () => {
    const { service } = await start();
    const door = gate();
    service.hold = door.opened;
    const old = service.page('find');
    await until('the user is loaded', () => service.loads.includes('user 7'));
    await new Promise((resolve) => setImmediate(resolve));
    await service.rename(7, 'Bea');
    service.hold = undefined;
    const joined = service.page('find');
    door.open();
    await old;
    expect(await joined).toBe('a page of Bea');
    expect(await service.page('find')).toBe('a page of Bea');
  });

  it('reach what was made of the first emission alone, as a stream and where the value names them', async () => {
    const running = await start();
    const { service, cache } = running;
    for (const name of ['Ann', 'Bea', 'Cleo']) {
      await service.rename(7, name);
      expect(await lastValueFrom(service.pageStream('one'))).toBe(`a page of ${name}`);
      const late = () => firstValueFrom(service.late(7));
      const loaded = () => cache('pages').getOrLoad('late', async () => (await late()).name);
      expect(await loaded()).toBe(name);
    }
  });

  it('do not reach what others load at the same time', async () => {
    const { service, cache } = await start();
    await Promise.all([service.page('find'), cache('plain').getOrLoad(1, async () => 'plain')]);
    expect((await cache('plain').getEntry(1))?.tags).toEqual([]);
  });
});

describe('Nested tags of several applications', () => {
  const tier = onTier('both');

  it('reach the pages that each has made, by what another evicts', async () => {
    const options = {
      namespace: 'nested',
      defaults: { timeouts: { store: '5s' } as const },
      caches: { users: {} },
    };
    const [one, other] = [await tier.start(Pages, options), await tier.start(Pages, options)];
    Pages.name = 'Ann';
    expect(await one.service.page('find')).toBe('a page of Ann');
    expect(await other.service.page('find')).toBe('a page of Ann');
    expect(other.service.loads).toEqual([]);
    await other.service.rename(7, 'Bea');
    await until('Bea', async () => (await one.service.page('find')) === 'a page of Bea');
    expect(await other.service.page('find')).toBe('a page of Bea');
  });
});
