/**
 * Many tenants under load on one application, all asking for the same few keys. Every value says whose
 * it is by a storage that the library knows nothing of, so that whatever reaches another is seen: an
 * entry, a copy, a shared load, or a loader that runs in somebody else's context.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

import { NestFactory } from '@nestjs/core';
import type * as Library from 'nestjs-elasticache';
import { concatMap, defer, lastValueFrom, of } from 'rxjs';
import { Random } from '../coherence/random.js';

export interface LoadOptions {
  /** What is put to the test: the built library, or one with a mistake planted. */
  readonly library: typeof Library;
  /** Omitted: memory is the only tier. */
  readonly connection?: string;
  readonly copies: boolean;
  readonly tenants: number;
  readonly seconds: number;
  /** And for so many calls, however slow the machine; default none. */
  readonly atLeast?: number;
  readonly seed: number;
  /** Such as secret keys and sealed values. */
  readonly more?: Library.ElastiCacheModuleOptions;
}

export interface LoadOutcome {
  readonly calls: number;
  readonly loads: number;
  /** The first value that reached somebody else. */
  readonly mixed: string | undefined;
}

interface Who {
  readonly tenant: string;
  readonly user: string;
}

interface Owned extends Who {
  readonly what: string;
}

const USERS = 3;
const KEYS = 4;
const CONCURRENT = 200;

const truth = new AsyncLocalStorage<Who>();

/** Comes back a few turns later, as a database does, so that calls overlap. */
async function rowOf(what: string): Promise<Owned> {
  for (let turns = what.length % 3; turns >= 0; turns--) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { what, ...truth.getStore()! };
}

function serviceOf({ Cacheable, CacheableMany, CacheEvict, CachePut }: typeof Library) {
  class Service {
    loads = 0;

    @Cacheable('invoices', { tags: (key: number) => [`invoice:${key}`] })
    async find(key: number): Promise<Owned> {
      this.loads++;
      return rowOf(`invoice ${key}`);
    }

    @Cacheable('drafts')
    async draft(key: number): Promise<Owned> {
      return rowOf(`draft ${key}`);
    }

    @Cacheable('pages', { tags: ['pages'] })
    async page(key: number): Promise<Owned & { parts: Owned[] }> {
      const parts = [await this.find(key), await this.find(key + 1)];
      return { ...(await rowOf(`page ${key}`)), parts };
    }

    @CacheableMany('invoices', { keys: (keys: number[]) => keys })
    async findMany(keys: number[]): Promise<Owned[]> {
      return Promise.all(keys.map((key) => rowOf(`invoice ${key}`)));
    }

    @Cacheable('streams', { returns: 'observable' })
    watch(key: number) {
      return defer(() => of(key)).pipe(concatMap((one) => rowOf(`stream ${one}`)));
    }

    @CachePut('invoices', { key: (key: number) => key })
    async save(key: number): Promise<Owned> {
      return rowOf(`saved ${key}`);
    }

    @CacheEvict('invoices', { key: (key: number) => key })
    async remove(_key: number): Promise<void> {}

    @CacheEvict({ tags: (key: number) => [`invoice:${key}`] })
    async removeTagged(_key: number): Promise<void> {}
  }
  return Service;
}

/** Runs the load until the time is over, or until something has reached somebody else. */
export async function loadTenants(options: LoadOptions): Promise<LoadOutcome> {
  const { library, seconds, seed, tenants, atLeast = 0 } = options;
  const Service = serviceOf(library);
  const cacheModule = library.ElastiCacheModule.forRoot(moduleOptions(options));
  class AppModule {}
  const app = await NestFactory.createApplicationContext(
    { module: AppModule, imports: [cacheModule], providers: [Service] },
    { logger: false },
  );
  const service = app.get(Service);
  const invoices = app.get(library.CacheManager).getCache<number, Owned>('invoices');
  const until = performance.now() + seconds * 1_000;
  let calls = 0;
  let mixed: string | undefined;

  const operations = operationsOf(service, invoices);
  const one = async (random: Random): Promise<void> => {
    const who = {
      tenant: `t${Math.floor(random.upTo(tenants))}`,
      user: `u${Math.floor(random.upTo(USERS))}`,
    };
    const [name, run, isOfUser] = random.pick(operations);
    const key = Math.floor(random.upTo(KEYS));
    const found = await truth.run(who, () =>
      library.CacheContext.run(who, () => run(key, `t${Math.floor(random.upTo(tenants))}`)),
    );
    calls++;
    const wrong = found.find(
      (value) => value.tenant !== who.tenant || (isOfUser && value.user !== who.user),
    );
    if (wrong !== undefined)
      mixed ??= `${name} of ${JSON.stringify(who)}: ${JSON.stringify(wrong)}`;
  };
  const worker = async (number: number): Promise<void> => {
    const random = new Random(seed * 1_000 + number);
    const isOver = () => performance.now() >= until && calls > atLeast;
    while (mixed === undefined && !isOver()) await one(random);
  };
  try {
    await Promise.all(Array.from({ length: CONCURRENT }, (_, number) => worker(number)));
  } finally {
    await app.close();
  }
  return { calls, loads: service.loads, mixed };
}

type Operation = readonly [
  name: string,
  run: (key: number, other: string) => Promise<Owned[]>,
  isOfUser?: boolean,
];

function operationsOf(
  service: InstanceType<ReturnType<typeof serviceOf>>,
  invoices: Library.Cache<number, Owned>,
): Operation[] {
  const read: Operation = ['find', async (key) => [await service.find(key)]];
  const values = (found: Iterable<Owned | undefined>) => [...found].flatMap((one) => one ?? []);
  return [
    read,
    read,
    read,
    ['draft', async (key) => [await service.draft(key)], true],
    [
      'page',
      async (key) => {
        const { parts, ...page } = await service.page(key);
        return [page, ...parts];
      },
    ],
    ['findMany', (key) => service.findMany([key, key + 1])],
    ['watch', async (key) => [await lastValueFrom(service.watch(key))]],
    ['save', async (key) => [await service.save(key)]],
    ['remove', async (key) => (await service.remove(key), [])],
    ['removeTagged', async (key) => (await service.removeTagged(key), [])],
    ['get', async (key) => values([await invoices.get(key)])],
    ['getMany', async (key) => values((await invoices.getMany([key, key + 1])).values())],
    ['getOrLoad', async (key) => [await invoices.getOrLoad(key, () => rowOf(`loaded ${key}`))]],
    ['put', async (key) => (await invoices.put(key, () => rowOf(`put ${key}`)), [])],
    ['clear of another', async (_, other) => (await invoices.forTenant(other).clear(), [])],
    ['evict', async (key) => (await invoices.evict(key), [])],
  ];
}

function moduleOptions({
  connection,
  copies,
  seed,
  more,
}: LoadOptions): Library.ElastiCacheModuleOptions {
  return {
    ...(connection !== undefined && { connection }),
    namespace: `tenants${seed}`,
    tenancy: { resolve: () => truth.getStore()?.tenant },
    defaults: {
      ttl: '40ms', // short, so that there is always something to load
      staleWhileRevalidate: '20ms',
      refreshAhead: 0.5,
      timeouts: { store: '10s' },
      // Fewer than there are tenants and keys, so that they take each other's room.
      memory: connection !== undefined && !copies ? false : { maxEntries: 100 },
    },
    // Fewer than calls, so that one tenant's load waits for another's to end.
    caches: { invoices: { loads: { concurrent: 10 } }, drafts: { scope: 'user' } },
    ...more,
  };
}
