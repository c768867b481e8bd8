/** bentocache with its memory tier and its bus, tuned so that a Redis that hangs is not waited for. */
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis';
import { Redis } from 'ioredis';
import { type CreateSubject, HOST, type Row, type Write } from '../subject.js';

/** Measured to be the best for it: a command waits no longer, and then Redis is left alone for a while. */
const COMMAND_MS = 100;
const BREAK_MS = 500;
const RETRY_MS = 100;

const create: CreateSubject = async (address, rows) => {
  if (address.kind !== 'one') throw new Error('it is compared on one server');
  /** Its bus subscribes before it is connected, and does not watch what becomes of that. */
  const connect = (enableOfflineQueue: boolean) =>
    new Redis(address.port, HOST, {
      commandTimeout: COMMAND_MS,
      enableOfflineQueue,
      maxRetriesPerRequest: 0,
      retryStrategy: () => RETRY_MS,
    }).on('error', () => {});
  const connections = [connect(false), connect(true)] as const;
  const store = bentostore()
    .useL1Layer(memoryDriver({ maxItems: 10_000 }))
    .useL2Layer(redisDriver({ connection: connections[0] }))
    .useBus(redisBusDriver({ connection: connections[1] }));
  const bento = new BentoCache({
    default: 'shop',
    ttl: '1h',
    l2CircuitBreakerDuration: BREAK_MS,
    stores: { shop: store },
  });
  const read = (cache: string, load: (key: number) => Promise<Row>) => (key: number) =>
    bento.namespace(cache).getOrSet({ key: `${key}`, factory: () => load(key) });
  const change: Write = async (key, commit) => {
    await commit();
    return bento.namespace('things').delete({ key: `${key}` });
  };
  return {
    reads: {
      cold: read('cold', rows.row),
      hot: read('hot', rows.row),
      find: read('things', rows.load),
    },
    writes: { change, evict: change },
    reported: () => 0,
    isRefusal: () => false,
    close: () => bento.disconnectAll(),
  };
};
export default create;
