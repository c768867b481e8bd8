/** This library, as an application has it: a Nest context, a provider with decorated methods, a cache by hand. */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Cache, CacheManager, ElastiCacheModuleOptions } from 'nestjs-elasticache';
import {
  type Commit,
  type CreateSubject,
  groupOf,
  hasCopies,
  MAX_STALENESS_MS,
  type ReadOperation,
  type Register,
  type Subject,
  type WriteOperation,
} from '../subject.js';
import { connectCluster, urlOf } from './connect.js';
import { CACHE, declareThings, type Library, type Row, type Things } from './things.js';

/** Of an hour: an entry is loaded anew behind a read when it is 0.7 s old. */
const REFRESH = 0.0002;
/** How long a read waits for another's load: a process that is stopped must not stop all others. */
const WAIT = '300ms';

interface Application {
  readonly cache: Cache<number, Row>;
  readonly manager: CacheManager;
  readonly things: Things;
  readonly register: Register;
}

const create: CreateSubject = async (options, register) => {
  const library = (await import(options.library ?? 'nestjs-elasticache')) as Library;
  const { redis } = options;
  const cluster = redis?.isCluster ? connectCluster(redis) : undefined;
  const isNear = hasCopies(options.subject);
  const failures = { reads: 0, writes: 0 };
  const Service = declareThings(library, register, isNear);
  const context = await start(library, Service, {
    connection: redis?.connection ?? cluster ?? (redis && urlOf(redis)),
    defaults: {
      ttl: '1h',
      consistency: options.consistency,
      timeouts: { wait: WAIT, ...(options.storeMs && { store: options.storeMs }) },
      // Where memory is the only tier there is nothing else to switch off.
      ...(redis && {
        memory: isNear && { maxStaleness: options.maxStalenessMs ?? MAX_STALENESS_MS },
      }),
    },
    errorHandler: (_, { operation }) => void failures[operation === 'get' ? 'reads' : 'writes']++,
  });
  const { manager, things, close } = context;
  const application = { cache: manager.getCache<number, Row>(CACHE), manager, things, register };
  /** Failures of others' calls count, too: a promise less is looked for, and none too many. */
  const acknowledged = async (call: Promise<unknown>) => {
    const before = failures.writes;
    await call;
    return failures.writes === before;
  };
  const subject: Subject = {
    reads: [...readsOf(application), ...(isNear ? readsOfOneTier(application) : [])],
    writes: [
      ...decoratedWrites(application, acknowledged),
      ...unitsOfWork(application, { library, acknowledged }),
      ...laterEvictions(application),
      ...(isNear ? putsOfMemory(application, acknowledged) : []),
      {
        name: 'evictMatching',
        weight: 1,
        isApart: true,
        run: (key, commit) =>
          acknowledged(commit().then(() => application.cache.evictMatching(library.glob`${key}*`))),
      },
    ],
    evict: (key) => application.cache.evict(key),
    failures: () => failures.reads + failures.writes,
    async close() {
      await close();
      cluster?.disconnect();
    },
  };
  return options.subject.endsWith('/nested') ? nested(subject, application) : subject;
};
export default create;

async function start(
  library: Library,
  Service: ReturnType<typeof declareThings>,
  options: ElastiCacheModuleOptions,
) {
  @Module({ imports: [library.ElastiCacheModule.forRoot(options)], providers: [Service] })
  class CheckedModule {}
  const context = await NestFactory.createApplicationContext(CheckedModule, { logger: false });
  return {
    manager: context.get(library.CacheManager, { strict: false }),
    things: context.get(Service),
    close: () => context.close(),
  };
}

function readsOf({ cache, things, register }: Application): ReadOperation[] {
  const load = async (key: number): Promise<Row> => ({ key, version: await register.load(key) });
  const versions = (rows: Iterable<Row>) =>
    new Map(Array.from(rows, ({ key, version }) => [key, version]));
  const loadMany = async (keys: number[]) =>
    new Map(await Promise.all(keys.map(async (key) => [key, await load(key)] as const)));
  const tagsOf = (key: number) => ({ tags: [groupOf(key)] });
  return [
    {
      name: 'getOrLoad',
      weight: 6,
      run: async (key) => (await cache.getOrLoad(key, () => load(key), tagsOf(key))).version,
    },
    {
      name: 'getOrLoad that refreshes',
      weight: 1,
      run: async (key) =>
        (await cache.getOrLoad(key, () => load(key), { ...tagsOf(key), refreshAhead: REFRESH }))
          .version,
    },
    { name: '@Cacheable', weight: 6, run: async (key) => (await things.find(key)).version },
    {
      name: '@Cacheable with tags from the result',
      weight: 3,
      run: async (key) => (await things.findTagged(key)).version,
    },
    { name: 'get', weight: 3, isLook: true, run: async (key) => (await cache.get(key))?.version },
    {
      name: 'getMany',
      weight: 1,
      isLook: true,
      runMany: async (keys) => versions((await cache.getMany(keys)).values()),
    },
    {
      name: 'getOrLoadMany',
      weight: 1,
      // Each gets the tags of all: more than it needs, and so evicted more often.
      runMany: async (keys) =>
        versions((await cache.getOrLoadMany(keys, loadMany, { tags: keys.map(groupOf) })).values()),
    },
    {
      name: '@CacheableMany',
      weight: 1,
      runMany: async (keys) => versions(await things.findMany(keys)),
    },
  ];
}

/** What is made of cached rows, and is invalidated by their tags alone. */
function nested(subject: Subject, { manager, things }: Application): Subject {
  const reads: Record<string, (key: number) => Promise<Row | undefined>> = {
    'a page': (key) => things.page(key),
    'a page whose row names its tags': (key) => things.pageOfTagged(key),
    'a site of pages': (key) => things.site(key),
    'a row': (key) => things.find(key),
  };
  const pages = manager.getCache<number, Row>('pages');
  const look = {
    name: 'get',
    isLook: true,
    run: async (key: number) => (await pages.get(key))?.version,
  };
  return {
    ...subject,
    reads: [
      ...Object.entries(reads).map(([name, read]) => ({
        name,
        weight: 1,
        run: async (key: number) => (await read(key))?.version,
      })),
      { ...look, weight: 1 },
    ],
    writes: subject.writes.filter(({ reaches }) => reaches === 'group'),
    evict: (key) => manager.evictTags(groupOf(key)),
  };
}

/** Those that go without one tier of their cache. */
function readsOfOneTier({ cache, things, register }: Application): ReadOperation[] {
  const load = async (key: number): Promise<Row> => ({ key, version: await register.load(key) });
  return [
    {
      name: 'getOrLoad without memory',
      weight: 1,
      run: async (key) =>
        (await cache.getOrLoad(key, () => load(key), { tags: [groupOf(key)], memory: false }))
          .version,
    },
    {
      name: '@Cacheable without the shared tier',
      weight: 3,
      run: async (key) => (await things.findHere(key)).version,
    },
  ];
}

function putsOfMemory(
  { cache, things }: Application,
  acknowledged: Acknowledged,
): WriteOperation[] {
  const options = (key: number) => ({ tags: [groupOf(key)], shared: false as const });
  return [
    {
      name: 'put without the shared tier',
      weight: 2,
      isPut: true,
      run: (key, commit) =>
        acknowledged(cache.put(key, async () => ({ key, version: await commit() }), options(key))),
    },
    {
      name: '@CachePut without the shared tier',
      weight: 2,
      isPut: true,
      run: (key, commit) => acknowledged(things.saveHere(key, commit)),
    },
  ];
}

type Acknowledged = (call: Promise<unknown>) => Promise<boolean>;
type Call = (key: number, commit: Commit) => Promise<unknown>;

/** Whose invalidation has the write within it: in strict mode they are all there is. */
function decoratedWrites(
  { cache, things }: Application,
  acknowledged: Acknowledged,
): WriteOperation[] {
  const put: Call = (key, commit) =>
    cache.put(key, async () => ({ key, version: await commit() }), { tags: [groupOf(key)] });
  const decorated = (name: string, weight: number, call: Call): WriteOperation => ({
    name,
    weight,
    run: (key, commit) => acknowledged(call(key, commit)),
  });
  return [
    { ...decorated('put', 3, put), isPut: true },
    { ...decorated('@CachePut', 3, (key, commit) => things.save(key, commit)), isPut: true },
    {
      ...decorated('@CachePut with a key from the result', 2, (key, commit) =>
        things.create(key, commit),
      ),
      isPut: true,
    },
    decorated('@CacheEvict', 3, (key, commit) => things.change(key, commit)),
    decorated('@CacheEvict with a key from the result', 1, (key, commit) =>
      things.changeNamed(key, commit),
    ),
    {
      ...decorated('@CacheEvict with tags', 2, (key, commit) => things.changeGroup(key, commit)),
      reaches: 'group',
    },
    {
      ...decorated('@CacheEvict of all', 1, (key, commit) => things.changeAll(key, commit)),
      reaches: 'all',
    },
  ];
}

/** The invalidation is told before the commit, and done after it. */
function unitsOfWork(
  { cache, manager }: Application,
  { library, acknowledged }: { library: Library; acknowledged: Acknowledged },
): WriteOperation[] {
  const unit =
    (told: (key: number) => Promise<unknown>): WriteOperation['run'] =>
    (key, commit) =>
      acknowledged(
        library.CacheTransaction.run(async () => {
          await told(key);
          await commit();
        }),
      );
  return [
    { name: 'evict in a unit of work', weight: 2, run: unit((key) => cache.evict(key)) },
    {
      name: 'evictTags in a unit of work',
      weight: 1,
      reaches: 'group',
      run: unit((key) => manager.evictTags(groupOf(key))),
    },
  ];
}

/** The write first, and then, apart from it, its invalidation. */
function laterEvictions({ cache, manager }: Application): WriteOperation[] {
  const after =
    (evict: (key: number) => Promise<boolean>): WriteOperation['run'] =>
    async (key, commit) => {
      await commit();
      return evict(key);
    };
  return [
    { name: 'evict', weight: 3, isApart: true, run: after((key) => cache.evict(key)) },
    {
      name: 'evictTags',
      weight: 2,
      isApart: true,
      reaches: 'group',
      run: after((key) => manager.evictTags(groupOf(key))),
    },
    { name: 'clear', weight: 1, isApart: true, reaches: 'all', run: after(() => cache.clear()) },
  ];
}
