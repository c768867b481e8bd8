/** This library by its defaults, in a Nest application. */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Cluster, Redis } from 'ioredis';
import {
  Cacheable,
  CacheError,
  CacheEvict,
  CacheManager,
  ElastiCacheModule,
  type ElastiCacheModuleOptions,
} from 'nestjs-elasticache';
import {
  type Address,
  CACHES,
  type CreateSubject,
  type Commit,
  HOST,
  type Row,
  type Rows,
} from '../subject.js';

const create: CreateSubject = async (address, rows) => {
  const { connection, end } = connect(address);
  const failures = new Map<string, number>();
  const Shop = declareShop(rows);
  const module = ElastiCacheModule.forRoot({
    connection,
    defaults: { ttl: '1h' },
    caches: {
      [CACHES.strict]: { consistency: 'strict' },
      // Nobody reads them twice; and ten thousand of them would be a heap that grows for minutes.
      [CACHES.cold]: { memory: { maxEntries: 100 } },
    },
    errorHandler(_, { operation, cache, key = '*' }) {
      if (operation === 'get' || operation === 'put') return;
      const name = `${cache}:${key}`;
      failures.set(name, (failures.get(name) ?? 0) + 1);
    },
  });
  @Module({ imports: [module], providers: [Shop] })
  class ShopModule {}
  const context = await NestFactory.createApplicationContext(ShopModule, { logger: false });
  const shop = context.get(Shop);
  const cache = context.get(CacheManager, { strict: false }).getCache<number, Row>(CACHES.default);
  const reported = (name: string, key: number) =>
    ['*', key].reduce<number>((sum, of) => sum + (failures.get(`${name}:${of}`) ?? 0), 0);
  const unlessReported = async (name: string, key: number, change: Promise<unknown>) => {
    const before = reported(name, key);
    await change;
    return reported(name, key) === before;
  };
  return {
    reads: shop,
    writes: {
      change: (key, commit) => unlessReported(CACHES.default, key, shop.change(key, commit)),
      changeStrictly: (key, commit) =>
        unlessReported(CACHES.strict, key, shop.changeStrictly(key, commit)),
      async evict(key, commit) {
        await commit();
        return cache.evict(key);
      },
    },
    reported,
    isRefusal: (error) => error instanceof CacheError && error.code === 'CACHE_NOT_GUARDED',
    async close() {
      await context.close();
      end();
    },
  };
};
export default create;

function declareShop(rows: Rows) {
  class Shop {
    @Cacheable(CACHES.cold)
    cold(id: number): Promise<Row> {
      return rows.row(id);
    }

    @Cacheable(CACHES.hot)
    hot(id: number): Promise<Row> {
      return rows.row(id);
    }

    @Cacheable(CACHES.cold)
    broken(_id: number): Promise<Row> {
      return rows.fail();
    }

    @Cacheable(CACHES.default)
    find(key: number): Promise<Row> {
      return rows.load(key);
    }

    @CacheEvict(CACHES.default, { key: (key: number) => key })
    change(_key: number, commit: Commit): Promise<void> {
      return commit();
    }

    @Cacheable(CACHES.strict)
    findStrictly(key: number): Promise<Row> {
      return rows.load(key);
    }

    @CacheEvict(CACHES.strict, { key: (key: number) => key })
    changeStrictly(_key: number, commit: Commit): Promise<void> {
      return commit();
    }
  }
  return Shop;
}

type Connection = NonNullable<ElastiCacheModuleOptions['connection']>;

/** A sentinel's and a cluster's clients are the application's own: by ioredis' defaults. */
function connect(address: Address): { connection: Connection; end: () => void } {
  if (address.kind === 'one') {
    return { connection: `redis://${HOST}:${address.port}`, end: () => {} };
  }
  const client =
    address.kind === 'sentinel'
      ? new Redis({ name: address.name, sentinels: [{ host: HOST, port: address.port }] })
      : new Cluster(address.ports.map((port) => ({ host: HOST, port })));
  client.on('error', () => {});
  return { connection: client, end: () => client.disconnect() };
}
